//! Change feeds of a real node: each change once and in order, over stops and kills; what is gone is not skipped; nobody writes to them.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::node::{Node, Outcome, Redis};

const TOPIC: &str = "changes.keyspace.0";
const SETTINGS: &[&str] = &["streams.feeds=0", "keyspace.shards=3"];

fn start(folder: &std::path::Path, more: &[&str]) -> Node {
    Node::start_with(folder, "127.0.0.1:0", &[SETTINGS, more].concat())
}

/// A record: partition, offset, and what it says.
type Row = (u32, u64, String);

fn rows(text: &str) -> Vec<Row> {
    let row = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let mut next = || words.next().unwrap().to_owned();
        (next().parse().unwrap(), next().parse().unwrap(), next())
    };
    text.lines().map(row).collect()
}

const FORMAT: &[&str] = &["--format", "%p %o %v%n"];

/// All that the feed holds, by partition and offset. Waits for `count` records: they are shown when they are on disk.
fn read(node: &Node, count: usize) -> Vec<Row> {
    let args = [&["consume", TOPIC, "--exit-at-end"], FORMAT].concat();
    let mut all = rows(&node.wait_for(&args, |out| out.lines().count() >= count));
    all.sort();
    all
}

/// Pushes numbers to lists; a push tells nothing of what was there, so one that is shown twice or not at all shows.
struct Writer {
    connection: Redis,
    next: u64,
}

impl Writer {
    fn write(&mut self, count: u64) {
        for number in self.next..self.next + count {
            self.connection.call(&format!("RPUSH list{} {number}", number % 7));
        }
        self.next += count;
    }
}

/// What readers of the feed know of each list.
fn lists(rows: &[Row]) -> BTreeMap<String, Vec<u64>> {
    let mut lists: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (_, _, value) in rows {
        let told: serde_json::Value = serde_json::from_str(value).unwrap();
        assert_eq!(told["operation"], "rpush", "{told}");
        let numbers =
            told["values"].as_array().unwrap().iter().map(|value| value.as_str().unwrap().parse().unwrap());
        lists
            .entry(told["key"].as_str().unwrap().to_owned())
            .or_default()
            .extend::<Vec<u64>>(numbers.collect());
    }
    lists
}

fn expected(count: u64) -> BTreeMap<String, Vec<u64>> {
    let list = |list: u64| (format!("list{list}"), (list..count).step_by(7).collect());
    (0..7.min(count)).map(list).collect()
}

#[test]
fn each_change_comes_once_and_in_order_over_a_stop_and_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let (mut written, mut seen, mut by_group) = (0, Vec::new(), Vec::new());
    for life in 0..4 {
        let node = start(folder.path(), &[]);
        let mut writer = Writer { connection: node.redis(), next: written };
        writer.write(150);
        written = writer.next;
        // A group's member reads as much as there is on disk, and no more than a part of the rest.
        let args = [&["consume", TOPIC, "--group", "g", "--count", "100"], FORMAT].concat();
        let Outcome { code, out, errors } = node.bole(&args, "");
        assert_eq!(code, 0, "{errors}");
        by_group.extend(rows(&out));
        let all = read(&node, written as usize);
        assert_eq!(lists(&all), expected(written), "life {life}");
        assert_eq!(
            all[..].iter().filter(|row| seen.contains(*row)).count(),
            seen.len(),
            "what was shown stays as it was"
        );
        seen = all;
        writer.write(20);
        written = writer.next;
        if life % 2 == 0 {
            node.stop();
        } else {
            // Killed as it is dropped: what was acknowledged is in the operating system's hands.
            drop(node);
        }
    }
    let node = start(folder.path(), &[]);
    assert_eq!(lists(&read(&node, written as usize)), expected(written));
    let left = (written as usize - by_group.len()).to_string();
    let args = [&["consume", TOPIC, "--group", "g", "--count", &left], FORMAT].concat();
    by_group.extend(rows(&node.bole(&args, "").out));
    let mut places: Vec<_> = by_group.iter().map(|(partition, offset, _)| (*partition, *offset)).collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), written as usize, "the group got each change once");
    assert_eq!(lists(&by_group), expected(written));
}

#[test]
fn a_feed_is_read_only_and_only_what_is_enabled_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let node = start(folder.path(), &[]);
    let refused = |args: &[&str], input: &str, part: &str| {
        let Outcome { code, out, errors } = node.bole(args, input);
        assert!(code != 0 && errors.contains(part), "{args:?}: {code} {out}{errors}");
    };
    refused(&["topic", "create", "changes.orders"], "", "change feeds");
    refused(&["topic", "create", TOPIC], "", "change feeds");
    refused(&["topic", "delete", TOPIC, "--yes"], "", "neither written to, changed nor deleted");
    refused(
        &["topic", "alter", TOPIC, "--config", "retention.ms=1"],
        "",
        "neither written to, changed nor deleted",
    );
    refused(&["produce", TOPIC], "record\n", "neither written to, changed nor deleted");
    refused(&["consume", "changes.keyspace.1", "--exit-at-end"], "", "there is no such topic");
    let Outcome { code, out, errors } = node.bole(&["topic", "describe", TOPIC], "");
    assert!(code == 0 && out.lines().count() == 6, "three partitions: {out}{errors}");
}

#[test]
fn a_feed_gives_up_its_oldest_changes_and_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = [
        "keyspace.shards=1",
        "journal.segment_bytes=8MiB",
        "journal.bytes_max=48MiB",
        "checkpoint.bytes_max=8MiB",
        "streams.feed_bytes_max=16MiB",
    ];
    let node = start(folder.path(), &sizes);
    let mut redis = node.redis();
    let value = "x".repeat(16 << 10);
    let count = 6_000;
    for number in 0..count {
        redis.call(&format!("SET key {number}:{value}"));
    }
    let number = |line: &str| {
        let value = line.split_once("\"value\":\"").unwrap().1.split_once(':').unwrap().0;
        (line.split_once(' ').unwrap().0.parse::<u64>().unwrap(), value.parse::<u64>().unwrap())
    };
    // Offset 0 is that of the entry by which the start announced itself. A reader that is slower than what still goes says so, and comes again.
    let is_whole = |out: &str| {
        let rows: Vec<_> = out.lines().map(number).collect();
        let first = rows.first().map_or(count, |row| row.0);
        rows.iter().copied().eq((first..=count).map(|offset| (offset, offset - 1)))
    };
    let out = node.wait_for(&["consume", TOPIC, "--format", "%o %v%n", "--exit-at-end"], is_whole);
    let (first, kept) = (number(out.lines().next().unwrap()).0, out.lines().count() as u64 * (16 << 10));
    assert!((12 << 20..32 << 20).contains(&kept), "{kept} bytes of {} are kept", count * (16 << 10));
    let from = format!("--from={}", first - 1);
    let Outcome { code, errors, .. } = node.bole(&["consume", TOPIC, &from, "--exit-at-end"], "");
    // Meanwhile a checkpoint may have let more of them go.
    let told = errors.split_once("has offsets ").map(|(_, rest)| rest.split_once(' ').unwrap().0);
    let told = told.and_then(|first| first.parse::<u64>().ok());
    assert!(code != 0 && told.is_some_and(|told| (first..=count).contains(&told)), "{code} {errors}");
}

const TABLE: &[&str] = &["streams.feeds=sql/bole"];

fn sql(node: &Node, statements: &str) -> String {
    let Outcome { code, out, errors } = node.bole(&["sql", "--format", "csv", "-c", statements], "");
    assert_eq!(code, 0, "{statements}: {errors}");
    out
}

fn values(row: &Json) -> Vec<String> {
    let mut values: Vec<String> =
        row.as_object().into_iter().flatten().map(|(_, value)| value.to_string()).collect();
    values.sort();
    values
}

/// The table that a feed tells of: rows by key, each change fitting what was there.
fn fold(
    node: &Node,
    topic: &str,
    is_whole: impl Fn(&BTreeMap<String, Json>) -> bool,
) -> (BTreeMap<String, Json>, Vec<Row>) {
    let rows_of = |out: &str| {
        let mut rows = BTreeMap::new();
        for line in out.lines() {
            let (_, told) = line.split_once(' ').unwrap().1.split_once(' ').unwrap();
            let (key, value) = told.split_once(' ').unwrap();
            let told: Json = serde_json::from_str(value).unwrap();
            let was = match told["op"].as_str().unwrap() {
                "delete" => rows.remove(key),
                _ => rows.insert(key.to_owned(), told["after"].clone()),
            };
            // A column may have got another name since.
            assert_eq!(values(&was.unwrap_or_default()), values(&told["before"]), "{line}");
        }
        rows
    };
    let args = ["consume", topic, "--exit-at-end", "--format", "%p %o %k %v%n"];
    let out = node.wait_for(&args, |out| is_whole(&rows_of(out)));
    (rows_of(&out), rows(&out))
}

#[test]
fn a_table_is_what_its_feed_tells_over_stops_and_kills() {
    let folder = tempfile::tempdir().unwrap();
    let topic = "changes.sql.bole.orders";
    let mut seen: Vec<Row> = Vec::new();
    for life in 0..4_u64 {
        let node = Node::start_with(folder.path(), "127.0.0.1:0", TABLE);
        if life == 0 {
            sql(
                &node,
                "create type state as enum ('new', 'paid'); create table orders (id int primary key, state state)",
            );
        } else {
            sql(
                &node,
                &format!(
                    "alter table orders rename {} to s{life}",
                    if life == 1 { "state".to_owned() } else { format!("s{}", life - 1) }
                ),
            );
        }
        let (from, to) = (life * 100, life * 100 + 99);
        sql(&node, &format!("insert into orders select g, 'new' from generate_series({from}, {to}) g"));
        sql(
            &node,
            "begin; update orders set id = id + 1000 where id % 10 = 3 and id < 1000; delete from orders where id % 10 = 4; commit",
        );
        sql(&node, &format!("alter type state add value 'v{life}'; update orders set id = id where false"));
        let column = if life == 0 { "state".to_owned() } else { format!("s{life}") };
        sql(&node, &format!("update orders set {column} = 'v{life}' where id % 10 = 5"));
        let table: BTreeMap<String, String> = sql(&node, &format!("select id, {column} from orders"))
            .lines()
            .skip(1)
            .map(|line| line.split_once(',').unwrap())
            .map(|(id, state)| (format!("{{\"id\":{id}}}"), state.to_owned()))
            .collect();
        let state = |row: &Json| {
            let row = row.as_object().unwrap();
            row.iter().find(|(name, _)| *name != "id").unwrap().1.as_str().unwrap().to_owned()
        };
        let is_table = |told: &BTreeMap<String, Json>| {
            told.len() == table.len() && told.iter().all(|(key, row)| table.get(key) == Some(&state(row)))
        };
        let (told, all) = fold(&node, topic, is_table);
        assert!(is_table(&told), "life {life}");
        assert_eq!(all[..seen.len()], seen, "what was shown stays as it was");
        seen = all;
        if life % 2 == 0 {
            node.stop();
        } else {
            drop(node);
        }
    }
    let node = Node::start_with(folder.path(), "127.0.0.1:0", TABLE);
    let Outcome { code, errors, .. } = node.bole(&["produce", topic], "record\n");
    assert!(code != 0 && errors.contains("neither written to, changed nor deleted"), "{code} {errors}");
    sql(&node, "drop table orders; create schema s; create table s.t (a int)");
    let Outcome { out, .. } = node.bole(&["topic", "list"], "");
    let topics: Vec<&str> = out
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| name.starts_with("changes."))
        .collect();
    assert_eq!(topics, ["changes.sql.bole.s.t"], "{out}");
    let Outcome { errors, .. } = node.bole(&["consume", topic, "--exit-at-end"], "");
    assert!(errors.contains("there is no such topic"), "{errors}");
}

#[test]
fn a_reader_of_a_table_that_waits_is_woken() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start_with(folder.path(), "127.0.0.1:0", &["streams.feeds=all"]);
    sql(&node, "create table t (a int primary key); create table u (a int)");
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            node.bole(&["consume", "changes.sql.bole.t", "--count", "2", "--format", "%k %h%n"], "")
        });
        sql(&node, "insert into u values (1); insert into t values (1)");
        sql(&node, "insert into u values (2); insert into t values (2)");
        let Outcome { out, .. } = reader.join().unwrap();
        let headers = "database=bole,schema=public,table=t";
        assert_eq!(
            out,
            format!("{{\"a\":1}} operation=insert,{headers}\n{{\"a\":2}} operation=insert,{headers}\n")
        );
    });
}
