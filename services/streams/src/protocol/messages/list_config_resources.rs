//! `ListConfigResources` (key 74): the resources that have settings of their own. Version 0 knows client metrics only.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    ListConfigResources = 74, versions 0 to 1, flexible 0;

    struct Request {
        resource_types: Vec<i8>, since(1);
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        config_resources: Vec<ConfigResource>, always();
    }

    struct ConfigResource {
        resource_name: Text, always();
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8 = 16, since(1).ignorable();
    }
}
