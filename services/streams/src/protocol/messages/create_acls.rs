//! `CreateAcls` (key 30): adds access rules.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    CreateAcls = 30, versions 1 to 3, flexible 2;

    struct Request {
        creations: Vec<AclCreation>, always();
    }

    struct AclCreation {
        /// 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
        resource_type: i8, always();
        resource_name: Text, always();
        /// 3 literal, 4 prefixed.
        resource_pattern_type: i8 = 3, always();
        principal: Text, always();
        host: Text, always();
        operation: i8, always();
        /// 1 any (in filters), 2 deny, 3 allow.
        permission_type: i8, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        results: Vec<AclCreationResult>, always();
    }

    struct AclCreationResult {
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
    }
}
