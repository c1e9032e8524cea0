//! `AddPartitionsToTxn` (key 24): makes partitions part of a transaction; several transactions from version 4 on (brokers
//! only).

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    AddPartitionsToTxn = 24, versions 0 to 5, flexible 3;

    struct Request {
        transactions: Vec<AddPartitionsToTxnTransaction>, since(4);
        v3_and_below_transactional_id: Text, until(3);
        v3_and_below_producer_id: i64, until(3);
        v3_and_below_producer_epoch: i16, until(3);
        v3_and_below_topics: Vec<AddPartitionsToTxnTopic>, until(3);
    }

    struct AddPartitionsToTxnTransaction {
        transactional_id: Text, always();
        producer_id: i64, always();
        producer_epoch: i16, always();
        verify_only: bool, always();
        topics: Vec<AddPartitionsToTxnTopic>, always();
    }

    struct AddPartitionsToTxnTopic {
        name: Text, always();
        partitions: Vec<i32>, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, since(4).ignorable();
        results_by_transaction: Vec<AddPartitionsToTxnResult>, since(4);
        results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult>, until(3);
    }

    struct AddPartitionsToTxnResult {
        transactional_id: Text, always();
        topic_results: Vec<AddPartitionsToTxnTopicResult>, always();
    }

    struct AddPartitionsToTxnTopicResult {
        name: Text, always();
        results_by_partition: Vec<AddPartitionsToTxnPartitionResult>, always();
    }

    struct AddPartitionsToTxnPartitionResult {
        partition_index: i32, always();
        partition_error_code: i16, always();
    }
}
