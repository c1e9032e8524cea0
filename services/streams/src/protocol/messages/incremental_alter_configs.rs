//! `IncrementalAlterConfigs` (key 44): sets, resets, extends or shortens single settings.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    IncrementalAlterConfigs = 44, versions 0 to 1, flexible 1;

    struct Request {
        resources: Vec<AlterConfigsResource>, always();
        /// Check and answer, change nothing.
        validate_only: bool, always();
    }

    struct AlterConfigsResource {
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8, always();
        resource_name: Text, always();
        configs: Vec<AlterableConfig>, always();
    }

    struct AlterableConfig {
        name: Text, always();
        /// 0 set, 1 delete, 2 append to a list, 3 subtract from a list.
        config_operation: i8, always();
        value: Option<Text>, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        responses: Vec<AlterConfigsResourceResponse>, always();
    }

    struct AlterConfigsResourceResponse {
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8, always();
        resource_name: Text, always();
    }
}
