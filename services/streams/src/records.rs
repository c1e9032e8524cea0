//! Looks into batches: single records, which the rest of the service never unpacks.

use bytes::{Bytes, BytesMut};

use crate::Error;
use crate::limits::UNPACKED_BYTES_MAX;
use crate::partition::batch::Batch;
use crate::protocol::Records;
use crate::protocol::batch::{self, BatchError, BatchHeader, RecordIter};

/// Bodies from this size on are sent as they are; smaller ones are put together with their neighbours.
const SHARED_BYTES_MIN: usize = 4 << 10;

/// The records of a stored batch, with its header. Errors: `Storage`, because a stored batch was checked.
pub fn of(batch: &Batch) -> Result<(BatchHeader, RecordIter), Error> {
    let damaged =
        |error: BatchError| Error::Storage(format!("the batch at offset {}: {error}", batch.base_offset));
    let whole = whole(batch);
    let header = BatchHeader::parse(&whole).map_err(damaged)?;
    let records = batch::records(&whole, &header, UNPACKED_BYTES_MAX).map_err(damaged)?;
    Ok((header, records))
}

/// The bytes of a batch in one piece.
pub fn whole(batch: &Batch) -> Bytes {
    let mut bytes = BytesMut::with_capacity(batch.bytes());
    bytes.extend_from_slice(&batch.head());
    bytes.extend_from_slice(&batch.body);
    bytes.freeze()
}

/// Time and offset of the first record at or above `start` whose time is at least `timestamp`.
pub fn first_at(batch: &Batch, timestamp: i64, start: i64) -> Result<Option<(i64, i64)>, Error> {
    let (header, records) = of(batch)?;
    if header.attributes.is_log_append_time() {
        return Ok(Some((header.max_timestamp, batch.base_offset.max(start))));
    }
    for record in records {
        let record = record
            .map_err(|error| Error::Storage(format!("the batch at offset {}: {error}", batch.base_offset)))?;
        if record.timestamp >= timestamp && record.offset >= start {
            return Ok(Some((record.timestamp, record.offset)));
        }
    }
    Ok(None)
}

/// Batches as a reply carries them: large bodies are not copied.
pub fn to_send(batches: &[Batch]) -> Records {
    let mut records = Records::new();
    let mut small = BytesMut::new();
    for batch in batches {
        small.extend_from_slice(&batch.head());
        if batch.body.len() < SHARED_BYTES_MIN {
            small.extend_from_slice(&batch.body);
        } else {
            records.push(small.split().freeze());
            records.push(batch.body.clone());
        }
    }
    records.push(small.freeze());
    records
}
