//! Produce (key 0): appends record batches to partitions.
//!
//! `ApiVersions` tells versions from 0 although 0 to 2 are refused: many clients compress nothing when the range does not begin
//! at 0. Version 13 names topics by id.

use bytes::Bytes;

use crate::protocol::message::messages;
use crate::protocol::text::Text;
use crate::protocol::uuid::Uuid;

messages! {
    Produce = 0, versions 3 to 13, advertised 0 to 13, flexible 9;

    struct Request {
        /// Null when the producer is not transactional.
        transactional_id: Option<Text>, always();
        /// Who must have the records before the answer: 0 nobody (and there is no answer), 1 the leader, -1 every replica
        /// in sync.
        acks: i16, always();
        /// How long to wait for the acknowledgements.
        timeout_ms: i32, always();
        topic_data: Vec<TopicProduceData>, always();
    }

    struct TopicProduceData {
        name: Text, until(12).ignorable();
        /// All zeros when the topic is named instead.
        topic_id: Uuid, since(13).ignorable();
        partition_data: Vec<PartitionProduceData>, always();
    }

    struct PartitionProduceData {
        index: i32, always();
        /// Record batches, one after the other.
        records: Option<Bytes>, always();
    }

    struct Response {
        responses: Vec<TopicProduceResponse>, always();
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        node_endpoints: Vec<NodeEndpoint>, since(10).tagged(0);
    }

    struct TopicProduceResponse {
        name: Text, until(12).ignorable();
        /// All zeros when the topic is named instead.
        topic_id: Uuid, since(13).ignorable();
        partition_responses: Vec<PartitionProduceResponse>, always();
    }

    struct PartitionProduceResponse {
        index: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// The offset of the first record.
        base_offset: i64, always();
        /// When the broker appended, if the topic stamps records itself; otherwise -1.
        log_append_time_ms: i64 = -1, always();
        log_start_offset: i64 = -1, since(5).ignorable();
        /// The records because of which the batch was refused.
        record_errors: Vec<BatchIndexAndErrorMessage>, since(8).ignorable();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, since(8).ignorable();
        current_leader: LeaderIdAndEpoch, since(10).tagged(0);
    }

    /// A record because of which its batch was refused (KIP-467).
    struct BatchIndexAndErrorMessage {
        /// The index of the record in its batch.
        batch_index: i32, always();
        batch_index_error_message: Option<Text>, always();
    }

    /// Who leads the partition now, for a client whose knowledge is old (KIP-951).
    struct LeaderIdAndEpoch {
        leader_id: i32 = -1, always();
        leader_epoch: i32 = -1, always();
    }

    /// The address of a leader that the response names (KIP-951).
    struct NodeEndpoint {
        node_id: i32, always();
        host: Text, always();
        port: i32, always();
        rack: Option<Text>, always();
    }
}
