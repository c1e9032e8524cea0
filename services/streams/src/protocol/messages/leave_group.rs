//! `LeaveGroup` (key 13): takes members out of a classic group; several from version 3 on.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    LeaveGroup = 13, versions 0 to 5, flexible 4;

    struct Request {
        group_id: Text, always();
        member_id: Text, until(2);
        members: Vec<MemberIdentity>, since(3);
    }

    /// A member that leaves.
    struct MemberIdentity {
        member_id: Text, always();
        /// The name of a static member (KIP-345), or null.
        group_instance_id: Option<Text>, always();
        /// Why, for people.
        reason: Option<Text>, since(5).ignorable();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, since(1).ignorable();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        members: Vec<MemberResponse>, since(3);
    }

    struct MemberResponse {
        member_id: Text, always();
        /// The name of a static member (KIP-345), or null.
        group_instance_id: Option<Text>, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
    }
}
