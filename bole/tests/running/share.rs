//! Share groups from the command line: retry, delay, dead letters, also over kills of the node.

use std::time::{Duration, Instant};

use crate::node::{Node, Outcome};

fn run(node: &Node, line: &str, input: &str) -> String {
    let args: Vec<&str> = line.split(' ').collect();
    let Outcome { code, out, errors } = node.bole(&args, input);
    assert_eq!(code, 0, "bole {line}: {errors}");
    out
}

const LETTERS: &str = "consume dead --exit-at-end --format %v;%h\\n";

#[test]
fn what_is_given_up_is_a_letter_once_although_the_node_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    run(&node, "topic create dead --partitions 1", "");
    run(
        &node,
        "topic create t --partitions 1 --config share.dead.letter.topic=dead --config share.delivery.count.limit=2",
        "",
    );
    assert_eq!(run(&node, "consume t --share-group g --exit-at-end", ""), "");
    let mut given_up = Vec::new();
    for round in 0..6 {
        let values: Vec<String> = (0..20).map(|number| format!("{round}-{number}")).collect();
        run(&node, "produce t", &format!("{}\n", values.join("\n")));
        // Half of the records are rejected at once, half when they come the second time. The kill follows at once.
        assert_eq!(
            run(&node, "consume t --share-group g --count 10 --acknowledge reject", "").lines().count(),
            10
        );
        let twice = run(&node, "consume t --share-group g --count 20 --acknowledge release", "");
        assert_eq!(twice.lines().count(), 20);
        given_up.extend(values);
        drop(node);
        node = Node::start(folder.path());
    }
    let letters = node.wait_for(&LETTERS.split(' ').collect::<Vec<_>>(), |out| out.lines().count() >= 120);
    let mut seen: Vec<&str> = letters.lines().map(|line| line.split(';').next().unwrap()).collect();
    seen.sort_unstable();
    given_up.sort_unstable();
    assert_eq!(seen, given_up);
    let rejected = letters.lines().filter(|line| line.ends_with("Offset rejected by client.")).count();
    let spent = letters.lines().filter(|line| line.contains("delivery.count=2")).count();
    assert_eq!((rejected, spent), (60, 60), "{letters}");
}

#[test]
fn letters_wait_for_their_topic_and_mistakes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let refused = |line: &str, part: &str| {
        let args: Vec<&str> = line.split(' ').collect();
        let Outcome { code, errors, .. } = node.bole(&args, "");
        assert!(code == 1 && errors.contains(part), "bole {line}: {code} {errors}");
    };
    refused("topic create t --config share.dead.letter.topic=t", "is the topic itself");
    run(&node, "topic create t --partitions 1", "");
    refused("topic alter t --config share.dead.letter.topic=t", "is the topic itself");
    refused("topic alter t --config share.delivery.count.limit=0", "use a number from 1 to 10000, or -1");
    refused("topic alter t --config share.dead.letter.topic=a/b", "use the name of a topic");
    run(&node, "topic create dead --partitions 1 --config cleanup.policy=compact", "");
    run(&node, "topic alter t --config share.dead.letter.topic=dead", "");
    run(&node, "consume t --share-group g --exit-at-end", "");
    run(&node, "produce t", "a\nb\n");
    assert_eq!(run(&node, "consume t --share-group g --count 1 --acknowledge reject", ""), "a\n");
    assert_eq!(
        run(&node, "consume t --share-group g --exit-at-end", ""),
        "b\n",
        "others are delivered meanwhile"
    );
    assert_eq!(run(&node, "consume dead --exit-at-end", ""), "", "a compacted topic takes no letters");
    run(&node, "topic alter dead --config cleanup.policy=delete", "");
    assert_eq!(run(&node, "consume dead --count 1", ""), "a\n");
}

#[test]
fn a_record_that_comes_back_waits_and_a_waiting_member_is_woken() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    run(&node, "topic create t --partitions 1 --config share.retry.backoff.ms=1500", "");
    run(&node, "consume t --share-group g --exit-at-end", "");
    run(&node, "produce t", "a\n");
    let released = Instant::now();
    run(&node, "consume t --share-group g --count 1 --acknowledge release", "");
    assert_eq!(run(&node, "consume t --share-group g --count 1", ""), "a\n");
    assert!(released.elapsed() >= Duration::from_millis(1_500), "{:?}", released.elapsed());
}
