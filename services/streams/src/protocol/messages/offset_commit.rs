//! `OffsetCommit` (key 8): stores how far a group has read.
//!
//! Version 10 names topics by id; it is readable and not advertised.

use crate::protocol::message::messages;
use crate::protocol::text::Text;
use crate::protocol::uuid::Uuid;

messages! {
    OffsetCommit = 8, versions 2 to 10, advertised 2 to 9, flexible 8;

    struct Request {
        group_id: Text, always();
        /// The generation of a classic group or the epoch of a KIP-848 member; -1 from outside a group.
        generation_id_or_member_epoch: i32 = -1, always();
        member_id: Text, always();
        /// The name of a static member (KIP-345), or null.
        group_instance_id: Option<Text>, since(7);
        /// How long to keep the offsets; -1 for the time that the broker sets.
        retention_time_ms: i64 = -1, until(4).ignorable();
        topics: Vec<OffsetCommitRequestTopic>, always();
    }

    struct OffsetCommitRequestTopic {
        name: Text, until(9).ignorable();
        /// All zeros when the topic is named instead.
        topic_id: Uuid, since(10).ignorable();
        partitions: Vec<OffsetCommitRequestPartition>, always();
    }

    struct OffsetCommitRequestPartition {
        partition_index: i32, always();
        /// The offset of the next record to read.
        committed_offset: i64, always();
        /// The epoch of the last record that was read, or -1.
        committed_leader_epoch: i32 = -1, since(6).ignorable();
        /// What the client wants to remember with it.
        committed_metadata: Option<Text>, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, since(3).ignorable();
        topics: Vec<OffsetCommitResponseTopic>, always();
    }

    struct OffsetCommitResponseTopic {
        name: Text, until(9).ignorable();
        /// All zeros when the topic is named instead.
        topic_id: Uuid, since(10).ignorable();
        partitions: Vec<OffsetCommitResponsePartition>, always();
    }

    struct OffsetCommitResponsePartition {
        partition_index: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
    }
}
