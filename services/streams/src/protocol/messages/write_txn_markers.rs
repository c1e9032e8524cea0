//! `WriteTxnMarkers` (key 27): ends the transactions of producers in partitions. Brokers of Kafka ask each other so; of clients only
//! operators do, to abort a transaction that hangs.

use crate::protocol::message::messages;
use crate::protocol::text::Text;

messages! {
    WriteTxnMarkers = 27, versions 1 to 1, flexible 1;

    struct Request {
        markers: Vec<WritableTxnMarker>, always();
    }

    struct WritableTxnMarker {
        producer_id: i64, always();
        producer_epoch: i16, always();
        /// True commits, false aborts.
        transaction_result: bool, always();
        topics: Vec<WritableTxnMarkerTopic>, always();
        /// The epoch of the coordinator that asks.
        coordinator_epoch: i32, always();
    }

    struct WritableTxnMarkerTopic {
        name: Text, always();
        partition_indexes: Vec<i32>, always();
    }

    struct Response {
        markers: Vec<WritableTxnMarkerResult>, always();
    }

    struct WritableTxnMarkerResult {
        producer_id: i64, always();
        topics: Vec<WritableTxnMarkerTopicResult>, always();
    }

    struct WritableTxnMarkerTopicResult {
        name: Text, always();
        partitions: Vec<WritableTxnMarkerPartitionResult>, always();
    }

    struct WritableTxnMarkerPartitionResult {
        partition_index: i32, always();
        /// A number of [`ErrorCode`](crate::protocol::ErrorCode).
        error_code: i16, always();
    }
}
