//! `ListOffsets` (key 2): the offset of a partition at a point in time, or at its start or end.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    ListOffsets = 2, versions 1 to 11, advertised 1 to 10, flexible 6;

    struct Request {
        /// The broker id of a follower; -1 from consumers, -2 in debugging.
        replica_id: i32, always();
        /// 0 reads everything up to the high watermark, 1 only what no open transaction holds back.
        isolation_level: i8, since(2);
        topics: Vec<ListOffsetsTopic>, always();
        /// How long to wait for an answer from tiered storage.
        timeout_ms: i32, since(10).ignorable();
    }

    struct ListOffsetsTopic {
        name: Text, always();
        partitions: Vec<ListOffsetsPartition>, always();
    }

    struct ListOffsetsPartition {
        partition_index: i32, always();
        /// The epoch that the client believes in; -1 when it has none. Another one is answered with an error.
        current_leader_epoch: i32 = -1, since(4).ignorable();
        /// Milliseconds, or a name: -1 the end, -2 the start, -3 the greatest timestamp, -4 the start of the local log, -5
        /// the end of the remote one.
        timestamp: i64, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, since(2).ignorable();
        topics: Vec<ListOffsetsTopicResponse>, always();
    }

    struct ListOffsetsTopicResponse {
        name: Text, always();
        partitions: Vec<ListOffsetsPartitionResponse>, always();
    }

    struct ListOffsetsPartitionResponse {
        partition_index: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// Milliseconds, or a name: -1 the end, -2 the start, -3 the greatest timestamp, -4 the start of the local log, -5
        /// the end of the remote one.
        timestamp: i64 = -1, always();
        offset: i64 = -1, always();
        leader_epoch: i32 = -1, since(4);
    }
}
