//! `ListGroups` (key 16): the groups that a broker looks after.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    ListGroups = 16, versions 0 to 5, flexible 3;

    struct Request {
        /// Empty asks for all.
        states_filter: Vec<Text>, since(4);
        /// Empty asks for all.
        types_filter: Vec<Text>, since(5);
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, since(1).ignorable();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        groups: Vec<ListedGroup>, always();
    }

    struct ListedGroup {
        group_id: Text, always();
        protocol_type: Text, always();
        group_state: Text, since(4).ignorable();
        group_type: Text, since(5).ignorable();
    }
}
