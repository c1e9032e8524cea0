//! `ShareAcknowledge` (key 79): accepts, releases or rejects acquired records of a share group.
//!
//! librdkafka speaks version 1 alone, others version 2; both are offered.

use crate::protocol::message::messages;
use crate::protocol::text::Text;
use crate::protocol::uuid::Uuid;

messages! {
    ShareAcknowledge = 79, versions 1 to 2, flexible 0;

    struct Request {
        group_id: Option<Text>, always();
        member_id: Option<Text>, always();
        /// 0 begins a session, -1 ends it, otherwise the number of the step.
        share_session_epoch: i32, always();
        /// Whether acknowledgements of type 4 (renew) are among them.
        is_renew_ack: bool, since(2);
        topics: Vec<AcknowledgeTopic>, always();
    }

    struct AcknowledgeTopic {
        /// All zeros when the topic is named instead.
        topic_id: Uuid, always();
        partitions: Vec<AcknowledgePartition>, always();
    }

    struct AcknowledgePartition {
        partition_index: i32, always();
        acknowledgement_batches: Vec<AcknowledgementBatch>, always();
    }

    /// A range of offsets and what becomes of them.
    struct AcknowledgementBatch {
        first_offset: i64, always();
        last_offset: i64, always();
        /// 0 gap, 1 accept, 2 release, 3 reject, 4 renew: one for each offset, or one for all.
        acknowledge_types: Vec<i8>, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
        /// How long acquired records stay with the member.
        acquisition_lock_timeout_ms: i32, since(2).ignorable();
        responses: Vec<ShareAcknowledgeTopicResponse>, always();
        node_endpoints: Vec<NodeEndpoint>, always();
    }

    struct ShareAcknowledgeTopicResponse {
        /// All zeros when the topic is named instead.
        topic_id: Uuid, always();
        partitions: Vec<PartitionData>, always();
    }

    struct PartitionData {
        partition_index: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
        current_leader: LeaderIdAndEpoch, always();
    }

    /// Who leads the partition now, for a client whose knowledge is old (KIP-951).
    struct LeaderIdAndEpoch {
        leader_id: i32, always();
        leader_epoch: i32, always();
    }

    /// The address of a leader that the response names (KIP-951).
    struct NodeEndpoint {
        node_id: i32, always();
        host: Text, always();
        port: i32, always();
        rack: Option<Text>, always();
    }
}
