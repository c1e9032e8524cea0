//! `DescribeTransactions` (key 65): the state of transactional ids.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    DescribeTransactions = 65, versions 0 to 0, flexible 0;

    struct Request {
        transactional_ids: Vec<Text>, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        transaction_states: Vec<TransactionState>, always();
    }

    struct TransactionState {
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        transactional_id: Text, always();
        transaction_state: Text, always();
        /// A transaction that is open for longer is aborted.
        transaction_timeout_ms: i32, always();
        transaction_start_time_ms: i64, always();
        producer_id: i64, always();
        producer_epoch: i16, always();
        topics: Vec<TopicData>, always();
    }

    struct TopicData {
        topic: Text, always();
        partitions: Vec<i32>, always();
    }
}
