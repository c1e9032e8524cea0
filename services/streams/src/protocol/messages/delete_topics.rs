//! `DeleteTopics` (key 20): removes topics, by name, or by id from version 6 on.

use crate::protocol::message::messages;
use crate::protocol::text::Text;
use crate::protocol::uuid::Uuid;

messages! {
    DeleteTopics = 20, versions 1 to 6, flexible 4;

    struct Request {
        topics: Vec<DeleteTopicState>, since(6);
        topic_names: Vec<Text>, until(5).ignorable();
        timeout_ms: i32, always();
    }

    struct DeleteTopicState {
        name: Option<Text>, always();
        /// All zeros when the topic is named instead.
        topic_id: Uuid, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        responses: Vec<DeletableTopicResult>, always();
    }

    struct DeletableTopicResult {
        name: Option<Text>, always().null_since(6);
        /// All zeros when the topic is named instead.
        topic_id: Uuid, since(6).ignorable();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, since(5).ignorable();
    }
}
