//! `EndTxn` (key 26): commits or aborts a transaction; from version 5 on the producer's epoch rises with it (KIP-890).

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    EndTxn = 26, versions 0 to 5, flexible 3;

    struct Request {
        /// Null when the producer is not transactional.
        transactional_id: Text, always();
        producer_id: i64, always();
        producer_epoch: i16, always();
        /// True commits, false aborts.
        committed: bool, always();
    }

    struct Response {
        /// How long the client should wait because of a quota.
        throttle_time_ms: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
        producer_id: i64 = -1, since(5).ignorable();
        producer_epoch: i16 = -1, since(5).ignorable();
    }
}
