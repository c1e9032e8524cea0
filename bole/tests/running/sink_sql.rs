//! Write-behind sinks on a real node: from a topic into tables.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::node::{Node, Outcome, PATIENCE};

/// Runs statements; their rows as text, the columns with a bar between.
fn sql(node: &Node, statement: &str) -> String {
    let Outcome { code, out, errors } = node.bole(&["sql", "--format", "csv", "-c", statement], "");
    assert_eq!(code, 0, "{statement}: {out}{errors}");
    out
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
    run(node, &format!("produce {topic} --key-separator = --empty-is-null"), lines);
}

fn wait_for(node: &Node, query: &str, expected: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = sql(node, query);
        let rows: Vec<&str> = found.lines().skip(1).collect();
        let rows = rows.join(" / ");
        if rows == expected {
            return;
        }
        let status = || node.bole(&["status"], "").out;
        assert!(Instant::now() < deadline, "{query} still gives {rows}, not {expected}\n{}", status());
    }
}

/// Waits until the sink stands, for a reason with this part.
fn wait_failing(node: &Node, part: &str) {
    node.wait_for(&["status"], |out| out.contains("failing") && out.contains(part));
}

#[test]
fn the_table_is_what_the_newest_records_say() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    sql(
        &node,
        "create table users (id int primary key, name text, city text default 'nowhere', tags text[])",
    );
    run(
        &node,
        "topic create users --partitions 2 --config sink.target=sql/bole/users --config sink.interval.ms=20",
        "",
    );
    produce(
        &node,
        "users",
        "1={\"name\": \"ann\", \"city\": \"Oslo\", \"tags\": [\"a\", \"b\"]}\n2={\"name\": \"bob\"}\n1={\"name\": \"Ann\"}\n3={\"id\": 3}\n3=\n",
    );
    wait_for(&node, "select id, name, city, tags from users order by id", "1,Ann,nowhere, / 2,bob,nowhere,");
    node.wait_for(&["status"], |out| {
        out.lines().any(|line| {
            line.split_whitespace().collect::<Vec<_>>() == ["users", "sql/bole/users", "running", "0"]
        })
    });
    // After a kill it goes on behind what it has written: what was changed meanwhile stays.
    sql(&node, "update users set name = 'mine' where id = 1");
    drop(node);
    let node = Node::start(folder.path());
    produce(&node, "users", "4={\"name\": \"cid\"}\n");
    wait_for(&node, "select id, name from users order by id", "1,mine / 2,bob / 4,cid");
    // A table that becomes another while the sink is at work, and a position that is moved by hand.
    sql(&node, "alter table users rename city to place");
    sql(&node, "alter table users add note int default 7");
    produce(&node, "users", "5={\"city\": \"Rome\"}\n");
    wait_failing(&node, "column \"city\" of relation \"users\" does not exist");
    sql(&node, "alter table users rename place to city");
    wait_for(&node, "select id, name, city, note from users where id = 5", "5,,Rome,7");
    run(&node, "group reset sink.users --topic users --to-earliest", "");
    let all = "1,Ann,nowhere / 2,bob,nowhere / 4,cid,nowhere / 5,,Rome";
    wait_for(&node, "select id, name, city from users order by id", all);
    node.wait_for(&["status"], |out| !out.contains("failing"));
}

#[test]
fn what_a_table_does_not_take_stops_the_sink_until_somebody_decides() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    sql(&node, "create table t (k text primary key, n int check (n < 100))");
    run(
        &node,
        "topic create t --partitions 1 --config sink.target=sql/bole/t --config sink.interval.ms=0",
        "",
    );
    produce(&node, "t", "a={\"n\": 1}\nb={\"n\": 1}\na={\"n\": 100}\n");
    wait_failing(
        &node,
        "the record at offset 2 of partition 0 is not taken: new row for relation \"t\" violates check constraint",
    );
    wait_for(&node, "select k, n from t order by k", "a,1 / b,1");
    // What stands in its way is taken out of it.
    produce(&node, "t", "a={\"n\": 2}\n");
    sql(&node, "alter table t drop constraint t_n_check");
    wait_for(&node, "select k, n from t order by k", "a,2 / b,1");
    // Or somebody passes over the record.
    produce(&node, "t", "a={\"n\": \"x\"}\nb={\"n\": 5}\n");
    wait_failing(
        &node,
        "offset 4 of partition 0 is not taken: column \"n\": invalid input syntax for type integer",
    );
    run(&node, "group reset sink.t --topic t --to-offset 5", "");
    wait_for(&node, "select k, n from t order by k", "a,2 / b,5");
    // The table goes; what is set for the topic can be changed all the same.
    sql(&node, "drop table t");
    produce(&node, "t", "c={\"n\": 7}\n");
    wait_failing(&node, "table \"public.t\" does not exist in database \"bole\"");
    run(&node, "topic alter t --config sink.paused=true", "");
    node.wait_for(&["status"], |out| out.contains("paused"));
    sql(&node, "create table t (k text primary key, n int)");
    run(&node, "topic alter t --config sink.paused=false", "");
    wait_for(&node, "select k, n from t order by k", "c,7");
    run(&node, "topic alter t --delete-config sink.target", "");
    node.wait_for(&["status"], |out| !out.contains("Sinks"));
}

/// Every record has one change in the table's feed, whenever the node is killed.
#[test]
fn each_record_is_written_once_over_kills() {
    const RECORDS: usize = 400;
    const KILLS: usize = 4;
    let folder = tempfile::tempdir().unwrap();
    let settings = ["streams.feeds=sql/bole"];
    let start = || Node::start_with(folder.path(), "127.0.0.1:0", &settings);
    let mut node = start();
    sql(&node, "create table t (x int, y text, n int, primary key (x, y))");
    let bounds = "--config sink.interval.ms=0 --config sink.batch.records=3";
    run(&node, &format!("topic create t --partitions 4 --config sink.target=sql/bole/t {bounds}"), "");
    for round in 0..KILLS {
        let each = RECORDS / KILLS;
        let line = |n| format!("{{\"x\": {n}, \"y\": \"k\"}}={{\"n\": {n}}}\n");
        let lines: Vec<String> = (round * each..(round + 1) * each).map(line).collect();
        produce(&node, "t", &lines.concat());
        // In the middle of it: some of the records are written, and mostly not all.
        node.wait_for(&["sql", "--format", "csv", "-c", "select count(*) from t"], |out| {
            out.lines()
                .nth(1)
                .and_then(|count| count.parse::<usize>().ok())
                .is_some_and(|count| count > round * each)
        });
        drop(node);
        node = start();
    }
    wait_for(&node, "select count(*), sum(n), count(distinct x) from t", "400,79800,400");
    let told = run(&node, "consume changes.sql.bole.t --exit-at-end", "");
    let mut changes: BTreeMap<String, usize> = BTreeMap::new();
    for line in told.lines() {
        let change: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(change["op"], "insert", "{line}");
        *changes.entry(change["after"]["x"].to_string()).or_default() += 1;
    }
    assert_eq!((changes.len(), changes.values().all(|count| *count == 1)), (RECORDS, true));
}

#[test]
fn tables_that_there_are_not_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    sql(&node, "create table heap (id int)");
    sql(&node, "create table t (id int primary key)");
    for (target, part) in [
        ("sql/bole", "\"bole\" names no table"),
        ("sql/shop/t", "database \"shop\" does not exist"),
        ("sql/bole/u", "table \"public.u\" does not exist"),
        ("sql/bole/heap", "table \"heap\" has no primary key"),
    ] {
        refuse(&node, &format!("topic create t --config sink.target={target}"), part);
    }
    refuse(
        &node,
        "topic create t --config sink.target=sql/bole/t --config sink.key.prefix=p",
        "sink.key.prefix cannot be \"p\"",
    );
    run(&node, "topic create t", "");
    refuse(&node, "topic alter t --config sink.target=sql/bole/u", "table \"public.u\" does not exist");
    run(&node, "topic alter t --config sink.target=sql/bole/public.t", "");
}
