//! The Kafka clients, and the run of their scripts against the streams service or against Apache Kafka itself.

use super::clients::{Client, go, node, python, script};
use crate::server::{STREAMS, Settings, TemporaryBole};
use crate::tools::{self, Packages};
use crate::{kafka, process};
use anyhow::{Result, bail};
use std::net::SocketAddr;
use std::process::Command;

/// Options of `cargo xtask conformance streams`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// A running server to test, HOST:PORT; the scripts use topics and groups of their own. Starts a Bole node when absent
    #[arg(long, conflicts_with = "peer")]
    pub addr: Option<String>,
    /// Run only the clients whose name starts with this (may be repeated)
    #[arg(long = "client")]
    pub clients: Vec<String>,
    /// Start Apache Kafka and test that: what the scripts expect is what it answers
    #[arg(long)]
    pub peer: bool,
}

const PYTHON: Packages = Packages { room: "python-streams", ..tools::PYTHON };

/// Every client of the streams service.
pub const CLIENTS: &[Client] = &[
    Client {
        name: "confluent-kafka",
        folder: "streams/python",
        programs: &["python3"],
        packages: Some(PYTHON),
        command: |folder| python(folder, "python-streams", "confluent_run.py"),
    },
    Client {
        name: "kafka-python",
        folder: "streams/python",
        programs: &["python3"],
        packages: Some(PYTHON),
        command: |folder| python(folder, "python-streams", "kafka_python_run.py"),
    },
    Client {
        name: "java",
        folder: "streams/java",
        programs: kafka::PROGRAMS,
        packages: Some(tools::JAVA),
        command: |_| timed(&kafka::java(), "conformance.Main"),
    },
    Client {
        name: "kafka-tools",
        folder: "streams/java",
        programs: kafka::PROGRAMS,
        packages: Some(tools::JAVA),
        command: |folder| {
            let mut command = script("bash", &[&folder.join("../kafka-tools/run.sh")]);
            command.env("BOLE_KAFKA_ROOM", kafka::room());
            command
        },
    },
    Client {
        name: "franz-go",
        folder: "streams/go",
        programs: &["go"],
        packages: Some(Packages { room: "go-streams", ..tools::GO }),
        command: go,
    },
    Client {
        name: "kafkajs",
        folder: "streams/node",
        programs: &["node", "npm"],
        packages: Some(Packages { room: "node-streams", ..tools::NODE }),
        command: |folder| {
            let mut command = node(folder, "node-streams", "kafkajs.js");
            command.env("KAFKAJS_NO_PARTITIONER_WARNING", "1");
            command
        },
    },
    Client {
        name: "kcat",
        folder: "streams/kcat",
        programs: &["kcat", "bash"],
        packages: None,
        command: |folder| script("bash", &[&folder.join("run.sh")]),
    },
];

/// A Java program with a limit to its time.
fn timed(java: &Command, class: &str) -> Command {
    let mut command = script(java.get_program(), &[]);
    command.args(java.get_args()).arg(class);
    command
}

/// Runs the Kafka clients; fails when a script fails, or when too few clients could run.
pub fn run(args: &Args) -> Result<()> {
    let chosen = super::choose(CLIENTS, &args.clients)?;
    let all = args.clients.is_empty();
    if let Some(address) = &args.addr {
        return run_all(&chosen, crate::tair::resolve(address)?, all);
    }
    if args.peer {
        return against_peer(&chosen, all);
    }
    if !STREAMS {
        bail!(
            "this Bole has no streams service yet: name a running server with --addr, or test Kafka with --peer"
        );
    }
    let bole = TemporaryBole::start("conformance-streams")?;
    let judged = run_all(&chosen, bole.streams(), all);
    bole.still_runs().and(judged)
}

fn against_peer(clients: &[&Client], all: bool) -> Result<()> {
    let data = tempfile::tempdir()?;
    let log = process::target_dir().join("conformance-streams-peer.log");
    let settings = Settings { log: Some(log.clone()), ..Settings::default() };
    let peer = kafka::start(&data.path().join("kafka"), &settings, kafka::FOR_CONFORMANCE)?;
    println!("kafka listens on {}; its log: {}", peer.address, log.display());
    run_all(clients, peer.address, all)
}

fn run_all(clients: &[&Client], server: SocketAddr, all: bool) -> Result<()> {
    super::run_all("streams", clients, all, &[("BOLE_STREAMS_BOOTSTRAP", server.to_string())])
}
