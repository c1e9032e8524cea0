//! `cargo xtask conformance schemas`: real registry clients, each against an empty node of its own.

use crate::server::TemporaryBole;
use crate::tools::{self, Packages};
use crate::{process, tools::go_caches};
use anyhow::{Result, bail};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How long one script may take before it counts as hung.
const SCRIPT_SECONDS_MAX: &str = "300";

/// Options of `cargo xtask conformance schemas`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Run only the clients whose name starts with this (may be repeated)
    #[arg(long = "client")]
    pub clients: Vec<String>,
}

/// A client library with its script in `conformance/schemas/`.
struct Client {
    name: &'static str,
    programs: &'static [&'static str],
    packages: Packages,
    command: fn(&Path) -> Command,
}

/// Every client of the registry.
const CLIENTS: [Client; 3] = [
    Client {
        name: "python",
        programs: &["python3"],
        packages: Packages { room: "schemas-python", ..tools::PYTHON },
        command: |folder| {
            let mut command = script(&process::tools_dir().join("schemas-python/bin/python"));
            command.arg(folder.join("run.py")).env("PYTHONDONTWRITEBYTECODE", "1");
            command
        },
    },
    Client {
        name: "node",
        programs: &["node", "npm"],
        packages: Packages { room: "schemas-node", ..tools::NODE },
        command: |folder| {
            let mut command = script(Path::new("node"));
            command.arg(folder.join("run.js"));
            command.env("NODE_PATH", process::tools_dir().join("schemas-node/node_modules"));
            command
        },
    },
    Client {
        name: "go",
        programs: &["go"],
        packages: Packages { room: "schemas-go", ..tools::GO },
        command: |folder| {
            let mut command = script(Path::new("go"));
            command.args(["run", "."]).envs(go_caches()).current_dir(folder);
            command
        },
    },
];

fn script(program: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.arg(SCRIPT_SECONDS_MAX).arg(program);
    command
}

fn folder(client: &Client) -> PathBuf {
    process::repository().join("conformance/schemas").join(client.name)
}

/// Runs the clients; fails when a script fails, or when one could not run that was to.
pub fn run(args: &Args) -> Result<()> {
    let wanted = |client: &&Client| {
        args.clients.is_empty() || args.clients.iter().any(|name| client.name.starts_with(name.as_str()))
    };
    let chosen: Vec<&Client> = CLIENTS.iter().filter(wanted).collect();
    if chosen.is_empty() {
        bail!("no client {:?}; there are python, node and go", args.clients);
    }
    let mut failed = Vec::new();
    for client in &chosen {
        if let Some(program) = client.programs.iter().find(|program| !process::installed(program)) {
            println!("{}: `{program}` is not installed", client.name);
            failed.push(client.name);
            continue;
        }
        tools::fetch_packages(&client.packages, &folder(client))?;
        let bole = TemporaryBole::start(&format!("conformance-schemas-{}", client.name))?;
        if !judge(client, bole.schemas())? {
            failed.push(client.name);
        }
        bole.still_runs()?;
    }
    println!("\nclients of the schema registry: {} of {} passed", chosen.len() - failed.len(), chosen.len());
    if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
}

fn judge(client: &Client, server: SocketAddr) -> Result<bool> {
    let mut command = (client.command)(&folder(client));
    command.env("BOLE_SCHEMAS_URL", format!("http://{server}"));
    Ok(process::status(&mut command)?.success())
}
