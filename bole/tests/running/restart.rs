//! A node that is killed while a producer writes to it.

use std::io::Write as _;

use crate::node::{Node, Outcome, finish};

#[test]
fn a_producer_survives_a_kill_and_writes_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    assert_eq!(node.bole(&["topic", "create", "t", "--partitions", "1"], "").code, 0);
    let mut producer = node.spawn(&["produce", "t"]);
    let mut input = producer.stdin.take().unwrap();
    writeln!(input, "before").unwrap();
    node.wait_for(&["consume", "t", "--exit-at-end"], |out| out == "before\n");
    let addr = node.streams.clone();
    drop(node);
    writeln!(input, "meanwhile").unwrap();
    let node = Node::start_at(folder.path(), &addr);
    writeln!(input, "after").unwrap();
    drop(input);
    let Outcome { code, out, errors } = finish(producer);
    assert_eq!((code, out.as_str()), (0, "3 records written to topic \"t\"\n"), "{errors}");
    let Outcome { out, .. } = node.bole(&["consume", "t", "--exit-at-end"], "");
    assert_eq!(out, "before\nmeanwhile\nafter\n");
}
