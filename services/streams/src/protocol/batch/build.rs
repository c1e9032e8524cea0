//! Making batches: what producers send, and the marks that end transactions.

use bytes::{BufMut, Bytes, BytesMut};

use super::cursor::{put_bytes, put_varlong};
use super::{Attributes, CRC_AT, CRC_FROM, Compression, HEADER_BYTES, LENGTH_END, MAGIC, Record};

/// Collects records and makes one batch of them. The base offset is 0 and the leader epoch -1, as producers send them.
#[derive(Debug, Clone)]
pub struct Builder {
    compression: Compression,
    attributes: i16,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    count: i32,
    records: BytesMut,
    scratch: BytesMut,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder::new()
    }
}

impl Builder {
    /// An empty batch of a producer without an id.
    pub fn new() -> Builder {
        Builder {
            compression: Compression::None,
            attributes: 0,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            base_timestamp: -1,
            max_timestamp: -1,
            count: 0,
            records: BytesMut::new(),
            scratch: BytesMut::new(),
        }
    }

    /// Compresses the records as a whole.
    #[must_use]
    pub fn compression(self, compression: Compression) -> Builder {
        Builder { compression, ..self }
    }

    /// An idempotent producer; `base_sequence` is the number of the first record.
    #[must_use]
    pub fn producer(self, producer_id: i64, producer_epoch: i16, base_sequence: i32) -> Builder {
        Builder { producer_id, producer_epoch, base_sequence, ..self }
    }

    /// The records belong to the producer's open transaction.
    #[must_use]
    pub fn transactional(self) -> Builder {
        Builder { attributes: self.attributes | Attributes::TRANSACTIONAL, ..self }
    }

    /// Adds a record.
    pub fn push(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&[u8], Option<&[u8]>)],
    ) {
        if self.count == 0 {
            self.base_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let record = &mut self.scratch;
        record.clear();
        record.put_u8(0);
        put_varlong(record, timestamp.wrapping_sub(self.base_timestamp));
        put_varlong(record, i64::from(self.count));
        put_bytes(record, key);
        put_bytes(record, value);
        put_varlong(record, headers.len() as i64);
        for (key, value) in headers {
            put_bytes(record, Some(key));
            put_bytes(record, *value);
        }
        put_varlong(&mut self.records, record.len() as i64);
        self.records.put_slice(record);
        self.count += 1;
    }

    /// Records so far.
    pub fn count(&self) -> i32 {
        self.count
    }

    /// Bytes of records so far, not compressed.
    pub fn records_bytes(&self) -> usize {
        self.records.len()
    }

    /// The batch with its length and checksum.
    pub fn build(&self) -> Bytes {
        let compressed;
        let records = match self.compression {
            Compression::None => &self.records[..],
            compression => {
                compressed = compression.compress(&self.records);
                &compressed[..]
            }
        };
        let mut batch = BytesMut::with_capacity(HEADER_BYTES + records.len());
        batch.put_i64(0);
        batch.put_i32((HEADER_BYTES - LENGTH_END + records.len()) as i32);
        batch.put_i32(-1);
        batch.put_i8(MAGIC);
        batch.put_u32(0);
        batch.put_i16(self.attributes | self.compression.number());
        batch.put_i32(self.count - 1);
        batch.put_i64(self.base_timestamp);
        batch.put_i64(self.max_timestamp);
        batch.put_i64(self.producer_id);
        batch.put_i16(self.producer_epoch);
        batch.put_i32(self.base_sequence);
        batch.put_i32(self.count);
        batch.put_slice(records);
        let crc = crc32c::crc32c(&batch[CRC_FROM..]);
        batch[CRC_AT..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
        batch.freeze()
    }
}

/// How a transaction ended: the key of the control record that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// Its records do not count.
    Abort = 0,
    /// Its records count.
    Commit = 1,
}

impl Marker {
    /// The control batch that ends a producer's transaction in a partition.
    pub fn batch(
        self,
        producer_id: i64,
        producer_epoch: i16,
        coordinator_epoch: i32,
        timestamp: i64,
    ) -> Bytes {
        let mut key = BytesMut::with_capacity(4);
        key.put_i16(0);
        key.put_i16(self as i16);
        let mut value = BytesMut::with_capacity(6);
        value.put_i16(0);
        value.put_i32(coordinator_epoch);
        let mut builder = Builder::new().producer(producer_id, producer_epoch, -1).transactional();
        builder.attributes |= Attributes::CONTROL;
        builder.push(timestamp, Some(&key), Some(&value), &[]);
        builder.build()
    }

    /// What a record of a control batch says, if it ends a transaction. Higher versions of the key only add fields.
    pub fn of(record: &Record) -> Option<Marker> {
        let key = record.key.as_deref()?;
        let version = i16::from_be_bytes(*key.first_chunk()?);
        match i16::from_be_bytes(*key.get(2..)?.first_chunk()?) {
            _ if version < 0 => None,
            0 => Some(Marker::Abort),
            1 => Some(Marker::Commit),
            _ => None,
        }
    }
}
