//! Groups: members that come and go, lag, and offsets that are moved.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout};

use bole::streams_client::{Connection, groups};
use bole_streams::protocol::Text;
use bole_streams::protocol::messages::{consumer_group_heartbeat, share_group_heartbeat};
use rustix::process::{Pid, Signal, kill_process};

use crate::expect::matches;
use crate::node::{Node, Outcome, finish};

fn expect(node: &Node, line: &str, input: &str, expected: &str) {
    let args: Vec<&str> = line.split(' ').collect();
    let Outcome { code, out, errors } = node.bole(&args, input);
    assert_eq!(code, 0, "bole {line}: {errors}");
    assert!(matches(expected, &out), "bole {line} printed:\n{out}expected:\n{expected}");
}

fn refuse(node: &Node, line: &str, part: &str) {
    let args: Vec<&str> = line.split(' ').collect();
    let Outcome { code, errors, .. } = node.bole(&args, "");
    assert!(code == 1 && errors.contains(part), "bole {line}: {code} {errors}");
}

/// A running `bole consume`.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    fn start(node: &Node, args: &[&str]) -> Self {
        let mut child = node.spawn(args);
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.out.read_line(&mut line).unwrap(), 0, "it ended");
        line.trim_end().to_owned()
    }

    /// Ends it as Ctrl-C does; what it had still to print.
    fn interrupt(self) -> Vec<String> {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let left = self.out.lines().map(Result::unwrap).collect();
        let Outcome { code, errors, .. } = finish(self.child);
        assert!(code == 0 && errors.is_empty(), "{code} {errors}");
        left
    }
}

#[test]
fn a_member_commits_leaves_and_its_offsets_can_be_moved() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    expect(&node, "topic create t --partitions 2", "", "…");
    expect(&node, "produce t --partition 0", "a\nb\nc\n", "…");
    refuse(&node, "group describe g", "group \"g\" does not exist");
    refuse(&node, "group delete g", "GROUP_ID_NOT_FOUND (69)");
    let mut member = Running::start(&node, &["consume", "t", "--group", "g"]);
    assert_eq!([member.line(), member.line(), member.line()], ["a", "b", "c"]);
    let page = "group \"g\": Stable, assignor range, 1 member\n\n  member  …client  host  …partitions\n  …  bole  …/127.0.0.1  t:0,1\n";
    let shown = node.wait_for(&["group", "describe", "g"], |out| out.contains("t:0,1"));
    assert!(
        shown.starts_with("group \"g\": Stable") && matches(page, shown.split("\n\n  topic").next().unwrap()),
        "{shown}"
    );
    refuse(&node, "group reset g --topic t --to-earliest", "group \"g\" has 1 member");
    refuse(&node, "group delete g", "NON_EMPTY_GROUP (68)");
    refuse(&node, "group delete-offsets g --topic t", "GROUP_SUBSCRIBED_TO_TOPIC (86)");
    assert!(member.interrupt().is_empty());

    expect(&node, "produce t --partition 0", "d\n", "…");
    let lag = |line: &str| {
        format!(
            "group \"g\": Empty, 0 members\n\n  topic  partition  committed  end  lag\n  t              0{line}\n  \
             t              1          0    0    0\n"
        )
    };
    expect(&node, "group describe g", "", &lag("          3    4    1"));
    expect(&node, "group list", "", "group  type     state  protocol\ng      classic  Empty  consumer\n");
    expect(&node, "consume t --group g --exit-at-end", "", "d\n");
    expect(&node, "group describe g", "", &lag("          4    4    0"));

    let moved = |before: &str, after: &str| {
        format!("topic  partition  before  after\nt              0       {before}      {after}\n")
    };
    for (target, before, after) in [
        ("--to-offset 1", "4", "1"),
        ("--to-offset 99", "1", "4"),
        ("--to-earliest", "4", "0"),
        ("--to-latest", "0", "4"),
        ("--by-duration 1d", "4", "0"),
        ("--to-datetime 2999-01-01T00:00:00Z", "0", "4"),
        ("--to-datetime 1970-01-01T00:00:00Z", "4", "0"),
    ] {
        let line = format!("group reset g --topic t:0 {target}");
        let dry = format!("{}nothing was changed (--dry-run)\n", moved(before, after));
        expect(&node, &format!("{line} --dry-run"), "", &dry);
        expect(&node, &line, "", &moved(before, after));
    }
    expect(&node, "consume t --group g --count 2", "", "a\nb\n");
    expect(&node, "consume t --group g --exit-at-end", "", "c\nd\n");
    refuse(&node, "group reset g --topic t:7 --to-latest", "partition 7 does not exist");
    expect(
        &node,
        "group delete-offsets g --topic t:1",
        "",
        "group \"g\": offsets of 1 partition forgotten\n",
    );
    let rest = "group \"g\": Empty, 0 members\n\n  topic  partition  committed  end  lag\n  t              0          4    4    0\n";
    expect(&node, "group describe g", "", rest);
    expect(&node, "group delete g", "", "group \"g\" deleted\n");
    expect(&node, "group list", "", "group  type  state  protocol\n");
}

#[test]
fn two_members_divide_a_topic_and_one_takes_over() {
    two_members("classic", ["range", "cooperative-sticky"]);
}

#[test]
fn the_node_divides_a_topic_for_two_members_and_one_takes_over() {
    two_members("consumer", ["uniform", "range"]);
}

fn two_members(protocol: &str, assignors: [&str; 2]) {
    for assignor in assignors {
        let folder = tempfile::tempdir().unwrap();
        let node = Node::start(folder.path());
        expect(&node, "topic create t --partitions 4", "", "…");
        let by = ["--protocol", protocol, "--assignor", assignor];
        let args = ["consume", "t", "--group", "g", "--format", "%p %v\\n"];
        let args = [&args[..], &by].concat();
        let mut first = Running::start(&node, &args);
        node.wait_for(&["group", "describe", "g"], |out| out.contains("t:0,1,2,3"));
        let mut second = Running::start(&node, &args);
        node.wait_for(&["group", "describe", "g"], |out| {
            let parts = out.lines().filter_map(|line| line.split_once("  t:"));
            out.contains("2 members") && parts.filter(|(_, list)| list.split(',').count() == 2).count() == 2
        });
        for partition in 0..4 {
            expect(&node, &format!("produce t --partition {partition}"), "x\n", "…");
        }
        let lines = [first.line(), first.line(), second.line(), second.line()];
        let seen: BTreeSet<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(seen, BTreeSet::from(["0 x", "1 x", "2 x", "3 x"]), "{protocol} {assignor}");
        assert!(second.interrupt().is_empty());
        node.wait_for(&["group", "describe", "g"], |out| out.contains("t:0,1,2,3"));
        for partition in 0..4 {
            expect(&node, &format!("produce t --partition {partition}"), "y\n", "…");
        }
        let lines: BTreeSet<String> = (0..4).map(|_| first.line()).collect();
        assert!(
            lines.iter().map(String::as_str).eq(["0 y", "1 y", "2 y", "3 y"]),
            "{protocol} {assignor}: {lines:?}"
        );
        assert!(first.interrupt().is_empty());
        // Everything was committed, also by the one that left before.
        let lag = node.bole(&["group", "describe", "g"], "").out;
        let committed = lag.lines().filter(|line| line.starts_with("  t ") && line.ends_with('0'));
        assert_eq!(committed.count(), 4, "{protocol} {assignor}: {lag}");
    }
}

#[test]
fn a_member_of_a_group_whose_partitions_the_node_divides() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    expect(&node, "topic create t --partitions 2", "", "…");
    expect(&node, "produce t --partition 0", "a\nb\nc\n", "…");
    let line = "consume t --group g --protocol consumer";
    expect(&node, &format!("{line} --count 2"), "", "a\nb\n");
    expect(&node, &format!("{line} --exit-at-end"), "", "c\n");
    expect(&node, &format!("{line} --exit-at-end"), "", "");
    expect(&node, "group list", "", "group  type      state  protocol\ng      consumer  Empty  consumer\n");
    let mut member = Running::start(&node, &line.split(' ').collect::<Vec<_>>());
    node.wait_for(&["group", "describe", "g"], |out| out.contains("1 member") && out.contains("t:0,1"));
    expect(&node, "produce t --partition 1", "d\n", "…");
    assert_eq!(member.line(), "d");
    // While it has members a group stays what it is.
    refuse(&node, "consume t --group g --exit-at-end", "INCONSISTENT_GROUP_PROTOCOL (23)");
    assert!(member.interrupt().is_empty());
    // Without members it becomes a group of the other kind, with its offsets, and back.
    expect(&node, "consume t --group g --exit-at-end", "", "");
    expect(&node, "produce t --partition 1", "e\n", "…");
    expect(&node, "consume t --group g --exit-at-end", "", "e\n");
    expect(&node, &format!("{line} --exit-at-end"), "", "");
    expect(&node, "group reset g --topic t:1 --to-earliest", "", "…\n…");
    expect(&node, &format!("{line} --assignor range --exit-at-end"), "", "d\ne\n");
    refuse(&node, "consume t --group g --assignor uniform", "is one of --protocol consumer");
    refuse(&node, &format!("{line} --assignor cooperative-sticky"), "is one of --protocol classic");
}

#[test]
fn a_member_that_the_group_has_put_out_joins_again() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    expect(&node, "topic create t --partitions 1", "", "…");
    let mut member = Running::start(&node, &["consume", "t", "--group", "g", "--protocol", "consumer"]);
    node.wait_for(&["group", "describe", "g"], |out| out.contains("t:0"));
    expect(&node, "produce t", "a\n", "…");
    assert_eq!(member.line(), "a");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut connection = Connection::open(&node.streams).await.unwrap();
        let found = groups::describe(&mut connection, "g").await.unwrap().unwrap();
        let leave = consumer_group_heartbeat::Request {
            group_id: Text::from_static("g"),
            member_id: found.members[0].id.clone(),
            member_epoch: -1,
            ..consumer_group_heartbeat::Request::default()
        };
        assert_eq!(connection.request(&leave).await.unwrap().error_code, 0);
    });
    node.wait_for(&["group", "describe", "g"], |out| out.contains("1 member") && out.contains("t:0"));
    expect(&node, "produce t", "b\n", "…");
    // What it could not commit comes once more.
    let line = member.line();
    assert!(line == "b" || line == "a" && member.line() == "b", "{line}");
    assert!(member.interrupt().is_empty());
    expect(&node, "consume t --group g --protocol consumer --exit-at-end", "", "");
}

/// Whoever joins a group of the newer kinds, as clients do, and stays.
async fn join_newer(addr: &str) -> Connection {
    let mut connection = Connection::open(addr).await.unwrap();
    let topics = Some(vec![Text::from_static("t")]);
    let consumer = consumer_group_heartbeat::Request {
        group_id: Text::from_static("modern"),
        member_id: Text::from_static("AAAAAAAAAAAAAAAAAAAAAQ"),
        rebalance_timeout_ms: 60_000,
        subscribed_topic_names: topics.clone(),
        topic_partitions: Some(Vec::new()),
        ..consumer_group_heartbeat::Request::default()
    };
    let share = share_group_heartbeat::Request {
        group_id: Text::from_static("shared"),
        member_id: Text::from_static("AAAAAAAAAAAAAAAAAAAAAg"),
        subscribed_topic_names: topics,
        ..share_group_heartbeat::Request::default()
    };
    let answer = connection.request(&consumer).await.unwrap();
    assert_eq!(answer.error_code, 0, "{:?}", answer.error_message);
    let answer = connection.request(&share).await.unwrap();
    assert_eq!(answer.error_code, 0, "{:?}", answer.error_message);
    connection
}

#[test]
fn groups_of_the_newer_kinds_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    expect(&node, "topic create t --partitions 2", "", "…");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let member = runtime.block_on(join_newer(&node.streams));
    let list = "group   type      state   protocol\nmodern  consumer  Stable  consumer\nshared  share     Stable  share\n";
    expect(&node, "group list", "", list);
    let page = |group: &str, assignor: &str| {
        format!(
            "group \"{group}\": Stable, assignor {assignor}, 1 member\n\n  member                  client  host        partitions\n  \
             AAAAAAAAAAAAAAAAAAAAA…  bole    /127.0.0.1  t:0,1\n"
        )
    };
    expect(&node, "group describe modern", "", &page("modern", "uniform"));
    let shown = node.bole(&["group", "describe", "shared"], "").out;
    assert!(shown.starts_with(page("shared", "simple").split_once('…').unwrap().0), "{shown}");
    refuse(&node, "group reset modern --topic t --to-latest", "group \"modern\" has 1 member");
    refuse(&node, "group reset shared --topic t --to-latest", "is a share group");
    drop(member);
}
