//! `AlterShareGroupOffsets` (key 91): moves the start of an empty share group.

use crate::protocol::message::messages;
use crate::protocol::text::Text;
use crate::protocol::uuid::Uuid;

messages! {
    AlterShareGroupOffsets = 91, versions 0 to 0, flexible 0;

    struct Request {
        group_id: Text, always();
        topics: Vec<AlterShareGroupOffsetsRequestTopic>, always();
    }

    struct AlterShareGroupOffsetsRequestTopic {
        topic_name: Text, always();
        partitions: Vec<AlterShareGroupOffsetsRequestPartition>, always();
    }

    struct AlterShareGroupOffsetsRequestPartition {
        partition_index: i32, always();
        /// The first offset to deliver.
        start_offset: i64, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
        responses: Vec<AlterShareGroupOffsetsResponseTopic>, always();
    }

    struct AlterShareGroupOffsetsResponseTopic {
        topic_name: Text, always();
        /// All zeros when the topic is named instead.
        topic_id: Uuid, always();
        partitions: Vec<AlterShareGroupOffsetsResponsePartition>, always();
    }

    struct AlterShareGroupOffsetsResponsePartition {
        partition_index: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
    }
}
