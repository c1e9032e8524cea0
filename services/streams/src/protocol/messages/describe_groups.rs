//! `DescribeGroups` (key 15): state and members of classic groups.

use bytes::Bytes;

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    DescribeGroups = 15, versions 0 to 6, flexible 5;

    struct Request {
        groups: Vec<Text>, always();
        include_authorized_operations: bool, since(3);
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, since(1).ignorable();
        groups: Vec<DescribedGroup>, always();
    }

    struct DescribedGroup {
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, since(6);
        group_id: Text, always();
        group_state: Text, always();
        protocol_type: Text, always();
        protocol_data: Text, always();
        members: Vec<DescribedGroupMember>, always();
        /// A bit for each operation; the least number when it was not asked for.
        authorized_operations: i32 = i32::MIN, since(3);
    }

    struct DescribedGroupMember {
        member_id: Text, always();
        /// The name of a static member (KIP-345), or null.
        group_instance_id: Option<Text>, since(4).ignorable();
        client_id: Text, always();
        client_host: Text, always();
        member_metadata: Bytes, always();
        member_assignment: Bytes, always();
    }
}
