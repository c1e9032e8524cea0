//! `ShareGroupHeartbeat` (key 76): the life of a member of a share group (KIP-932).

use crate::protocol::message::messages;
use crate::protocol::text::Text;
use crate::protocol::uuid::Uuid;

messages! {
    ShareGroupHeartbeat = 76, versions 1 to 1, flexible 0;

    struct Request {
        group_id: Text, always();
        member_id: Text, always();
        /// 0 joins, -1 leaves, otherwise the epoch that the member has.
        member_epoch: i32, always();
        /// Where the client runs, so that it may read from a near replica.
        rack_id: Option<Text>, always();
        /// Null when nothing changed since the last heartbeat.
        subscribed_topic_names: Option<Vec<Text>>, always();
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

    struct TopicPartitions {
        /// All zeros when the topic is named instead.
        topic_id: Uuid, always();
        partitions: Vec<i32>, always();
    }
}
