//! `DescribeConfigs` (key 32): the settings of topics, brokers and groups, defaults included.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    DescribeConfigs = 32, versions 1 to 4, flexible 4;

    struct Request {
        resources: Vec<DescribeConfigsResource>, always();
        include_synonyms: bool, always();
        include_documentation: bool, since(3);
    }

    struct DescribeConfigsResource {
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8, always();
        resource_name: Text, always();
        /// Null asks for all.
        configuration_keys: Option<Vec<Text>>, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        results: Vec<DescribeConfigsResult>, always();
    }

    struct DescribeConfigsResult {
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8, always();
        resource_name: Text, always();
        configs: Vec<DescribeConfigsResourceResult>, always();
    }

    struct DescribeConfigsResourceResult {
        name: Text, always();
        value: Option<Text>, always();
        read_only: bool, always();
        /// 1 topic, 2 dynamic broker, 3 dynamic default broker, 4 static broker, 5 default, 6 dynamic logger, 7 client
        /// metrics, 8 group.
        config_source: i8 = -1, always();
        /// The value is a secret and is not shown.
        is_sensitive: bool, always();
        synonyms: Vec<DescribeConfigsSynonym>, always();
        /// 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password.
        config_type: i8, since(3).ignorable();
        documentation: Option<Text>, since(3).ignorable();
    }

    /// Where else the setting has a value, nearest first.
    struct DescribeConfigsSynonym {
        name: Text, always();
        value: Option<Text>, always();
        /// As `config_source`.
        source: i8, always();
    }
}
