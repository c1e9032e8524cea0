//! The DNS clients, and the run of their scripts, each with a node of its own.

use super::clients::{Client, checks, python, script};
use crate::server::{self, Profile};
use crate::tools::{self, Packages};
use anyhow::Result;
use std::path::Path;
use std::process::Command;

/// Options of `cargo xtask conformance dns`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Run only the clients whose name starts with this (may be repeated)
    #[arg(long = "client")]
    pub clients: Vec<String>,
}

/// Every client of the DNS server.
pub const CLIENTS: &[Client] = &[
    Client {
        name: "bind",
        folder: "dns",
        programs: &["dig", "delv", "openssl", "python3"],
        only_with: None,
        packages: None,
        command: |folder| plain_python(folder, "bind_run.py"),
    },
    Client {
        name: "knot",
        folder: "dns",
        programs: &["kdig", "openssl", "python3"],
        only_with: None,
        packages: None,
        command: |folder| plain_python(folder, "knot_run.py"),
    },
    Client {
        name: "dnspython",
        folder: "dns",
        programs: &["python3", "openssl"],
        only_with: None,
        packages: Some(Packages { room: "python-dns", ..tools::PYTHON }),
        command: |folder| python(folder, "python-dns", "dnspython_run.py"),
    },
];

/// A script that needs nothing but Python and installed programs.
fn plain_python(folder: &Path, file: &str) -> Command {
    let mut command = script("python3", &[&folder.join(file)]);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONPATH", checks());
    command
}

/// Runs the clients that are chosen, or all; fails when a script fails, or when too few could run.
pub fn run(args: &Args) -> Result<()> {
    let chosen = super::choose(CLIENTS, &args.clients)?;
    server::build_bole(Profile::Debug)?;
    let binary = server::binary(Profile::Debug).display().to_string();
    let plan = super::Plan { all: args.clients.is_empty(), jobs: 1 };
    super::run_all("dns", &chosen, &plan, &[("BOLE_BINARY", binary)])
}
