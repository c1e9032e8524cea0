//! Readers that see only what was committed.

use bole::streams_client::{Connection, topics};
use bole_streams::protocol::ErrorCode;
use bole_streams::protocol::Text;
use bole_streams::protocol::batch::Builder;
use bole_streams::protocol::messages::{
    describe_producers, end_txn, init_producer_id, produce, write_txn_markers,
};

use crate::node::Node;

const ID: Text = Text::from_static("writer");

/// A new producer opens a transaction with a record in each of these partitions.
async fn begin(
    connection: &mut Connection,
    topic: &topics::Topic,
    value: &str,
    partitions: &[i32],
) -> (i64, i16) {
    let init = init_producer_id::Request {
        transactional_id: Some(ID),
        transaction_timeout_ms: 600_000,
        ..init_producer_id::Request::default()
    };
    let identity = connection.request(&init).await.unwrap();
    assert_eq!(identity.error_code, 0);
    let (producer_id, producer_epoch) = (identity.producer_id, identity.producer_epoch);
    let part = |index: &i32| {
        let mut batch = Builder::new().producer(producer_id, producer_epoch, 0).transactional();
        batch.push(1, None, Some(value.as_bytes()), &[]);
        produce::PartitionProduceData { index: *index, records: Some(batch.build()) }
    };
    let data = produce::TopicProduceData {
        name: topic.name.clone(),
        topic_id: topic.id,
        partition_data: partitions.iter().map(part).collect(),
    };
    let request =
        produce::Request { transactional_id: Some(ID), acks: -1, timeout_ms: 30_000, topic_data: vec![data] };
    let answer = connection.request(&request).await.unwrap();
    for partition in &answer.responses[0].partition_responses {
        assert_eq!(partition.error_code, 0, "{:?}", partition.error_message);
    }
    (producer_id, producer_epoch)
}

/// Writes a record in a transaction of its own for each value, and commits it or not.
async fn write(addr: &str, values: &[(&'static str, bool)]) {
    let mut connection = Connection::open(addr).await.unwrap();
    let topic = topics::find(&mut connection, "t", false).await.unwrap();
    for (value, committed) in values {
        let (producer_id, producer_epoch) = begin(&mut connection, &topic, value, &[0]).await;
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

/// Asks for markers in these partitions of `t` and one topic that does not exist; the codes of the partitions.
async fn mark(connection: &mut Connection, marker: Marker, partitions: &[i32]) -> Vec<i16> {
    let topic = |name: &'static str, partition_indexes: Vec<i32>| write_txn_markers::WritableTxnMarkerTopic {
        name: Text::from_static(name),
        partition_indexes,
    };
    let (producer_id, producer_epoch, transaction_result, coordinator_epoch) = marker;
    let topics = vec![topic("t", partitions.to_vec()), topic("nothing", vec![0])];
    let marker = write_txn_markers::WritableTxnMarker {
        producer_id,
        producer_epoch,
        transaction_result,
        topics,
        coordinator_epoch,
    };
    let request = write_txn_markers::Request { markers: vec![marker] };
    let answer = connection.request(&request).await.unwrap();
    let topics = &answer.markers[0].topics;
    topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code).collect()
}

/// Producer, epoch, whether it commits, the coordinator's epoch.
type Marker = (i64, i16, bool, i32);

/// Where the transactions that are open in partition 0 begin.
async fn open(connection: &mut Connection) -> Vec<i64> {
    let topics =
        vec![describe_producers::TopicRequest { name: Text::from_static("t"), partition_indexes: vec![0] }];
    let answer = connection.request(&describe_producers::Request { topics }).await.unwrap();
    let producers = &answer.topics[0].partitions[0].active_producers;
    producers.iter().map(|producer| producer.current_txn_start_offset).filter(|offset| *offset >= 0).collect()
}

#[test]
fn an_operator_aborts_a_transaction_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    assert_eq!(node.bole(&["topic", "create", "t", "--partitions", "2"], "").code, 0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let unknown = ErrorCode::UnknownTopicOrPartition.number();
    let by = runtime.block_on(async {
        let mut connection = Connection::open(&node.streams).await.unwrap();
        let topic = topics::find(&mut connection, "t", false).await.unwrap();
        let (id, epoch) = begin(&mut connection, &topic, "hangs", &[0, 1]).await;
        for (marker, expected) in [
            ((id, epoch, true, 0), ErrorCode::InvalidRequest),
            ((id, epoch - 1, false, 0), ErrorCode::InvalidProducerEpoch),
            ((id, epoch, false, i32::MAX), ErrorCode::TransactionCoordinatorFenced),
            // Of a producer without a transaction there is nothing to end.
            ((id + 1_000, 0, false, 0), ErrorCode::None),
        ] {
            let expected = expected.number();
            let codes = mark(&mut connection, marker, &[0]).await;
            let nothing = if marker.2 { expected } else { unknown };
            assert_eq!(codes, [expected, nothing], "{marker:?}");
            assert_eq!(open(&mut connection).await, [0], "{marker:?}");
        }
        // One partition is named, and the whole transaction ends.
        assert_eq!(mark(&mut connection, (id, epoch, false, 0), &[1, 7]).await, [0, unknown, unknown]);
        assert!(open(&mut connection).await.is_empty());
        (id, epoch)
    });
    // It is durable when it is answered.
    drop(node);
    let node = Node::start(folder.path());
    runtime.block_on(async {
        let mut connection = Connection::open(&node.streams).await.unwrap();
        assert!(open(&mut connection).await.is_empty());
        assert_eq!(mark(&mut connection, (by.0, by.1, false, -1), &[0]).await, [0, unknown], "once more");
        let (producer_id, producer_epoch) = by;
        let end = end_txn::Request { transactional_id: ID, producer_id, producer_epoch, committed: true };
        let code = connection.request(&end).await.unwrap().error_code;
        assert_eq!(code, ErrorCode::ProducerFenced.number());
    });
    for (isolation, expected) in [("read_committed", ""), ("read_uncommitted", "hangs\nhangs\n")] {
        let outcome = node.bole(&["consume", "t", "--exit-at-end", "--isolation", isolation], "");
        assert_eq!((outcome.code, outcome.out.as_str()), (0, expected), "{}", outcome.errors);
    }
}
