//! `OffsetDelete` (key 47): forgets the offsets of a group for partitions that it no longer reads.

use crate::protocol::message::{NEVER, messages};
use crate::protocol::text::Text;

messages! {
    OffsetDelete = 47, versions 0 to 0, flexible NEVER;

    struct Request {
        group_id: Text, always();
        topics: Vec<OffsetDeleteRequestTopic>, always();
    }

    struct OffsetDeleteRequestTopic {
        name: Text, always();
        partitions: Vec<OffsetDeleteRequestPartition>, always();
    }

    struct OffsetDeleteRequestPartition {
        partition_index: i32, always();
    }

    struct Response {
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        topics: Vec<OffsetDeleteResponseTopic>, always();
    }

    struct OffsetDeleteResponseTopic {
        name: Text, always();
        partitions: Vec<OffsetDeleteResponsePartition>, always();
    }

    struct OffsetDeleteResponsePartition {
        partition_index: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
    }
}
