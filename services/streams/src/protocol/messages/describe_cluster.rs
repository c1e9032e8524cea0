//! `DescribeCluster` (key 60): brokers, controller and cluster id, for administration clients.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    DescribeCluster = 60, versions 0 to 2, flexible 0;

    struct Request {
        include_cluster_authorized_operations: bool, always();
        /// 1 brokers, 2 controllers.
        endpoint_type: i8 = 1, since(1);
        include_fenced_brokers: bool, since(2);
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
        /// 1 brokers, 2 controllers.
        endpoint_type: i8 = 1, since(1);
        cluster_id: Text, always();
        /// The broker that changes go to, or -1.
        controller_id: i32 = -1, always();
        brokers: Vec<DescribeClusterBroker>, always();
        /// A bit for each operation; the least number when it was not asked for.
        cluster_authorized_operations: i32 = i32::MIN, always();
    }

    struct DescribeClusterBroker {
        broker_id: i32, always();
        host: Text, always();
        port: i32, always();
        rack: Option<Text>, always();
        is_fenced: bool, since(2);
    }
}
