//! Fetch (key 1): reads record batches, once or as a step of a fetch session (KIP-227).
//!
//! A batch that holds the offset asked for is returned whole; the client drops what lies before. Version 13 names topics by
//! id.

use crate::protocol::message::messages;
use crate::protocol::records::Records;
use crate::protocol::text::Text;
use crate::protocol::uuid::Uuid;

messages! {
    Fetch = 1, versions 4 to 18, flexible 12;

    struct Request {
        cluster_id: Option<Text>, since(12).tagged(0).ignorable();
        /// The broker id of a follower; -1 from consumers.
        replica_id: i32 = -1, until(14);
        replica_state: ReplicaState, since(15).tagged(1);
        /// How long the broker may wait for `min_bytes`.
        max_wait_ms: i32, always();
        /// Answer as soon as so much is there.
        min_bytes: i32, always();
        /// Answer with about so much at most; the first batch is always whole.
        max_bytes: i32 = i32::MAX, always();
        /// 0 reads everything up to the high watermark, 1 only what no open transaction holds back.
        isolation_level: i8, always();
        /// 0 when there is no session.
        session_id: i32, since(7).ignorable();
        /// -1 for a fetch without a session, 0 to begin one, otherwise the number of the step.
        session_epoch: i32 = -1, since(7).ignorable();
        topics: Vec<FetchTopic>, always();
        /// What leaves the session.
        forgotten_topics_data: Vec<ForgottenTopic>, since(7);
        /// Where the client runs, so that it may read from a near replica.
        rack_id: Text, since(11).ignorable();
    }

    /// Who fetches, when it is a follower.
    struct ReplicaState {
        /// The broker id of a follower; -1 from consumers.
        replica_id: i32 = -1, always();
        replica_epoch: i64 = -1, always();
    }

    struct FetchTopic {
        topic: Text, until(12).ignorable();
        /// All zeros when the topic is named instead.
        topic_id: Uuid, since(13).ignorable();
        partitions: Vec<FetchPartition>, always();
    }

    struct FetchPartition {
        partition: i32, always();
        /// The epoch that the client believes in; -1 when it has none. Another one is answered with an error.
        current_leader_epoch: i32 = -1, since(9).ignorable();
        fetch_offset: i64, always();
        /// The epoch of the last record that the client has, or -1.
        last_fetched_epoch: i32 = -1, since(12);
        log_start_offset: i64 = -1, since(5).ignorable();
        /// About so much from this partition at most.
        partition_max_bytes: i32, always();
        replica_directory_id: Uuid, since(17).tagged(0).ignorable();
        /// Below it every record is replicated.
        high_watermark: i64 = i64::MAX, since(18).tagged(1).ignorable();
    }

    /// Partitions that leave the fetch session.
    struct ForgottenTopic {
        topic: Text, until(12).ignorable();
        /// All zeros when the topic is named instead.
        topic_id: Uuid, since(13).ignorable();
        partitions: Vec<i32>, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, since(7).ignorable();
        /// 0 when there is no session.
        session_id: i32, since(7);
        responses: Vec<FetchableTopicResponse>, always();
        node_endpoints: Vec<NodeEndpoint>, since(16).tagged(0);
    }

    struct FetchableTopicResponse {
        topic: Text, until(12).ignorable();
        /// All zeros when the topic is named instead.
        topic_id: Uuid, since(13).ignorable();
        partitions: Vec<PartitionData>, always();
    }

    struct PartitionData {
        partition_index: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// Below it every record is replicated.
        high_watermark: i64, always();
        /// Below it every transaction is decided.
        last_stable_offset: i64 = -1, always();
        log_start_offset: i64 = -1, since(5).ignorable();
        diverging_epoch: EpochEndOffset, since(12).tagged(0);
        current_leader: LeaderIdAndEpoch, since(12).tagged(1);
        snapshot_id: SnapshotId, since(12).tagged(2);
        /// Null for readers that see uncommitted records.
        aborted_transactions: Option<Vec<AbortedTransaction>>, always();
        /// The broker that the consumer should rather read from, or -1.
        preferred_read_replica: i32 = -1, since(11);
        /// Batches as they are stored, in pieces.
        records: Records, always();
    }

    /// Where an epoch ended.
    struct EpochEndOffset {
        epoch: i32 = -1, always();
        end_offset: i64 = -1, always();
    }

    /// Who leads the partition now, for a client whose knowledge is old (KIP-951).
    struct LeaderIdAndEpoch {
        leader_id: i32 = -1, always();
        leader_epoch: i32 = -1, always();
    }

    struct SnapshotId {
        end_offset: i64 = -1, always();
        epoch: i32 = -1, always();
    }

    /// A transaction of which records lie in the fetched range and which was aborted: `read_committed` readers drop its
    /// records.
    struct AbortedTransaction {
        producer_id: i64, always();
        first_offset: i64, always();
    }

    /// The address of a leader that the response names (KIP-951).
    struct NodeEndpoint {
        node_id: i32, always();
        host: Text, always();
        port: i32, always();
        rack: Option<Text>, always();
    }
}
