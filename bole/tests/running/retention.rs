//! Retention against a consumer that is slower than it.

use std::io::{BufRead as _, BufReader};

use crate::node::Node;

const RECORDS: u64 = 2_000;
const FIRST: usize = 100;
const VALUE_BYTES: usize = 8 << 10;

/// So many lines.
fn lines(count: usize) -> String {
    format!("{}\n", "x".repeat(VALUE_BYTES)).repeat(count)
}

#[test]
fn a_consumer_that_is_slower_than_retention_goes_on_with_what_is_there_and_harms_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let sizes = ["--config", "segment.bytes=65536", "--config", "retention.bytes=65536"];
    assert_eq!(node.bole(&[&["topic", "create", "t", "--partitions", "1"][..], &sizes].concat(), "").code, 0);
    let produce = |count| assert_eq!(node.bole(&["produce", "t"], &lines(count)).code, 0);
    produce(FIRST);
    // Nobody reads what it prints, so it stops after a few records.
    let mut slow = node.spawn(&["consume", "t", "--group", "g", "--format", "%o %v\\n"]);
    produce(RECORDS as usize - FIRST);
    let start = |out: &str| {
        let row = out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let row = row.into_iter().find(|row| row.first() == Some(&"0"));
        row.and_then(|row| row.get(1)?.parse::<u64>().ok())
    };
    node.wait_for(&["topic", "describe", "t"], |out| start(out).is_some_and(|start| start > RECORDS / 2));
    let quick = node.bole(&["consume", "t", "--format", "%o\\n", "--exit-at-end"], "");
    let read: Vec<u64> = quick.out.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(read, (read[0]..RECORDS).collect::<Vec<_>>(), "{}", quick.errors);

    let offsets = BufReader::new(slow.stdout.take().unwrap()).lines().map(|line| {
        let line = line.unwrap();
        line.split_once(' ').unwrap().0.parse::<u64>().unwrap()
    });
    let mut seen = Vec::new();
    for offset in offsets {
        seen.push(offset);
        if offset == RECORDS - 1 {
            break;
        }
    }
    slow.kill().unwrap();
    let errors = slow.wait_with_output().unwrap().stderr;
    assert!(seen[0] == 0 && seen.is_sorted_by(|one, next| one < next), "{seen:?}");
    let skipped = seen.windows(2).filter(|pair| pair[1] != pair[0] + 1).count();
    assert!(skipped > 0, "nothing was skipped: {}", seen.len());
    let errors = String::from_utf8(errors).unwrap();
    assert!(errors.contains("are gone") || errors.contains("removed"), "{errors}");
}
