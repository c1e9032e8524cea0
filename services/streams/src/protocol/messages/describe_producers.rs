//! `DescribeProducers` (key 61): who produces to a partition, and which transactions are open in it.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    DescribeProducers = 61, versions 0 to 0, flexible 0;

    struct Request {
        topics: Vec<TopicRequest>, always();
    }

    struct TopicRequest {
        name: Text, always();
        partition_indexes: Vec<i32>, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        topics: Vec<TopicResponse>, always();
    }

    struct TopicResponse {
        name: Text, always();
        partitions: Vec<PartitionResponse>, always();
    }

    struct PartitionResponse {
        partition_index: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
        active_producers: Vec<ProducerState>, always();
    }

    struct ProducerState {
        producer_id: i64, always();
        producer_epoch: i32, always();
        last_sequence: i32 = -1, always();
        last_timestamp: i64 = -1, always();
        /// The epoch of the coordinator that last wrote to it, or -1.
        coordinator_epoch: i32, always();
        /// Where the open transaction began, or -1.
        current_txn_start_offset: i64 = -1, always();
    }
}
