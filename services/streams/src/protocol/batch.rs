//! Record batches (magic 2): the form in which records are sent, stored and fetched.
//!
//! ```text
//!  0 i64 base offset             patched when the batch is placed; outside the checksum
//!  8 i32 length of what follows
//! 12 i32 partition leader epoch  patched when the batch is placed; outside the checksum
//! 16 i8  magic, 2
//! 17 u32 CRC32C of what follows
//! 21 i16 attributes              bits 0-2 compression, 3 the broker's time, 4 transactional, 5 control, 6 delete horizon
//! 23 i32 last offset delta
//! 27 i64 base timestamp
//! 35 i64 greatest timestamp
//! 43 i64 producer id             -1 without
//! 51 i16 producer epoch
//! 53 i32 base sequence
//! 57 i32 count of records
//! 61     records, compressed as a whole
//! ```
//!
//! The layout is KIP-98's; batches of older magics are refused. A batch is stored as the producer made it: what a broker decides is
//! in the first 16 bytes ([`head`]), so that the rest stays shared.

mod build;
mod compression;
mod cursor;
mod records;
#[cfg(test)]
mod tests;

use bytes::{Bytes, BytesMut};

use super::error_code::ErrorCode;
pub use build::{Builder, Marker};
pub use compression::Compression;
pub use records::{Header, Record, RecordIter, Summary};

/// Bytes before the records.
pub const HEADER_BYTES: usize = 61;

/// Bytes of a batch that placing it may change.
pub const HEAD_BYTES: usize = 16;

/// Bytes before and including the length field, which the length does not count.
const LENGTH_END: usize = 12;

const MAGIC: i8 = 2;
const CRC_AT: usize = 17;
const CRC_FROM: usize = 21;

/// A batch, or what claims to be one, that is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The bytes end inside a batch.
    #[error("the batch needs {needed} bytes and {left} are there")]
    Truncated {
        /// Bytes of the batch.
        needed: usize,
        /// Bytes that are there.
        left: usize,
    },
    /// Magic 0 or 1 (message sets before Kafka 0.11), or a number of the future.
    #[error("magic {0} is not supported; batches of magic 2 are")]
    Magic(i8),
    /// A length that no batch can have.
    #[error("batch length {length} is below the {min} bytes of a header")]
    Length {
        /// The length in the batch.
        length: i32,
        /// The least that a batch has.
        min: usize,
    },
    /// More bytes than a batch may have.
    #[error("the batch has {size} bytes; the limit is {limit}")]
    TooLarge {
        /// Bytes of the batch.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The checksum is not that of the bytes.
    #[error("the checksum is {stored:#010x} and that of the bytes is {computed:#010x}")]
    Checksum {
        /// In the batch.
        stored: u32,
        /// Of the bytes.
        computed: u32,
    },
    /// Attribute bits without a meaning, or a compression that does not exist.
    #[error("attributes {0:#06x} are not known")]
    Attributes(i16),
    /// Counts and offsets that contradict each other.
    #[error("{records_count} records and last offset delta {last_offset_delta} do not fit together")]
    Counts {
        /// The count in the batch.
        records_count: i32,
        /// The last delta in the batch.
        last_offset_delta: i32,
    },
    /// A control batch from a producer.
    #[error("only brokers write control records")]
    Control,
    /// Producer id, epoch and sequence that contradict each other or the attributes.
    #[error("producer id {id}, epoch {epoch} and sequence {sequence} do not fit together")]
    Producer {
        /// The id in the batch.
        id: i64,
        /// The epoch in the batch.
        epoch: i16,
        /// The first sequence in the batch.
        sequence: i32,
    },
    /// The compressed records cannot be restored.
    #[error("the {0} data is damaged")]
    Compressed(Compression),
    /// The records become larger than they may.
    #[error("the records take more than {limit} bytes when they are restored")]
    Inflated {
        /// The limit.
        limit: usize,
    },
    /// A record that does not follow the format.
    #[error("record {index}: {problem}")]
    Record {
        /// Which record of the batch, from 0.
        index: i32,
        /// What is wrong.
        problem: &'static str,
    },
}

impl BatchError {
    /// What the client is told.
    pub const fn error_code(&self) -> ErrorCode {
        match self {
            BatchError::Truncated { .. }
            | BatchError::Length { .. }
            | BatchError::Checksum { .. }
            | BatchError::Compressed(_) => ErrorCode::CorruptMessage,
            BatchError::TooLarge { .. } | BatchError::Inflated { .. } => ErrorCode::MessageTooLarge,
            BatchError::Magic(_)
            | BatchError::Attributes(_)
            | BatchError::Counts { .. }
            | BatchError::Control
            | BatchError::Producer { .. }
            | BatchError::Record { .. } => ErrorCode::InvalidRecord,
        }
    }
}

/// The attribute bits of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes(pub i16);

impl Attributes {
    const COMPRESSION: i16 = 0x07;
    const LOG_APPEND_TIME: i16 = 0x08;
    const TRANSACTIONAL: i16 = 0x10;
    const CONTROL: i16 = 0x20;
    const DELETE_HORIZON: i16 = 0x40;
    const KNOWN: i16 = 0x7F;

    /// How the records are compressed.
    pub fn compression(self) -> Result<Compression, BatchError> {
        Compression::from_number(self.0 & Attributes::COMPRESSION).ok_or(BatchError::Attributes(self.0))
    }

    /// The timestamp of every record is the broker's, and stands in the greatest timestamp.
    pub const fn is_log_append_time(self) -> bool {
        self.0 & Attributes::LOG_APPEND_TIME != 0
    }

    /// The records belong to a transaction.
    pub const fn is_transactional(self) -> bool {
        self.0 & Attributes::TRANSACTIONAL != 0
    }

    /// The records are marks of the broker, never shown to applications.
    pub const fn is_control(self) -> bool {
        self.0 & Attributes::CONTROL != 0
    }

    /// The base timestamp says when tombstones of this batch may go (KIP-534).
    pub const fn has_delete_horizon(self) -> bool {
        self.0 & Attributes::DELETE_HORIZON != 0
    }
}

/// What stands before the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// The offset of the first record.
    pub base_offset: i64,
    /// Bytes after this field.
    pub batch_length: i32,
    /// The epoch of the leader that placed the batch.
    pub partition_leader_epoch: i32,
    /// CRC32C from the attributes to the end.
    pub crc: u32,
    /// Compression and flags.
    pub attributes: Attributes,
    /// The last offset, from the base.
    pub last_offset_delta: i32,
    /// The time from which records count theirs, in milliseconds.
    pub base_timestamp: i64,
    /// The greatest time of a record.
    pub max_timestamp: i64,
    /// Who produced, or -1.
    pub producer_id: i64,
    /// The epoch of the producer, or -1.
    pub producer_epoch: i16,
    /// The sequence of the first record, or -1.
    pub base_sequence: i32,
    /// How many records there are; compaction may leave fewer than offsets.
    pub records_count: i32,
}

/// What a broker accepts from a producer.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a whole batch.
    pub batch_bytes_max: usize,
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the header was measured")
}

impl BatchHeader {
    /// Reads a header. The batch itself need not be there; the magic is looked at first, because it decides what the rest means.
    pub fn parse(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
        if let Some(&magic) = bytes.get(16)
            && magic as i8 != MAGIC
        {
            return Err(BatchError::Magic(magic as i8));
        }
        if bytes.len() < HEADER_BYTES {
            return Err(BatchError::Truncated { needed: HEADER_BYTES, left: bytes.len() });
        }
        let header = BatchHeader {
            base_offset: i64::from_be_bytes(field(bytes, 0)),
            batch_length: i32::from_be_bytes(field(bytes, 8)),
            partition_leader_epoch: i32::from_be_bytes(field(bytes, 12)),
            crc: u32::from_be_bytes(field(bytes, CRC_AT)),
            attributes: Attributes(i16::from_be_bytes(field(bytes, 21))),
            last_offset_delta: i32::from_be_bytes(field(bytes, 23)),
            base_timestamp: i64::from_be_bytes(field(bytes, 27)),
            max_timestamp: i64::from_be_bytes(field(bytes, 35)),
            producer_id: i64::from_be_bytes(field(bytes, 43)),
            producer_epoch: i16::from_be_bytes(field(bytes, 51)),
            base_sequence: i32::from_be_bytes(field(bytes, 53)),
            records_count: i32::from_be_bytes(field(bytes, 57)),
        };
        if header.batch_length < (HEADER_BYTES - LENGTH_END) as i32 {
            return Err(BatchError::Length { length: header.batch_length, min: HEADER_BYTES - LENGTH_END });
        }
        Ok(header)
    }

    /// Bytes of the whole batch.
    pub const fn size(&self) -> usize {
        LENGTH_END + self.batch_length as usize
    }

    /// The offset of the last record.
    pub const fn last_offset(&self) -> i64 {
        self.base_offset.wrapping_add(self.last_offset_delta as i64)
    }

    /// The offset after the batch.
    pub const fn next_offset(&self) -> i64 {
        self.last_offset().wrapping_add(1)
    }

    /// Whether the producer numbers its records.
    pub const fn has_producer(&self) -> bool {
        self.producer_id >= 0
    }

    /// The sequence of the last record, or -1. After the greatest number sequences go on at 0.
    pub const fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return -1;
        }
        ((self.base_sequence as i64 + self.last_offset_delta as i64) & i32::MAX as i64) as i32
    }
}

/// Checks a batch of a producer, which must be all of `batch`: size, magic, checksum, attributes, counts, producer. The records are
/// not opened; [`summary`] does that.
pub fn validate(batch: &[u8], limits: Limits) -> Result<BatchHeader, BatchError> {
    let header = BatchHeader::parse(batch)?;
    if header.size() > limits.batch_bytes_max {
        return Err(BatchError::TooLarge { size: header.size(), limit: limits.batch_bytes_max });
    }
    if header.size() != batch.len() {
        return Err(BatchError::Truncated { needed: header.size(), left: batch.len() });
    }
    verify(batch, &header)?;
    if header.attributes.0 & !Attributes::KNOWN != 0 {
        return Err(BatchError::Attributes(header.attributes.0));
    }
    header.attributes.compression()?;
    if header.attributes.is_control() {
        return Err(BatchError::Control);
    }
    let BatchHeader { records_count, last_offset_delta, .. } = header;
    if records_count < 1 || last_offset_delta != records_count - 1 {
        return Err(BatchError::Counts { records_count, last_offset_delta });
    }
    let numbered = header.producer_epoch >= 0 && header.base_sequence >= 0;
    let fits = if header.has_producer() { numbered } else { !header.attributes.is_transactional() };
    if !fits {
        let BatchHeader { producer_id: id, producer_epoch: epoch, base_sequence: sequence, .. } = header;
        return Err(BatchError::Producer { id, epoch, sequence });
    }
    Ok(header)
}

/// Compares the checksum of a whole batch with its bytes.
pub fn verify(batch: &[u8], header: &BatchHeader) -> Result<(), BatchError> {
    let size = header.size();
    let Some(covered) = batch.get(CRC_FROM..size) else {
        return Err(BatchError::Truncated { needed: size, left: batch.len() });
    };
    let computed = crc32c::crc32c(covered);
    if computed == header.crc { Ok(()) } else { Err(BatchError::Checksum { stored: header.crc, computed }) }
}

/// Cuts a field of records into its batches, by their lengths alone. After an error nothing more comes.
pub fn split(records: Bytes) -> Split {
    Split { left: records }
}

/// The batches of one field, in order.
#[derive(Debug, Clone)]
pub struct Split {
    left: Bytes,
}

impl Split {
    /// What is not yet cut. A fetched field may end in a part of a batch, which the reader asks for again.
    pub fn rest(&self) -> &Bytes {
        &self.left
    }

    fn cut(&mut self) -> Result<(BatchHeader, Bytes), BatchError> {
        let header = BatchHeader::parse(&self.left)?;
        if header.size() > self.left.len() {
            return Err(BatchError::Truncated { needed: header.size(), left: self.left.len() });
        }
        Ok((header, self.left.split_to(header.size())))
    }
}

impl Iterator for Split {
    type Item = Result<(BatchHeader, Bytes), BatchError>;

    fn next(&mut self) -> Option<Result<(BatchHeader, Bytes), BatchError>> {
        if self.left.is_empty() {
            return None;
        }
        let cut = self.cut();
        if cut.is_err() {
            self.left = Bytes::new();
        }
        Some(cut)
    }
}

/// The first 16 bytes of a batch as it is placed at an offset by a leader. What follows is shared, and the checksum stays right.
///
/// # Panics
///
/// When `batch` is shorter than [`HEAD_BYTES`]; a batch that was parsed is not.
pub fn head(batch: &[u8], base_offset: i64, partition_leader_epoch: i32) -> [u8; HEAD_BYTES] {
    let mut head: [u8; HEAD_BYTES] = field(batch, 0);
    head[..8].copy_from_slice(&base_offset.to_be_bytes());
    head[12..].copy_from_slice(&partition_leader_epoch.to_be_bytes());
    head
}

/// A batch stamped with the broker's time: the header anew, with its checksum, and the records shared.
///
/// # Panics
///
/// When `batch` is shorter than [`HEADER_BYTES`]; a batch that was parsed is not.
pub fn stamped(batch: &Bytes, log_append_time: i64) -> (Bytes, Bytes) {
    let mut header = BytesMut::from(&batch[..HEADER_BYTES]);
    let attributes = i16::from_be_bytes(field(batch, 21)) | Attributes::LOG_APPEND_TIME;
    header[21..23].copy_from_slice(&attributes.to_be_bytes());
    header[35..43].copy_from_slice(&log_append_time.to_be_bytes());
    let records = batch.slice(HEADER_BYTES..);
    let crc = crc32c::crc32c_append(crc32c::crc32c(&header[CRC_FROM..]), &records);
    header[CRC_AT..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
    (header.freeze(), records)
}

/// Opens the records of a whole batch. Restored from their compression they may take `records_bytes_max`.
pub fn records(
    batch: &Bytes,
    header: &BatchHeader,
    records_bytes_max: usize,
) -> Result<RecordIter, BatchError> {
    if batch.len() < header.size() {
        return Err(BatchError::Truncated { needed: header.size(), left: batch.len() });
    }
    let stored = batch.slice(HEADER_BYTES..header.size());
    let data = match header.attributes.compression()? {
        Compression::None => stored,
        compression => compression.decompress(&stored, records_bytes_max)?.into(),
    };
    Ok(RecordIter::new(data, header))
}

/// Opens the records of a producer's batch and checks each: as many as the header says, offsets without a gap, nothing after the
/// last.
pub fn summary(batch: &Bytes, header: &BatchHeader, records_bytes_max: usize) -> Result<Summary, BatchError> {
    records(batch, header, records_bytes_max)?.summary()
}

/// Takes any bytes as a field of records: batches are cut, checked and opened, or refused with a typed error. What the fuzz target
/// runs.
pub fn check_bytes(bytes: &[u8]) -> Result<usize, BatchError> {
    const RECORDS_BYTES_MAX: usize = 1 << 20;
    let mut count = 0;
    for batch in split(Bytes::copy_from_slice(bytes)) {
        let (header, batch) = batch?;
        for record in records(&batch, &header, RECORDS_BYTES_MAX)? {
            count += 1 + record?.headers().count();
        }
        // A batch with a wrong checksum is opened all the same: its damage must be survived, too.
        let limits = Limits { batch_bytes_max: RECORDS_BYTES_MAX };
        if validate(&batch, limits).is_ok() {
            let (stamped, records) = stamped(&batch, 1);
            let again = [stamped, records].concat();
            validate(&again, limits).expect("a stamped batch is valid");
        }
    }
    Ok(count)
}
