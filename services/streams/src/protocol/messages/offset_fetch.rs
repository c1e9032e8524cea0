//! `OffsetFetch` (key 9): reads how far groups have read; one group up to version 7, several from 8 on.
//!
//! Version 10 names topics by id; it is readable and not advertised.

use crate::protocol::message::messages;
use crate::protocol::text::Text;
use crate::protocol::uuid::Uuid;

messages! {
    OffsetFetch = 9, versions 1 to 10, advertised 1 to 9, flexible 6;

    struct Request {
        group_id: Text, until(7);
        /// Null asks for all.
        topics: Option<Vec<OffsetFetchRequestTopic>>, until(7).null_since(2);
        groups: Vec<OffsetFetchRequestGroup>, since(8);
        /// Whether offsets in an open transaction are an error instead of being passed over.
        require_stable: bool, since(7);
    }

    /// A topic, up to version 7.
    struct OffsetFetchRequestTopic {
        name: Text, always();
        partition_indexes: Vec<i32>, always();
    }

    struct OffsetFetchRequestGroup {
        group_id: Text, always();
        member_id: Option<Text>, since(9).ignorable();
        member_epoch: i32 = -1, since(9).ignorable();
        /// Null asks for all.
        topics: Option<Vec<OffsetFetchRequestTopics>>, always();
    }

    /// A topic of one group, from version 8 on.
    struct OffsetFetchRequestTopics {
        name: Text, until(9).ignorable();
        /// All zeros when the topic is named instead.
        topic_id: Uuid, since(10).ignorable();
        partition_indexes: Vec<i32>, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, since(3).ignorable();
        topics: Vec<OffsetFetchResponseTopic>, until(7);
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, during(2, 7).ignorable();
        groups: Vec<OffsetFetchResponseGroup>, since(8);
    }

    /// A topic, up to version 7.
    struct OffsetFetchResponseTopic {
        name: Text, always();
        partitions: Vec<OffsetFetchResponsePartition>, always();
    }

    /// A partition, up to version 7.
    struct OffsetFetchResponsePartition {
        partition_index: i32, always();
        /// The offset of the next record to read.
        committed_offset: i64, always();
        /// The epoch of the last record that was read, or -1.
        committed_leader_epoch: i32 = -1, since(5).ignorable();
        metadata: Option<Text>, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
    }

    struct OffsetFetchResponseGroup {
        group_id: Text, always();
        topics: Vec<OffsetFetchResponseTopics>, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
    }

    /// A topic of one group, from version 8 on.
    struct OffsetFetchResponseTopics {
        name: Text, until(9).ignorable();
        /// All zeros when the topic is named instead.
        topic_id: Uuid, since(10).ignorable();
        partitions: Vec<OffsetFetchResponsePartitions>, always();
    }

    /// A partition of one group, from version 8 on.
    struct OffsetFetchResponsePartitions {
        partition_index: i32, always();
        /// The offset of the next record to read.
        committed_offset: i64, always();
        /// The epoch of the last record that was read, or -1.
        committed_leader_epoch: i32 = -1, always();
        metadata: Option<Text>, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
    }
}
