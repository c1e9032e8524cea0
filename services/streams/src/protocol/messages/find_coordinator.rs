//! `FindCoordinator` (key 10): which broker looks after a group, a transactional id or a share partition; several keys from
//! version 4 on.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    FindCoordinator = 10, versions 0 to 6, flexible 3;

    struct Request {
        key: Text, until(3);
        /// 0 a group, 1 a transactional id, 2 a share partition.
        key_type: i8, since(1);
        coordinator_keys: Vec<Text>, since(4);
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, since(1).ignorable();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, until(3);
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, during(1, 3).ignorable();
        node_id: i32, until(3);
        host: Text, until(3);
        port: i32, until(3);
        coordinators: Vec<Coordinator>, since(4);
    }

    struct Coordinator {
        key: Text, always();
        node_id: i32, always();
        host: Text, always();
        port: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
    }
}
