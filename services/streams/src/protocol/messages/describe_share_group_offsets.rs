//! `DescribeShareGroupOffsets` (key 90): where share groups stand in each partition.

use crate::protocol::message::messages;
use crate::protocol::text::Text;
use crate::protocol::uuid::Uuid;

messages! {
    DescribeShareGroupOffsets = 90, versions 0 to 1, flexible 0;

    struct Request {
        groups: Vec<DescribeShareGroupOffsetsRequestGroup>, always();
    }

    struct DescribeShareGroupOffsetsRequestGroup {
        group_id: Text, always();
        /// Null asks for all.
        topics: Option<Vec<DescribeShareGroupOffsetsRequestTopic>>, always();
    }

    struct DescribeShareGroupOffsetsRequestTopic {
        topic_name: Text, always();
        partitions: Vec<i32>, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        groups: Vec<DescribeShareGroupOffsetsResponseGroup>, always();
    }

    struct DescribeShareGroupOffsetsResponseGroup {
        group_id: Text, always();
        topics: Vec<DescribeShareGroupOffsetsResponseTopic>, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
    }

    struct DescribeShareGroupOffsetsResponseTopic {
        topic_name: Text, always();
        /// All zeros when the topic is named instead.
        topic_id: Uuid, always();
        partitions: Vec<DescribeShareGroupOffsetsResponsePartition>, always();
    }

    struct DescribeShareGroupOffsetsResponsePartition {
        partition_index: i32, always();
        /// The first offset that is not settled, or -1.
        start_offset: i64, always();
        leader_epoch: i32, always();
        /// Records that are still to be delivered, or -1.
        lag: i64 = -1, since(1).ignorable();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
    }
}
