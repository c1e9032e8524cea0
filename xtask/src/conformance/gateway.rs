//! What real clients see of the gateway: a browser and programs that log in at a real provider.

use super::clients::{Client, node};
use crate::server::{self, TemporaryBole};
use crate::tools::{self, Packages};
use anyhow::Result;

/// Options of `cargo xtask conformance gateway`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Run only the clients whose name starts with this (may be repeated)
    #[arg(long = "client")]
    pub clients: Vec<String>,
}

/// Every client of the gateway.
pub const CLIENTS: &[Client] = &[Client {
    name: "oidc",
    folder: "gateway/oidc",
    programs: &["node", "npm"],
    only_with: None,
    packages: Some(Packages { room: "node-oidc", ..tools::NODE }),
    command: |folder| node(folder, "node-oidc", "run.js"),
}];

/// Runs the clients, each at a node of its own; fails when a script fails, or when one cannot run.
pub fn run(args: &Args) -> Result<()> {
    let mut failed = Vec::new();
    for client in super::choose(CLIENTS, &args.clients)? {
        if let Err(error) = run_one(client) {
            failed.push(format!("{}: {error:#}", client.name));
        }
    }
    anyhow::ensure!(failed.is_empty(), "{}", failed.join("; "));
    Ok(())
}

fn run_one(client: &Client) -> Result<()> {
    if let Some(program) = client.missing_program() {
        anyhow::bail!("`{program}` is not installed");
    }
    // Whatever takes minutes comes before there is a node that waits.
    tools::fetch(client)?;
    let bole = TemporaryBole::start(&format!("conformance-gateway-{}", client.name))?;
    server::wait_for(bole.gateway())?;
    server::wait_for(bole.admin())?;
    let env = [
        ("BOLE_GATEWAY_URL", format!("http://{}", bole.gateway())),
        ("BOLE_ADMIN_URL", format!("http://{}", bole.admin())),
    ];
    let judged = super::run_all("gateway", &[client], &super::Plan { all: false, jobs: 1 }, &env);
    bole.still_runs().and(judged)
}
