//! The gateway of real nodes: limits that two of them share, a document from a file, and what a kill leaves.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::node::{Node, PATIENCE};

/// Sends `GET path`; the status and the whole answer.
fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no answer: {answer}")), answer)
}

const LIMITED: &str = r#"
[routes.limited]
path = "/limited"
reply = { status = 200, body = "in" }
limits = ["all"]

[limits.all]
window = { limit = 300, period = "1h" }
key = "all"
store = "keyspace"
on_failure = "refuse"
"#;

#[test]
fn two_nodes_that_share_a_keyspace_admit_as_many_as_one() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let unreachable = &["gateway.limits_keyspace=127.0.0.1:1/15"];
    let first = Node::start_with(folders[0].path(), "127.0.0.1:0", unreachable);
    // The second node's keyspace is the first one's.
    let shared = format!("gateway.limits_keyspace={}/15", first.keyspace);
    let second = Node::start_with(folders[1].path(), "127.0.0.1:0", std::slice::from_ref(&shared));
    let third_folder = tempfile::tempdir().unwrap();
    let third = Node::start_with(third_folder.path(), "127.0.0.1:0", &[shared]);
    for node in [&second, &third] {
        let outcome = node.bole(&["gateway", "apply", "-"], LIMITED);
        assert_eq!(outcome.code, 0, "{outcome:?}");
    }
    let (admitted, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (node, admitted, refused) =
                (if thread % 2 == 0 { &second } else { &third }, &admitted, &refused);
            scope.spawn(move || {
                for _ in 0..60 {
                    match get(&node.gateway, "/limited") {
                        (200, _) => admitted.fetch_add(1, Ordering::Relaxed),
                        (429 | 503, _) => refused.fetch_add(1, Ordering::Relaxed),
                        (status, answer) => panic!("{status}: {answer}"),
                    };
                }
            });
        }
    });
    let (admitted, refused) = (admitted.into_inner(), refused.into_inner());
    assert_eq!(admitted + refused, 480);
    // Who lost the race for the state too often is refused without being counted, so it may be less, never more.
    assert!((285..=300).contains(&admitted), "{admitted} of 480 were admitted; 300 may be");

    // A keyspace that cannot be reached refuses, as the limit says.
    let outcome = first.bole(&["gateway", "apply", "-"], LIMITED);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let (status, answer) = get(&first.gateway, "/limited");
    assert!((500..600).contains(&status) || status == 429, "{answer}");
}

#[test]
fn a_document_from_a_file_is_taken_when_it_changes_and_one_that_is_wrong_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    let route = |status: u16| format!("[routes.a]\nreply = {{ status = {status} }}\n");
    std::fs::write(&file, route(201)).unwrap();
    let node = Node::start_with(folder.path(), "127.0.0.1:0", &[format!("gateway.file={}", file.display())]);
    until(|| get(&node.gateway, "/").0 == 201);
    std::fs::write(&file, route(202) + " ").unwrap();
    until(|| get(&node.gateway, "/").0 == 202);
    std::fs::write(&file, "[routes.a]\nreplay = { status = 200 }\n").unwrap();
    until(|| node.bole(&["gateway", "status"], "").out.contains("replay"));
    assert_eq!(get(&node.gateway, "/").0, 202);
    let outcome = node.bole(&["route", "remove", "a"], "");
    assert!(outcome.code != 0 && outcome.errors.contains("gateway.toml"), "{outcome:?}");
}

#[test]
fn what_was_answered_is_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    {
        let node = Node::start(folder.path());
        for args in [
            &["service", "add", "jobs", "--registry"][..],
            &["service", "register", "jobs", "one", "127.0.0.1:9", "--lease", "1h"],
            &["route", "add", "jobs", "--service", "jobs", "--path", "/jobs/*"],
        ] {
            let outcome = node.bole(args, "");
            assert_eq!(outcome.code, 0, "{args:?}: {outcome:?}");
        }
        // Dropped: killed.
    }
    let node = Node::start(folder.path());
    let outcome = node.bole(&["service", "instances", "jobs"], "");
    assert!(outcome.out.contains("127.0.0.1:9"), "{outcome:?}");
    until(|| get(&node.gateway, "/jobs/1").0 == 502);
}

fn until(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "that never came");
        std::thread::sleep(Duration::from_millis(50));
    }
}
