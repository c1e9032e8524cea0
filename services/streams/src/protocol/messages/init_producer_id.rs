//! `InitProducerId` (key 22): gives a producer its id and epoch, and ends what its predecessor left open.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    InitProducerId = 22, versions 0 to 5, flexible 2;

    struct Request {
        /// Null when the producer is not transactional.
        transactional_id: Option<Text>, always();
        /// A transaction that is open for longer is aborted.
        transaction_timeout_ms: i32, always();
        /// What the producer has, to continue with a higher epoch; -1 to begin.
        producer_id: i64 = -1, since(3);
        /// What the producer has; -1 to begin.
        producer_epoch: i16 = -1, since(3);
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        producer_id: i64 = -1, always();
        producer_epoch: i16, always();
    }
}
