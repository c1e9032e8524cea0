//! `DeleteShareGroupOffsets` (key 92): forgets where an empty share group stands in topics.

use crate::protocol::message::messages;
use crate::protocol::text::Text;
use crate::protocol::uuid::Uuid;

messages! {
    DeleteShareGroupOffsets = 92, versions 0 to 0, flexible 0;

    struct Request {
        group_id: Text, always();
        topics: Vec<DeleteShareGroupOffsetsRequestTopic>, always();
    }

    struct DeleteShareGroupOffsetsRequestTopic {
        topic_name: Text, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
        responses: Vec<DeleteShareGroupOffsetsResponseTopic>, always();
    }

    struct DeleteShareGroupOffsetsResponseTopic {
        topic_name: Text, always();
        /// All zeros when the topic is named instead.
        topic_id: Uuid, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
    }
}
