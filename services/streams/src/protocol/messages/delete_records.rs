//! `DeleteRecords` (key 21): moves the start of partitions forward.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    DeleteRecords = 21, versions 0 to 2, flexible 2;

    struct Request {
        topics: Vec<DeleteRecordsTopic>, always();
        timeout_ms: i32, always();
    }

    struct DeleteRecordsTopic {
        name: Text, always();
        partitions: Vec<DeleteRecordsPartition>, always();
    }

    struct DeleteRecordsPartition {
        partition_index: i32, always();
        /// Records below it go; -1 for all.
        offset: i64, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        topics: Vec<DeleteRecordsTopicResult>, always();
    }

    struct DeleteRecordsTopicResult {
        name: Text, always();
        partitions: Vec<DeleteRecordsPartitionResult>, always();
    }

    struct DeleteRecordsPartitionResult {
        partition_index: i32, always();
        /// The offset of the first record that is left.
        low_watermark: i64, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
    }
}
