//! `TxnOffsetCommit` (key 28): stores offsets of a group as part of a transaction.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    TxnOffsetCommit = 28, versions 0 to 5, flexible 3;

    struct Request {
        /// Null when the producer is not transactional.
        transactional_id: Text, always();
        group_id: Text, always();
        producer_id: i64, always();
        producer_epoch: i16, always();
        generation_id: i32 = -1, since(3);
        member_id: Text, since(3);
        /// The name of a static member (KIP-345), or null.
        group_instance_id: Option<Text>, since(3);
        topics: Vec<TxnOffsetCommitRequestTopic>, always();
    }

    struct TxnOffsetCommitRequestTopic {
        name: Text, always();
        partitions: Vec<TxnOffsetCommitRequestPartition>, always();
    }

    struct TxnOffsetCommitRequestPartition {
        partition_index: i32, always();
        /// The offset of the next record to read.
        committed_offset: i64, always();
        /// The epoch of the last record that was read, or -1.
        committed_leader_epoch: i32 = -1, since(2).ignorable();
        /// What the client wants to remember with it.
        committed_metadata: Option<Text>, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        topics: Vec<TxnOffsetCommitResponseTopic>, always();
    }

    struct TxnOffsetCommitResponseTopic {
        name: Text, always();
        partitions: Vec<TxnOffsetCommitResponsePartition>, always();
    }

    struct TxnOffsetCommitResponsePartition {
        partition_index: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
    }
}
