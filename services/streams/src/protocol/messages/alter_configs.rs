//! `AlterConfigs` (key 33): replaces all settings of a resource. Older than `IncrementalAlterConfigs`.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    AlterConfigs = 33, versions 0 to 2, flexible 2;

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
