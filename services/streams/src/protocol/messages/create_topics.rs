//! `CreateTopics` (key 19): makes topics.

use crate::protocol::message::messages;
use crate::protocol::text::Text;
use crate::protocol::uuid::Uuid;

messages! {
    CreateTopics = 19, versions 2 to 7, flexible 5;

    struct Request {
        topics: Vec<CreatableTopic>, always();
        timeout_ms: i32 = 60000, always();
        /// Check and answer, change nothing.
        validate_only: bool, always();
    }

    struct CreatableTopic {
        name: Text, always();
        /// -1 with assignments, or for the number that the broker sets.
        num_partitions: i32, always();
        /// -1 with assignments, or for the number that the broker sets.
        replication_factor: i16, always();
        /// Brokers for each new partition, when the client chooses; null otherwise.
        assignments: Vec<CreatableReplicaAssignment>, always();
        configs: Vec<CreatableTopicConfig>, always();
    }

    /// Brokers that shall hold one partition, when the client chooses.
    struct CreatableReplicaAssignment {
        partition_index: i32, always();
        broker_ids: Vec<i32>, always();
    }

    struct CreatableTopicConfig {
        name: Text, always();
        value: Option<Text>, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        topics: Vec<CreatableTopicResult>, always();
    }

    struct CreatableTopicResult {
        name: Text, always();
        /// All zeros when the topic is named instead.
        topic_id: Uuid, since(7).ignorable();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
        /// Why the settings are missing, when they are.
        topic_config_error_code: i16, since(5).tagged(0).ignorable();
        /// -1 with assignments, or for the number that the broker sets.
        num_partitions: i32 = -1, since(5).ignorable();
        /// -1 with assignments, or for the number that the broker sets.
        replication_factor: i16 = -1, since(5).ignorable();
        configs: Option<Vec<CreatableTopicConfigs>>, since(5).ignorable();
    }

    struct CreatableTopicConfigs {
        name: Text, always();
        value: Option<Text>, always();
        read_only: bool, always();
        /// 1 topic, 2 dynamic broker, 3 dynamic default broker, 4 static broker, 5 default, 6 dynamic logger, 7 client
        /// metrics, 8 group.
        config_source: i8 = -1, always();
        /// The value is a secret and is not shown.
        is_sensitive: bool, always();
    }
}
