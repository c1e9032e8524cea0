//! `ListTransactions` (key 66): the transactional ids that a broker looks after.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    ListTransactions = 66, versions 0 to 2, flexible 0;

    struct Request {
        /// Empty asks for all.
        state_filters: Vec<Text>, always();
        /// Empty asks for all.
        producer_id_filters: Vec<i64>, always();
        /// Only transactions open for at least so many milliseconds; -1 for all.
        duration_filter: i64 = -1, since(1);
        /// A regular expression for the ids (RE2), or null.
        transactional_id_pattern: Option<Text>, since(2);
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        unknown_state_filters: Vec<Text>, always();
        transaction_states: Vec<TransactionState>, always();
    }

    struct TransactionState {
        transactional_id: Text, always();
        producer_id: i64, always();
        transaction_state: Text, always();
    }
}
