//! The registry clients, and the run of their scripts, each against an empty schema registry of its own.

use super::clients::{Client, go, node, python};
use crate::server::{self, TemporaryBole};
use crate::tools::{self, Packages};
use anyhow::Result;

/// Options of `cargo xtask conformance schemas`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Run only the clients whose name starts with this (may be repeated)
    #[arg(long = "client")]
    pub clients: Vec<String>,
}

/// Every client of the schema registry.
pub const CLIENTS: &[Client] = &[
    Client {
        name: "confluent-kafka",
        folder: "schemas/python",
        programs: &["python3"],
        only_with: None,
        packages: Some(Packages { room: "python-schemas", ..tools::PYTHON }),
        command: |folder| python(folder, "python-schemas", "run.py"),
    },
    Client {
        name: "kafkajs",
        folder: "schemas/node",
        programs: &["node", "npm"],
        only_with: None,
        packages: Some(Packages { room: "node-schemas", ..tools::NODE }),
        command: |folder| node(folder, "node-schemas", "run.js"),
    },
    Client {
        name: "franz-go",
        folder: "schemas/go",
        programs: &["go"],
        only_with: None,
        packages: Some(Packages { room: "go-schemas", ..tools::GO }),
        command: go,
    },
];

/// The clients that every run of the tests asks; the others take longer than they tell.
const IN_TESTS: &[&str] = &["confluent-kafka", "kafkajs"];

/// Runs the clients; fails when a script fails, or when one cannot run.
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

/// Runs the clients of [`IN_TESTS`], as a part of `cargo xtask test`.
pub fn run_in_tests() -> Result<()> {
    run(&Args { clients: IN_TESTS.iter().map(|name| (*name).to_owned()).collect() })
}

fn run_one(client: &Client) -> Result<()> {
    if let Some(program) = client.missing_program() {
        anyhow::bail!("`{program}` is not installed");
    }
    // Whatever takes minutes comes before there is a node that waits.
    tools::fetch(client)?;
    let bole = TemporaryBole::start(&format!("conformance-schemas-{}", client.name))?;
    server::wait_for(bole.schemas())?;
    let url = format!("http://{}", bole.schemas());
    let judged = super::run_all(
        "schemas",
        &[client],
        &super::Plan { all: false, jobs: 1 },
        &[("BOLE_SCHEMAS_URL", url)],
    );
    bole.still_runs().and(judged)
}
