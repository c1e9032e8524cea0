//! Readers that see only what was committed.

use bole::streams_client::{Connection, topics};
use bole_streams::protocol::Text;
use bole_streams::protocol::batch::Builder;
use bole_streams::protocol::messages::{end_txn, init_producer_id, produce};

use crate::node::Node;

const ID: Text = Text::from_static("writer");

/// Writes a record in a transaction of its own for each value, and commits it or not.
async fn write(addr: &str, values: &[(&'static str, bool)]) {
    let mut connection = Connection::open(addr).await.unwrap();
    let topic = topics::find(&mut connection, "t", false).await.unwrap();
    for (value, committed) in values {
        let init = init_producer_id::Request {
            transactional_id: Some(ID),
            transaction_timeout_ms: 60_000,
            ..init_producer_id::Request::default()
        };
        let identity = connection.request(&init).await.unwrap();
        assert_eq!(identity.error_code, 0);
        let (producer_id, producer_epoch) = (identity.producer_id, identity.producer_epoch);
        let mut batch = Builder::new().producer(producer_id, producer_epoch, 0).transactional();
        batch.push(1, None, Some(value.as_bytes()), &[]);
        let data = produce::TopicProduceData {
            name: topic.name.clone(),
            topic_id: topic.id,
            partition_data: vec![produce::PartitionProduceData { index: 0, records: Some(batch.build()) }],
        };
        let request = produce::Request {
            transactional_id: Some(ID),
            acks: -1,
            timeout_ms: 30_000,
            topic_data: vec![data],
        };
        let answer = connection.request(&request).await.unwrap();
        let partition = &answer.responses[0].partition_responses[0];
        assert_eq!(partition.error_code, 0, "{:?}", partition.error_message);
        let end =
            end_txn::Request { transactional_id: ID, producer_id, producer_epoch, committed: *committed };
        assert_eq!(connection.request(&end).await.unwrap().error_code, 0);
    }
}

#[test]
fn aborted_records_are_shown_only_to_those_who_want_them() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    assert_eq!(node.bole(&["topic", "create", "t", "--partitions", "1"], "").code, 0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(write(&node.streams, &[("a", true), ("b", false), ("c", true)]));
    for (isolation, expected) in [("read_committed", "a\nc\n"), ("read_uncommitted", "a\nb\nc\n")] {
        let outcome = node.bole(&["consume", "t", "--exit-at-end", "--isolation", isolation], "");
        assert_eq!((outcome.code, outcome.out.as_str()), (0, expected), "{}", outcome.errors);
    }
}
