//! `ConsumerGroupHeartbeat` (key 68): the whole life of a member under KIP-848: joins, reports, receives its assignment,
//! leaves.

use crate::protocol::message::messages;
use crate::protocol::text::Text;
use crate::protocol::uuid::Uuid;

messages! {
    ConsumerGroupHeartbeat = 68, versions 0 to 1, flexible 0;

    struct Request {
        group_id: Text, always();
        member_id: Text, always();
        /// 0 joins, -1 leaves, -2 leaves for a short while (static members), otherwise the epoch that the member has.
        member_epoch: i32, always();
        instance_id: Option<Text>, always();
        /// Where the client runs, so that it may read from a near replica.
        rack_id: Option<Text>, always();
        /// How long the group waits for this member in a rebalance.
        rebalance_timeout_ms: i32 = -1, always();
        /// Null when nothing changed since the last heartbeat.
        subscribed_topic_names: Option<Vec<Text>>, always();
        /// A regular expression for topic names (RE2/J); null when nothing changed since the last heartbeat.
        subscribed_topic_regex: Option<Text>, since(1);
        /// The assignor that the broker should use; null leaves it to the broker.
        server_assignor: Option<Text>, always();
        /// What the member holds; null when nothing changed since the last heartbeat.
        topic_partitions: Option<Vec<TopicPartitions>>, always();
    }

    struct TopicPartitions {
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
        member_id: Option<Text>, always();
        member_epoch: i32, always();
        /// When the next heartbeat is due.
        heartbeat_interval_ms: i32, always();
        /// Null when nothing changed.
        assignment: Option<Assignment>, always();
    }

    struct Assignment {
        topic_partitions: Vec<TopicPartitions>, always();
    }
}
