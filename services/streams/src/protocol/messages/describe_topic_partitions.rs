//! `DescribeTopicPartitions` (key 75): topics and their partitions, page by page.

use crate::protocol::message::messages;
use crate::protocol::text::Text;
use crate::protocol::uuid::Uuid;

messages! {
    DescribeTopicPartitions = 75, versions 0 to 0, flexible 0;

    struct Request {
        topics: Vec<TopicRequest>, always();
        /// At most so many partitions in the response.
        response_partition_limit: i32 = 2000, always();
        /// Where to begin; null for the start.
        cursor: Option<Cursor>, always();
    }

    struct TopicRequest {
        name: Text, always();
    }

    /// Where a page begins or ended.
    struct Cursor {
        topic_name: Text, always();
        partition_index: i32, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        topics: Vec<DescribeTopicPartitionsResponseTopic>, always();
        /// Where to go on; null at the end.
        next_cursor: Option<Cursor>, always();
    }

    struct DescribeTopicPartitionsResponseTopic {
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        name: Option<Text>, always();
        /// All zeros when the topic is named instead.
        topic_id: Uuid, always();
        is_internal: bool, always();
        partitions: Vec<DescribeTopicPartitionsResponsePartition>, always();
        /// A bit for each operation; the least number when it was not asked for.
        topic_authorized_operations: i32 = i32::MIN, always();
    }

    struct DescribeTopicPartitionsResponsePartition {
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        partition_index: i32, always();
        leader_id: i32, always();
        leader_epoch: i32 = -1, always();
        replica_nodes: Vec<i32>, always();
        /// The replicas that are in sync.
        isr_nodes: Vec<i32>, always();
        /// Replicas out of sync that may lead all the same (KIP-966), or null.
        eligible_leader_replicas: Option<Vec<i32>>, always();
        /// The replicas that were last known to be eligible, or null.
        last_known_elr: Option<Vec<i32>>, always();
        offline_replicas: Vec<i32>, always();
    }
}
