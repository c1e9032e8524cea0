//! `ShareFetch` (key 78): acquires records for a member of a share group, and acknowledges earlier ones on the way.
//!
//! librdkafka speaks version 1 alone, others version 2; both are offered.

use crate::protocol::message::messages;
use crate::protocol::records::Records;
use crate::protocol::text::Text;
use crate::protocol::uuid::Uuid;

messages! {
    ShareFetch = 78, versions 1 to 2, flexible 0;

    struct Request {
        group_id: Option<Text>, always();
        member_id: Option<Text>, always();
        /// 0 begins a session, -1 ends it, otherwise the number of the step.
        share_session_epoch: i32, always();
        /// How long the broker may wait for `min_bytes`.
        max_wait_ms: i32, always();
        /// Answer as soon as so much is there.
        min_bytes: i32, always();
        /// Answer with about so much at most; the first batch is always whole.
        max_bytes: i32 = i32::MAX, always();
        /// About so many records at most.
        max_records: i32, always();
        /// The most offsets in one batch of acquired records.
        batch_size: i32, always();
        /// 0 may go beyond `max_records` to the end of a batch, 1 stops at it.
        share_acquire_mode: i8, since(2).ignorable();
        /// Whether acknowledgements of type 4 (renew) are among them.
        is_renew_ack: bool, since(2);
        topics: Vec<FetchTopic>, always();
        forgotten_topics_data: Vec<ForgottenTopic>, always();
    }

    struct FetchTopic {
        /// All zeros when the topic is named instead.
        topic_id: Uuid, always();
        partitions: Vec<FetchPartition>, always();
    }

    struct FetchPartition {
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

    /// Partitions that leave the fetch session.
    struct ForgottenTopic {
        /// All zeros when the topic is named instead.
        topic_id: Uuid, always();
        partitions: Vec<i32>, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
        /// How long acquired records stay with the member.
        acquisition_lock_timeout_ms: i32, always();
        responses: Vec<ShareFetchableTopicResponse>, always();
        node_endpoints: Vec<NodeEndpoint>, always();
    }

    struct ShareFetchableTopicResponse {
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
        /// What became of the acknowledgements; a number of [`ErrorCode`](crate::protocol::ErrorCode).
        acknowledge_error_code: i16, always();
        acknowledge_error_message: Option<Text>, always();
        current_leader: LeaderIdAndEpoch, always();
        /// Batches as they are stored, in pieces.
        records: Records, always();
        acquired_records: Vec<AcquiredRecords>, always();
    }

    /// Who leads the partition now, for a client whose knowledge is old (KIP-951).
    struct LeaderIdAndEpoch {
        leader_id: i32, always();
        leader_epoch: i32, always();
    }

    /// A range of offsets that the member now holds, and how often they were delivered.
    struct AcquiredRecords {
        first_offset: i64, always();
        last_offset: i64, always();
        /// How often the records were delivered, this time included.
        delivery_count: i16, always();
    }

    /// The address of a leader that the response names (KIP-951).
    struct NodeEndpoint {
        node_id: i32, always();
        host: Text, always();
        port: i32, always();
        rack: Option<Text>, always();
    }
}
