//! `DescribeAcls` (key 29): the access rules that match a filter.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    DescribeAcls = 29, versions 1 to 3, flexible 2;

    struct Request {
        resource_type_filter: i8, always();
        resource_name_filter: Option<Text>, always();
        /// 1 any, 2 whatever matches, 3 literal, 4 prefixed.
        pattern_type_filter: i8 = 3, always();
        principal_filter: Option<Text>, always();
        host_filter: Option<Text>, always();
        operation: i8, always();
        /// 1 any (in filters), 2 deny, 3 allow.
        permission_type: i8, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
        resources: Vec<DescribeAclsResource>, always();
    }

    struct DescribeAclsResource {
        /// 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
        resource_type: i8, always();
        resource_name: Text, always();
        /// 3 literal, 4 prefixed.
        pattern_type: i8 = 3, always();
        acls: Vec<AclDescription>, always();
    }

    struct AclDescription {
        principal: Text, always();
        host: Text, always();
        operation: i8, always();
        /// 1 any (in filters), 2 deny, 3 allow.
        permission_type: i8, always();
    }
}
