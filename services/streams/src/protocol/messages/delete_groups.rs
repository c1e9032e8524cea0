//! `DeleteGroups` (key 42): removes groups that are empty.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    DeleteGroups = 42, versions 0 to 2, flexible 2;

    struct Request {
        groups_names: Vec<Text>, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        results: Vec<DeletableGroupResult>, always();
    }

    struct DeletableGroupResult {
        group_id: Text, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
    }
}
