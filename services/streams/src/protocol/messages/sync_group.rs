//! `SyncGroup` (key 14): the leader hands in every member's assignment, each member receives its own.

use bytes::Bytes;

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    SyncGroup = 14, versions 0 to 5, flexible 4;

    struct Request {
        group_id: Text, always();
        generation_id: i32, always();
        member_id: Text, always();
        /// The name of a static member (KIP-345), or null.
        group_instance_id: Option<Text>, since(3);
        protocol_type: Option<Text>, since(5).ignorable();
        protocol_name: Option<Text>, since(5).ignorable();
        /// Brokers for each new partition, when the client chooses; null otherwise.
        assignments: Vec<SyncGroupRequestAssignment>, always();
    }

    /// The assignment of one member, in the form of `consumer_protocol`.
    struct SyncGroupRequestAssignment {
        member_id: Text, always();
        assignment: Bytes, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, since(1).ignorable();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        protocol_type: Option<Text>, since(5).ignorable();
        protocol_name: Option<Text>, since(5).ignorable();
        assignment: Bytes, always();
    }
}
