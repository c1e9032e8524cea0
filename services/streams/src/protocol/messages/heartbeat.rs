//! Heartbeat (key 12): keeps a member in a classic group, and tells it of rebalances.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    Heartbeat = 12, versions 0 to 4, flexible 4;

    struct Request {
        group_id: Text, always();
        generation_id: i32, always();
        member_id: Text, always();
        /// The name of a static member (KIP-345), or null.
        group_instance_id: Option<Text>, since(3);
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, since(1).ignorable();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
    }
}
