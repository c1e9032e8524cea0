//! `CreatePartitions` (key 37): adds partitions to topics.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    CreatePartitions = 37, versions 0 to 3, flexible 2;

    struct Request {
        topics: Vec<CreatePartitionsTopic>, always();
        timeout_ms: i32, always();
        /// Check and answer, change nothing.
        validate_only: bool, always();
    }

    struct CreatePartitionsTopic {
        name: Text, always();
        count: i32, always();
        /// Brokers for each new partition, when the client chooses; null otherwise.
        assignments: Option<Vec<CreatePartitionsAssignment>>, always();
    }

    struct CreatePartitionsAssignment {
        broker_ids: Vec<i32>, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        results: Vec<CreatePartitionsTopicResult>, always();
    }

    struct CreatePartitionsTopicResult {
        name: Text, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        /// For people; null when there is nothing to say.
        error_message: Option<Text>, always();
    }
}
