//! Write-behind sinks on a real node: from a topic into the keyspace.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use crate::node::{Node, Outcome, PATIENCE};

/// What the keyspace answers: a bulk string, a simple one, an error, or `nil`.
fn redis(node: &Node, words: &[&str]) -> String {
    let mut stream = TcpStream::connect(&node.keyspace).unwrap();
    let mut request = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        write!(request, "${}\r\n{word}\r\n", word.len()).unwrap();
    }
    stream.write_all(&request).unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let line = line.trim_end();
    match line.strip_prefix('$') {
        Some("-1") => "nil".to_owned(),
        Some(bytes) => {
            let mut value = vec![0; bytes.parse().unwrap()];
            reader.read_exact(&mut value).unwrap();
            String::from_utf8(value).unwrap()
        }
        None => line.to_owned(),
    }
}

fn wait_for(node: &Node, key: &str, expected: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let value = redis(node, &["GET", key]);
        if value == expected {
            return;
        }
        let status = || node.bole(&["status"], "").out;
        assert!(Instant::now() < deadline, "{key} is still {value}, not {expected}\n{}", status());
        std::thread::yield_now();
    }
}

fn run(node: &Node, line: &str, input: &str) -> String {
    let args: Vec<&str> = line.split(' ').collect();
    let Outcome { code, out, errors } = node.bole(&args, input);
    assert_eq!(code, 0, "bole {line}: {errors}");
    out
}

fn refuse(node: &Node, line: &str, part: &str) {
    let args: Vec<&str> = line.split(' ').collect();
    let Outcome { code, out, errors } = node.bole(&args, "");
    assert!(code == 1 && errors.contains(part), "bole {line}: {code} {out}{errors}");
}

fn produce(node: &Node, topic: &str, lines: &str) {
    run(node, &format!("produce {topic} --key-separator : --empty-is-null"), lines);
}

const CREATE: &str = "topic create users --partitions 2 --config sink.target=keyspace/3 --config \
                      sink.interval.ms=50 --config sink.key.prefix=user/";

#[test]
fn the_newest_record_of_each_key_is_in_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    run(&node, CREATE, "");
    run(&node, "topic alter users --config sink.target=keyspace/0", "");
    produce(&node, "users", "ann:1\nbob:1\nann:2\nbob:\n");
    wait_for(&node, "user/ann", "2");
    wait_for(&node, "user/bob", "nil");
    node.wait_for(&["status"], |out| {
        out.lines().any(|line| {
            line.split_whitespace().collect::<Vec<_>>() == ["users", "keyspace/0", "running", "0"]
        })
    });
    node.wait_for(&["group", "describe", "sink.users"], |out| out.contains("users"));
    // After a kill it goes on behind what it has written: what was changed meanwhile stays.
    redis(&node, &["SET", "user/ann", "mine"]);
    drop(node);
    let node = Node::start(folder.path());
    produce(&node, "users", "cid:3\n");
    wait_for(&node, "user/cid", "3");
    assert_eq!(redis(&node, &["GET", "user/ann"]), "mine");
    // A position that is moved by hand, while the sink is at work.
    run(&node, "group reset sink.users --topic users --to-earliest", "");
    wait_for(&node, "user/ann", "2");
    // More partitions are read as well.
    run(&node, "topic alter users --partitions 3", "");
    run(&node, "produce users --key-separator : --partition 2", "dora:4\n");
    wait_for(&node, "user/dora", "4");
    run(&node, "topic delete users --yes", "");
    node.wait_for(&["status"], |out| !out.contains("Sinks"));
}

#[test]
fn what_cannot_be_written_stops_the_sink_until_somebody_decides() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    run(
        &node,
        "topic create t --partitions 1 --config sink.target=keyspace/0 --config sink.interval.ms=0",
        "",
    );
    produce(&node, "t", "a:1\nb:1\n");
    run(&node, "produce t", "no key\n");
    produce(&node, "t", "a:2\n");
    wait_for(&node, "b", "1");
    let failing = |out: &str| out.contains("failing") && out.contains("offset 2 of partition 0 has no key");
    node.wait_for(&["status"], failing);
    assert_eq!(redis(&node, &["GET", "a"]), "1", "nothing behind the record is written");
    run(&node, "group reset sink.t --topic t --to-offset 3", "");
    wait_for(&node, "a", "2");
    node.wait_for(&["status"], |out| !out.contains("failing"));

    assert_eq!(redis(&node, &["CONFIG", "SET", "maxmemory", "1"]), "+OK");
    produce(&node, "t", "a:3\nb:3\nc:3\n");
    node.wait_for(&["status"], |out| out.contains("failing") && out.contains("OOM"));
    assert_eq!(redis(&node, &["CONFIG", "SET", "maxmemory", "0"]), "+OK");
    wait_for(&node, "c", "3");
    wait_for(&node, "a", "3");

    run(&node, "topic alter t --config sink.paused=true", "");
    node.wait_for(&["status"], |out| out.contains("paused"));
    produce(&node, "t", "a:4\n");
    run(&node, "topic alter t --config sink.paused=false", "");
    wait_for(&node, "a", "4");
    run(&node, "topic alter t --delete-config sink.target", "");
    node.wait_for(&["status"], |out| !out.contains("Sinks"));
}

#[test]
fn records_are_split_into_batches_and_large_ones_fit() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let config = "--config sink.target=keyspace/0 --config sink.batch.records=7";
    run(&node, &format!("topic create t --partitions 3 --config sink.interval.ms=3600000 {config}"), "");
    let lines: Vec<_> = (0..700).map(|number| format!("k{number}:{number}")).collect();
    let lines = lines.join("\n") + "\n";
    produce(&node, "t", &lines);
    // Full batches do not wait for the interval; the rest of fewer than seven does.
    let written = |node: &Node| redis(node, &["DBSIZE"]);
    let deadline = Instant::now() + PATIENCE;
    while written(&node) != ":700" && written(&node) != ":693" {
        assert!(Instant::now() < deadline, "there are still {} keys", written(&node));
    }
    run(&node, "topic alter t --config sink.interval.ms=0 --config sink.batch.records=1000", "");
    let large = "x".repeat(900_000);
    produce(&node, "t", &format!("large:{large}\n"));
    wait_for(&node, "large", &large);
    (0..700).for_each(|number| wait_for(&node, &format!("k{number}"), &number.to_string()));
}

#[test]
fn targets_that_there_are_not_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    for (target, part) in [
        ("keyspace", "SERVICE/DATASET"),
        ("keyspace/16", "no database \"16\""),
        ("sql/shop", "\"shop\" names no table"),
        ("streams/t", "service \"streams\" takes no part in batches"),
        ("streams.groups/t", "streams.groups has no operation \"set\""),
    ] {
        refuse(&node, &format!("topic create t --config sink.target={target}"), part);
    }
    run(&node, "topic create t", "");
    refuse(&node, "topic alter t --config sink.target=keyspace/16", "no database \"16\"");
    run(&node, "topic alter t --config sink.target=keyspace/15", "");
}
