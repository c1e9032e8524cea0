//! Looks into batches: single records, which the rest of the service never unpacks.

use bytes::{Bytes, BytesMut};

use crate::Error;
use crate::limits::UNPACKED_BYTES_MAX;
use crate::partition::batch::Batch;
use crate::protocol::Records;
use crate::protocol::batch::{self, BatchError, BatchHeader, Compression, RecordIter};

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

/// A batch with its records compressed in another way; all else is kept. Errors: `CorruptMessage`, `InvalidRecord` if they cannot be unpacked within
/// [`UNPACKED_BYTES_MAX`].
pub fn recompress(batch: &Bytes, from: Compression, to: Compression) -> Result<Bytes, Error> {
    const LENGTH_AT: usize = 8;
    const CRC_AT: usize = 17;
    const ATTRIBUTES_AT: usize = 21;
    const CODEC_BITS: i16 = 7;
    let (header, stored) = batch.split_at(batch::HEADER_BYTES);
    let unpacked = match from {
        Compression::None => stored.to_vec(),
        packed => packed
            .decompress(stored, UNPACKED_BYTES_MAX)
            .map_err(|error| Error::refused(error.error_code(), error.to_string()))?,
    };
    let records = if to == Compression::None { unpacked } else { to.compress(&unpacked) };
    let mut bytes = BytesMut::with_capacity(header.len() + records.len());
    bytes.extend_from_slice(header);
    bytes.extend_from_slice(&records);
    let length = (bytes.len() - LENGTH_AT - 4) as i32;
    bytes[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&length.to_be_bytes());
    let attributes =
        i16::from_be_bytes([bytes[ATTRIBUTES_AT], bytes[ATTRIBUTES_AT + 1]]) & !CODEC_BITS | to.number();
    bytes[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&attributes.to_be_bytes());
    let crc = crc32c::crc32c(&bytes[ATTRIBUTES_AT..]);
    bytes[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
    Ok(bytes.freeze())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::batch::{Builder, Limits, validate};

    #[test]
    fn a_batch_keeps_its_records_in_every_compression() {
        let mut builder = Builder::new();
        for number in 0..20 {
            builder.push(1_000 + number, Some(b"key".as_slice()), Some(&[b'v'; 100]), &[]);
        }
        let plain = builder.build();
        let records = |bytes: &Bytes| {
            let header = validate(bytes, Limits { batch_bytes_max: 1 << 20 }).unwrap();
            let found: Result<Vec<_>, _> = batch::records(bytes, &header, 1 << 20).unwrap().collect();
            let found =
                found.unwrap().into_iter().map(|record| (record.offset, record.timestamp, record.value));
            (header.attributes.compression().unwrap(), found.collect::<Vec<_>>())
        };
        let (_, expected) = records(&plain);
        for from in Compression::ALL {
            let packed = recompress(&plain, Compression::None, from).unwrap();
            assert_eq!(records(&packed), (from, expected.clone()));
            for to in Compression::ALL {
                assert_eq!(records(&recompress(&packed, from, to).unwrap()), (to, expected.clone()));
            }
        }
        assert!(
            recompress(&plain, Compression::Gzip, Compression::None).is_err(),
            "what is no gzip is refused"
        );
    }
}
