//! The Redis clients, and the run of their scripts against the keyspace.

use super::Plan;
use super::clients::{Client, node, python, script};
use crate::server::TemporaryBole;
use crate::tools;
use anyhow::Result;
use std::net::SocketAddr;
use std::process::Command;

/// Options of `cargo xtask conformance keyspace`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// A running server to test, HOST:PORT; its data is flushed. Starts a Bole node when absent
    #[arg(long)]
    pub addr: Option<String>,
    /// Run only the clients whose name starts with this (may be repeated)
    #[arg(long = "client")]
    pub clients: Vec<String>,
}

/// Every client of the keyspace.
pub const CLIENTS: &[Client] = &[
    Client {
        name: "redis-cli",
        folder: "keyspace/redis-cli",
        programs: &["redis-cli", "bash"],
        only_with: None,
        packages: None,
        command: |folder| script("bash", &[&folder.join("run.sh")]),
    },
    Client {
        name: "redis-py-resp2",
        folder: "keyspace/redis-py",
        programs: &["python3"],
        only_with: None,
        packages: Some(tools::PYTHON),
        command: |folder| with_protocol(python(folder, "python", "run.py"), "2"),
    },
    Client {
        name: "redis-py-resp3",
        folder: "keyspace/redis-py",
        programs: &["python3"],
        only_with: None,
        packages: Some(tools::PYTHON),
        command: |folder| with_protocol(python(folder, "python", "run.py"), "3"),
    },
    Client {
        name: "ioredis-resp2",
        folder: "keyspace/node",
        programs: &["node", "npm"],
        only_with: None,
        packages: Some(tools::NODE),
        command: |folder| with_protocol(node(folder, "node", "ioredis.js"), "2"),
    },
    Client {
        name: "ioredis-resp3",
        folder: "keyspace/node",
        programs: &["node", "npm"],
        only_with: None,
        packages: Some(tools::NODE),
        command: |folder| with_protocol(node(folder, "node", "ioredis.js"), "3"),
    },
    Client {
        name: "node-redis-resp2",
        folder: "keyspace/node",
        programs: &["node", "npm"],
        only_with: None,
        packages: Some(tools::NODE),
        command: |folder| with_protocol(node(folder, "node", "node-redis.js"), "2"),
    },
    Client {
        name: "node-redis-resp3",
        folder: "keyspace/node",
        programs: &["node", "npm"],
        only_with: None,
        packages: Some(tools::NODE),
        command: |folder| with_protocol(node(folder, "node", "node-redis.js"), "3"),
    },
    Client {
        name: "go-redis",
        folder: "keyspace/go-redis",
        programs: &["go"],
        only_with: None,
        packages: Some(tools::GO),
        command: super::clients::go,
    },
];

fn with_protocol(mut command: Command, version: &str) -> Command {
    command.arg(version);
    command
}

/// Runs the Redis clients; fails when a script fails, or when too few clients could run.
pub fn run(args: &Args) -> Result<()> {
    let chosen = super::choose(CLIENTS, &args.clients)?;
    let all = args.clients.is_empty();
    if let Some(address) = &args.addr {
        return run_all(&chosen, crate::tair::resolve(address)?, all);
    }
    let bole = TemporaryBole::start("conformance-keyspace")?;
    let judged = run_all(&chosen, bole.keyspace(), all);
    bole.still_runs().and(judged)
}

fn run_all(clients: &[&Client], server: SocketAddr, all: bool) -> Result<()> {
    super::run_all(
        "keyspace",
        clients,
        &Plan { all, jobs: 1 },
        &[("BOLE_KEYSPACE_URL", format!("redis://{server}"))],
    )
}
