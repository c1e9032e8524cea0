//! A node's gateway under load, while instances (processes of their own) are killed, hung, slowed, added, drained and restarted, its document is
//! replaced, and it is stopped itself. `cargo xtask study faults` makes the same with more load and prints how long things took.

use std::net::SocketAddr;
use std::time::Duration;

use bole_testing::storm::instance::{self, Program, Settings};
use bole_testing::storm::load::{Load, Sample};
use bole_testing::storm::report;
use bole_testing::storm::stage::{Setup, Stage};
use bole_testing::storm::trouble::{self, Trouble};

use crate::node::Node;

/// With it, this program is an instance.
const INSTANCE: &str = "STORM_INSTANCE";
/// Requests that may be under way.
const CONNECTIONS: usize = 12;

/// This program, as an instance.
fn program() -> Program {
    let arguments = ["--exact", "faults::an_instance_serves_and_is_gone_when_killed", "--nocapture"];
    Program {
        program: std::env::current_exe().unwrap(),
        arguments: arguments.map(Into::into).to_vec(),
        variable: Some(INSTANCE),
    }
}

#[test]
fn an_instance_serves_and_is_gone_when_killed() {
    if let Ok(arguments) = std::env::var(INSTANCE) {
        let arguments: Vec<String> = arguments.lines().map(str::to_owned).collect();
        match instance::serve(&Settings::read(&arguments).unwrap()) {
            Err(error) => panic!("{error}"),
        }
    }
    let settings = Settings {
        name: "one".to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        workers: 1,
        work: Duration::from_millis(1),
    };
    let instance = program().start(&settings).unwrap();
    let address = instance.address;
    let load = Load {
        server: address,
        paths: vec!["/".to_owned()],
        rate: 1_000.0,
        connections: 2,
        requests: 20,
        patience: Duration::from_secs(20),
    };
    let samples = load.clone().start().finish();
    assert!(samples.iter().all(Sample::is_good), "{samples:?}");
    assert_eq!(instance.served().unwrap(), (20, 0));
    instance.kill().unwrap();
    let samples = load.start().finish();
    assert!(samples.len() == 20 && !samples.iter().any(Sample::is_good), "{samples:?}");
}

fn setup() -> Setup {
    Setup {
        algorithm: "peak-ewma".to_owned(),
        first_byte: Duration::from_secs(1),
        instances: 5,
        workers: 4,
        work: Duration::from_millis(10),
    }
}

fn load(gateway: SocketAddr) -> Load {
    Load {
        server: gateway,
        paths: Stage::paths(),
        rate: 150.0,
        connections: CONNECTIONS,
        requests: 300,
        patience: Duration::from_secs(30),
    }
}

#[test]
fn troubles_cost_no_more_requests_than_they_must() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let (gateway, admin) = (node.gateway.parse().unwrap(), node.admin().parse().unwrap());
    let mut stage = Stage::open((gateway, admin), program(), setup()).unwrap();
    let mut table = report::HEAD.to_owned();
    let mut too_many = Vec::new();
    for trouble in Trouble::ALL {
        let course = trouble::run(&mut stage, &load(gateway), trouble).unwrap();
        table.push_str(&report::row(&course));
        let ((gets, posts), most) = (course.failures(), trouble.failures_max(CONNECTIONS));
        if gets > most.0 || posts > most.1 {
            too_many.push(format!("{}: {gets} GET and {posts} POST failed, of {most:?}", trouble.name()));
        }
    }
    assert!(too_many.is_empty(), "{too_many:?}\n{table}");
    println!("{table}");

    let ended = trouble::run_to_the_end(&stage, &load(gateway), || {
        node.stop();
        Ok(())
    });
    let ended = ended.unwrap();
    assert_eq!(ended.answered(), ended.served, "what an instance answered, a client got");
    assert!(ended.broken().is_empty(), "{:?}", ended.broken());
    assert!(ended.answered() >= 100, "half of the load came before the node ended: {}", ended.answered());
}
