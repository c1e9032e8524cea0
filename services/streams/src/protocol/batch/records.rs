//! The records of a batch, read one after the other.
//!
//! ```text
//! varint length | i8 attributes (0) | varlong timestamp delta | varint offset delta
//! varint length, key | varint length, value        -1 is null
//! varint count, headers: varint length, key | varint length, value
//! ```

use std::ops::Range;

use bytes::Bytes;

use super::cursor::Cursor;
use super::{BatchError, BatchHeader};

/// One record. Key, value and headers share the memory of the batch (or of its restored records).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its offset in the partition.
    pub offset: i64,
    /// Its time in milliseconds: the producer's, or the broker's where the batch says so.
    pub timestamp: i64,
    /// The key, or null.
    pub key: Option<Bytes>,
    /// The value; null is a tombstone.
    pub value: Option<Bytes>,
    /// The headers as they stand; checked when the record was read.
    headers: Bytes,
}

/// One header of a record. A key may occur several times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The key. Clients write UTF-8; nothing enforces it.
    pub key: Bytes,
    /// The value, or null.
    pub value: Option<Bytes>,
}

impl Record {
    /// The headers, in the order in which the producer wrote them.
    pub fn headers(&self) -> impl Iterator<Item = Header> + '_ {
        let mut cursor = Cursor::new(&self.headers, 0);
        std::iter::from_fn(move || {
            let (key, value) = header(&mut cursor).ok()?;
            let shared = |range: Range<usize>| self.headers.slice(range);
            Some(Header { key: shared(key), value: value.map(shared) })
        })
    }
}

fn header(cursor: &mut Cursor<'_>) -> Result<(Range<usize>, Option<Range<usize>>), &'static str> {
    let key = cursor.range()?.ok_or("a header's key is null")?;
    Ok((key, cursor.range()?))
}

/// The records of a batch, in order. After an error nothing more comes.
#[derive(Debug, Clone)]
pub struct RecordIter {
    data: Bytes,
    position: usize,
    index: i32,
    header: BatchHeader,
}

/// What a look at each record of a batch tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// The greatest time of a record.
    pub max_timestamp: i64,
    /// The offset, from the base, of the first record with that time.
    pub max_timestamp_delta: i32,
    /// Whether every record has a key, as compaction needs.
    pub all_have_keys: bool,
    /// Bytes of the records, restored.
    pub records_bytes: usize,
}

impl RecordIter {
    pub(super) fn new(data: Bytes, header: &BatchHeader) -> RecordIter {
        RecordIter { data, position: 0, index: 0, header: *header }
    }

    /// Bytes of all records, restored.
    pub fn records_bytes(&self) -> usize {
        self.data.len()
    }

    fn read(&mut self) -> Result<Record, &'static str> {
        let mut cursor = Cursor::new(&self.data, self.position);
        let Range { start, end } = cursor.range()?.ok_or("its length is negative")?;
        let mut cursor = Cursor::new(&self.data[..end], start);
        let _attributes = cursor.byte()?;
        let timestamp_delta = cursor.varlong()?;
        let offset_delta = cursor.varint()?;
        let (key, value) = (cursor.range()?, cursor.range()?);
        let count = cursor.varint()?;
        let headers = cursor.position..end;
        if usize::try_from(count).map_or(true, |count| count > cursor.remaining() / 2) {
            return Err("it claims more headers than it has bytes for");
        }
        for _ in 0..count {
            header(&mut cursor)?;
        }
        if cursor.position != end {
            return Err("its length and its fields do not fit together");
        }
        self.position = end;
        let shared = |range: Range<usize>| self.data.slice(range);
        let batch = &self.header;
        let own_time = batch.base_timestamp.wrapping_add(timestamp_delta);
        Ok(Record {
            offset: batch.base_offset.wrapping_add(i64::from(offset_delta)),
            timestamp: if batch.attributes.is_log_append_time() { batch.max_timestamp } else { own_time },
            key: key.map(shared),
            value: value.map(shared),
            headers: shared(headers),
        })
    }

    /// Reads all records; they must be as many as the header says, with offsets one after the other, and fill the data.
    pub(super) fn summary(mut self) -> Result<Summary, BatchError> {
        let (base, count) = (self.header.base_offset, self.header.records_count);
        let mut summary = Summary {
            max_timestamp: -1,
            max_timestamp_delta: 0,
            all_have_keys: true,
            records_bytes: self.data.len(),
        };
        for index in 0..count {
            let wrong = |problem| BatchError::Record { index, problem };
            let record = self.next().ok_or(wrong("it is missing"))??;
            if record.offset != base.wrapping_add(i64::from(index)) {
                return Err(wrong("its offset does not follow the one before"));
            }
            if record.timestamp > summary.max_timestamp {
                summary.max_timestamp = record.timestamp;
                summary.max_timestamp_delta = index;
            }
            summary.all_have_keys &= record.key.is_some();
        }
        if self.position != self.data.len() {
            return Err(BatchError::Record { index: count, problem: "data follows the last record" });
        }
        Ok(summary)
    }
}

impl Iterator for RecordIter {
    type Item = Result<Record, BatchError>;

    fn next(&mut self) -> Option<Result<Record, BatchError>> {
        if self.index >= self.header.records_count {
            return None;
        }
        let index = self.index;
        let record = self.read().map_err(|problem| BatchError::Record { index, problem });
        self.index = if record.is_ok() { index + 1 } else { i32::MAX };
        Some(record)
    }
}
