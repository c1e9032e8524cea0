//! Metadata (key 3): brokers, topics, and who leads each partition. May create a topic that is asked for.

use crate::protocol::message::messages;
use crate::protocol::text::Text;
use crate::protocol::uuid::Uuid;

messages! {
    Metadata = 3, versions 0 to 13, flexible 9;

    struct Request {
        /// Null asks for all. In version 0 an empty list asks for all.
        topics: Option<Vec<MetadataRequestTopic>>, always().null_since(1);
        /// Whether a missing topic may be made, if the broker does that at all.
        allow_auto_topic_creation: bool = true, since(4);
        include_cluster_authorized_operations: bool, during(8, 10);
        include_topic_authorized_operations: bool, since(8);
    }

    struct MetadataRequestTopic {
        /// All zeros when the topic is named instead.
        topic_id: Uuid, since(10).ignorable();
        name: Option<Text>, always().null_since(10);
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, since(3).ignorable();
        brokers: Vec<MetadataResponseBroker>, always();
        cluster_id: Option<Text>, since(2).ignorable();
        /// The broker that changes go to, or -1.
        controller_id: i32 = -1, since(1).ignorable();
        topics: Vec<MetadataResponseTopic>, always();
        /// A bit for each operation; the least number when it was not asked for.
        cluster_authorized_operations: i32 = i32::MIN, during(8, 10);
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, since(13).ignorable();
    }

    struct MetadataResponseBroker {
        node_id: i32, always();
        host: Text, always();
        port: i32, always();
        rack: Option<Text>, since(1).ignorable();
    }

    struct MetadataResponseTopic {
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        name: Option<Text>, always().null_since(12);
        /// All zeros when the topic is named instead.
        topic_id: Uuid, since(10).ignorable();
        is_internal: bool, since(1).ignorable();
        partitions: Vec<MetadataResponsePartition>, always();
        /// A bit for each operation; the least number when it was not asked for.
        topic_authorized_operations: i32 = i32::MIN, since(8);
    }

    struct MetadataResponsePartition {
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        partition_index: i32, always();
        leader_id: i32, always();
        leader_epoch: i32 = -1, since(7).ignorable();
        replica_nodes: Vec<i32>, always();
        /// The replicas that are in sync.
        isr_nodes: Vec<i32>, always();
        offline_replicas: Vec<i32>, since(5).ignorable();
    }
}
