//! `OffsetForLeaderEpoch` (key 23): where an epoch of a partition ended, so that a reader finds the point of divergence.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    OffsetForLeaderEpoch = 23, versions 2 to 4, flexible 4;

    struct Request {
        replica_id: i32 = -2, since(3).ignorable();
        topics: Vec<OffsetForLeaderTopic>, always();
    }

    struct OffsetForLeaderTopic {
        topic: Text, always();
        partitions: Vec<OffsetForLeaderPartition>, always();
    }

    struct OffsetForLeaderPartition {
        partition: i32, always();
        /// The epoch that the client believes in; -1 when it has none. Another one is answered with an error.
        current_leader_epoch: i32 = -1, always();
        leader_epoch: i32, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        topics: Vec<OffsetForLeaderTopicResult>, always();
    }

    struct OffsetForLeaderTopicResult {
        topic: Text, always();
        partitions: Vec<EpochEndOffset>, always();
    }

    /// Where an epoch ended.
    struct EpochEndOffset {
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        partition: i32, always();
        leader_epoch: i32 = -1, always();
        end_offset: i64 = -1, always();
    }
}
