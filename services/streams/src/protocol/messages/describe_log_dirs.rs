//! `DescribeLogDirs` (key 35): which directories hold which partitions, and how large they are.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    DescribeLogDirs = 35, versions 1 to 4, flexible 2;

    struct Request {
        /// Null asks for all.
        topics: Option<Vec<DescribableLogDirTopic>>, always();
    }

    struct DescribableLogDirTopic {
        topic: Text, always();
        partitions: Vec<i32>, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, since(3).ignorable();
        results: Vec<DescribeLogDirsResult>, always();
    }

    struct DescribeLogDirsResult {
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        log_dir: Text, always();
        topics: Vec<DescribeLogDirsTopic>, always();
        /// Bytes of the volume, or -1.
        total_bytes: i64 = -1, since(4).ignorable();
        /// Free bytes of the volume, or -1.
        usable_bytes: i64 = -1, since(4).ignorable();
    }

    struct DescribeLogDirsTopic {
        name: Text, always();
        partitions: Vec<DescribeLogDirsPartition>, always();
    }

    struct DescribeLogDirsPartition {
        partition_index: i32, always();
        /// Bytes of the partition in this directory.
        partition_size: i64, always();
        /// How far the log is behind the high watermark, or a future replica behind the current one.
        offset_lag: i64, always();
        /// The replica is being moved into this directory.
        is_future_key: bool, always();
    }
}
