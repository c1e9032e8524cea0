//! `JoinGroup` (key 11): enters a classic group and waits for its rebalance.

use bytes::Bytes;

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    JoinGroup = 11, versions 0 to 9, flexible 6;

    struct Request {
        group_id: Text, always();
        /// Without a heartbeat for so long the member is out.
        session_timeout_ms: i32, always();
        /// How long the group waits for this member in a rebalance.
        rebalance_timeout_ms: i32 = -1, since(1).ignorable();
        /// Empty when the member does not have one yet.
        member_id: Text, always();
        /// The name of a static member (KIP-345), or null.
        group_instance_id: Option<Text>, since(5);
        /// What the protocols are about: `consumer` for consumers.
        protocol_type: Text, always();
        protocols: Vec<JoinGroupRequestProtocol>, always();
        /// Why, for people.
        reason: Option<Text>, since(8).ignorable();
    }

    /// An assignor that the member can follow, with its subscription in the form of `consumer_protocol`.
    struct JoinGroupRequestProtocol {
        name: Text, always();
        metadata: Bytes, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, since(2).ignorable();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        generation_id: i32 = -1, always();
        /// What the protocols are about: `consumer` for consumers.
        protocol_type: Option<Text>, since(7).ignorable();
        protocol_name: Option<Text>, always().null_since(7);
        /// The member that computes the assignment.
        leader: Text, always();
        /// Whether the leader keeps the assignment that it has (KIP-814).
        skip_assignment: bool, since(9);
        member_id: Text, always();
        members: Vec<JoinGroupResponseMember>, always();
    }

    /// A member with its subscription; only the leader is told.
    struct JoinGroupResponseMember {
        member_id: Text, always();
        /// The name of a static member (KIP-345), or null.
        group_instance_id: Option<Text>, since(5).ignorable();
        metadata: Bytes, always();
    }
}
