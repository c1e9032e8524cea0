//! The Kafka clients, and the run of their scripts against the streams service or against Apache Kafka itself.

use super::Plan;
use super::clients::{Client, go, node, python, script};
use crate::server::{self, Profile, Settings, TemporaryBole};
use crate::tools::{self, Packages};
use crate::{kafka, process};
use anyhow::Result;
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

/// Names the listener that the SASL scripts test; the others that they read are told in `confluent_secure.py`.
const SASL_BOOTSTRAP: &str = "BOLE_STREAMS_SASL_BOOTSTRAP";
const SASL_USER: &str = "BOLE_STREAMS_SASL_USER";
const SASL_PASSWORD: &str = "BOLE_STREAMS_SASL_PASSWORD";
/// Names the program of Bole, for the script that starts nodes of its own with doors that a run of all clients cannot have.
const BINARY: &str = "BOLE_BINARY";
/// The clients that every run of the tests asks. The others are run by `cargo xtask conformance streams`.
const IN_TESTS: &[&str] = &[
    "confluent-kafka",
    "extensions-confluent-kafka",
    "feeds-confluent-kafka",
    "feeds-of-tables-confluent-kafka",
    "feeds-of-tables-kcat",
    "security-confluent-kafka",
    "sasl-confluent-kafka",
    "kafka-python",
    "kafkajs",
    "kcat",
];
/// Kafka's own default, by which the scripts know where records of a topic that nobody made are.
const ONE_PARTITION: (&str, &str) = ("BOLE_STREAMS_DEFAULT_PARTITIONS", "1");
/// Scripts at a time: they share nothing but the server, and most of their time is waiting.
const JOBS: usize = 3;

const PYTHON: Packages = Packages { room: "python-streams", ..tools::PYTHON };

/// Every client of the streams service.
pub const CLIENTS: &[Client] = &[
    Client {
        name: "confluent-kafka",
        folder: "streams/python",
        programs: &["python3"],
        only_with: None,
        packages: Some(PYTHON),
        command: |folder| python(folder, "python-streams", "confluent_run.py"),
    },
    Client {
        name: "kafka-python",
        folder: "streams/python",
        programs: &["python3"],
        only_with: None,
        packages: Some(PYTHON),
        command: |folder| python(folder, "python-streams", "kafka_python_run.py"),
    },
    Client {
        name: "extensions-confluent-kafka",
        folder: "streams/python",
        programs: &["python3"],
        only_with: Some(BINARY),
        packages: Some(PYTHON),
        command: |folder| python(folder, "python-streams", "confluent_extensions.py"),
    },
    Client {
        name: "feeds-confluent-kafka",
        folder: "streams/python",
        programs: &["python3"],
        only_with: Some(BINARY),
        packages: Some(PYTHON),
        command: |folder| python(folder, "python-streams", "confluent_feeds.py"),
    },
    Client {
        name: "feeds-of-tables-confluent-kafka",
        folder: "streams/python",
        programs: &["python3"],
        only_with: Some(BINARY),
        packages: Some(PYTHON),
        command: |folder| python(folder, "python-streams", "confluent_tables.py"),
    },
    Client {
        name: "feeds-of-tables-kcat",
        folder: "streams/python",
        programs: &["python3", "kcat"],
        only_with: Some(BINARY),
        packages: Some(PYTHON),
        command: |folder| {
            let mut command = python(folder, "python-streams", "confluent_tables.py");
            command.arg("kcat");
            command
        },
    },
    Client {
        name: "security-confluent-kafka",
        folder: "streams/python",
        programs: &["python3", "openssl"],
        only_with: Some(BINARY),
        packages: Some(PYTHON),
        command: |folder| python(folder, "python-streams", "confluent_security.py"),
    },
    Client {
        name: "java",
        folder: "streams/java",
        programs: kafka::PROGRAMS,
        only_with: None,
        packages: Some(tools::JAVA),
        command: |_| timed(&kafka::java(), "conformance.Main"),
    },
    Client {
        name: "kafka-tools",
        folder: "streams/java",
        programs: kafka::PROGRAMS,
        only_with: None,
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
        only_with: None,
        packages: Some(Packages { room: "go-streams", ..tools::GO }),
        command: go,
    },
    Client {
        name: "kafkajs",
        folder: "streams/node",
        programs: &["node", "npm"],
        only_with: None,
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
        only_with: None,
        packages: None,
        command: |folder| script("bash", &[&folder.join("run.sh")]),
    },
    Client {
        name: "sasl-confluent-kafka-plain",
        folder: "streams/python",
        programs: &["python3"],
        only_with: Some(SASL_BOOTSTRAP),
        packages: Some(PYTHON),
        command: |folder| with_mechanism(python(folder, "python-streams", "confluent_secure.py"), "PLAIN"),
    },
    Client {
        name: "sasl-confluent-kafka-scram",
        folder: "streams/python",
        programs: &["python3"],
        only_with: Some(SASL_BOOTSTRAP),
        packages: Some(PYTHON),
        command: |folder| {
            with_mechanism(python(folder, "python-streams", "confluent_secure.py"), "SCRAM-SHA-256")
        },
    },
    Client {
        name: "sasl-java-plain",
        folder: "streams/java",
        programs: kafka::PROGRAMS,
        only_with: Some(SASL_BOOTSTRAP),
        packages: Some(tools::JAVA),
        command: |_| with_mechanism(timed(&kafka::java(), "conformance.Secure"), "PLAIN"),
    },
    Client {
        name: "sasl-java-scram",
        folder: "streams/java",
        programs: kafka::PROGRAMS,
        only_with: Some(SASL_BOOTSTRAP),
        packages: Some(tools::JAVA),
        command: |_| with_mechanism(timed(&kafka::java(), "conformance.Secure"), "SCRAM-SHA-256"),
    },
];

fn with_mechanism(mut command: Command, mechanism: &str) -> Command {
    command.env("BOLE_STREAMS_SASL_MECHANISM", mechanism);
    command
}

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
        return run_all(&chosen, crate::tair::resolve(address)?, all, &[]);
    }
    if args.peer {
        return against_peer(&chosen, all);
    }
    against_bole(&chosen, all)
}

/// Two nodes: one that lets everybody in, and one that asks who clients are.
fn against_bole(clients: &[&Client], all: bool) -> Result<()> {
    let bole = TemporaryBole::start_with("conformance-streams", &[ONE_PARTITION])?;
    let asks = [ONE_PARTITION, ("BOLE_STREAMS_ANONYMOUS", "off")];
    let asking = TemporaryBole::start_with("conformance-streams-sasl", &asks)?;
    let more = [
        (BINARY, server::binary(Profile::Debug).display().to_string()),
        (SASL_BOOTSTRAP, asking.streams().to_string()),
        (SASL_USER, "bole".to_owned()),
        (SASL_PASSWORD, "bolebole".to_owned()),
    ];
    let judged = run_all(clients, bole.streams(), all, &more);
    bole.still_runs().and(asking.still_runs()).and(judged)
}

/// Runs the clients of [`IN_TESTS`], as a part of `cargo xtask test`.
pub fn run_in_tests() -> Result<()> {
    let clients = IN_TESTS.iter().map(|name| (*name).to_owned()).collect();
    run(&Args { clients, ..Args::default() })
}

fn against_peer(clients: &[&Client], all: bool) -> Result<()> {
    let data = tempfile::tempdir()?;
    let log = process::target_dir().join("conformance-streams-peer.log");
    let settings = Settings { log: Some(log.clone()), ..Settings::default() };
    let [sasl] = server::free_ports()?;
    let users = kafka::Sasl { port: sasl, user: "alice", password: "secret-of-alice" };
    let options = kafka::Options { properties: kafka::FOR_CONFORMANCE, sasl: Some(&users) };
    let peer = kafka::start(&data.path().join("kafka"), &settings, &options)?;
    println!("kafka listens on {}; its log: {}", peer.address, log.display());
    let secure = [
        (SASL_BOOTSTRAP, format!("127.0.0.1:{sasl}")),
        (SASL_USER, users.user.to_owned()),
        (SASL_PASSWORD, users.password.to_owned()),
    ];
    run_all(clients, peer.address, all, &secure)
}

fn run_all(clients: &[&Client], server: SocketAddr, all: bool, more: &[(&str, String)]) -> Result<()> {
    let mut env = vec![("BOLE_STREAMS_BOOTSTRAP", server.to_string())];
    env.extend(more.iter().cloned());
    super::run_all("streams", clients, &Plan { all, jobs: JOBS }, &env)
}
