//! `ConsumerGroupDescribe` (key 69): state and members of KIP-848 groups.

use crate::protocol::message::messages;
use crate::protocol::text::Text;
use crate::protocol::uuid::Uuid;

messages! {
    ConsumerGroupDescribe = 69, versions 0 to 1, flexible 0;

    struct Request {
        group_ids: Vec<Text>, always();
        include_authorized_operations: bool, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        groups: Vec<DescribedGroup>, always();
    }

    struct DescribedGroup {
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
        group_id: Text, always();
        group_state: Text, always();
        group_epoch: i32, always();
        assignment_epoch: i32, always();
        assignor_name: Text, always();
        members: Vec<Member>, always();
        /// A bit for each operation; the least number when it was not asked for.
        authorized_operations: i32 = i32::MIN, always();
    }

    struct Member {
        member_id: Text, always();
        instance_id: Option<Text>, always();
        /// Where the client runs, so that it may read from a near replica.
        rack_id: Option<Text>, always();
        member_epoch: i32, always();
        client_id: Text, always();
        client_host: Text, always();
        subscribed_topic_names: Vec<Text>, always();
        subscribed_topic_regex: Option<Text>, always();
        assignment: Assignment, always();
        target_assignment: Assignment, always();
        /// 0 a classic member, 1 a KIP-848 member, -1 unknown.
        member_type: i8 = -1, since(1).ignorable();
    }

    struct Assignment {
        topic_partitions: Vec<TopicPartitions>, always();
    }

    struct TopicPartitions {
        /// All zeros when the topic is named instead.
        topic_id: Uuid, always();
        topic_name: Text, always();
        partitions: Vec<i32>, always();
    }
}
