//! `AddOffsetsToTxn` (key 25): makes the offsets of a group part of a transaction.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    AddOffsetsToTxn = 25, versions 0 to 4, flexible 3;

    struct Request {
        /// Null when the producer is not transactional.
        transactional_id: Text, always();
        producer_id: i64, always();
        producer_epoch: i16, always();
        group_id: Text, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
    }
}
