//! What a dead letter is: the record as it was, with headers that say where it came from and why it is here. Names and texts of the headers
//! are those of Kafka (KIP-1191); numbers are decimal.

use std::sync::Arc;

use bytes::Bytes;

use crate::Error;
use crate::groups::share::{Letter, Reason};
use crate::partition::Partition;
use crate::partition::batch::Batch;
use crate::partition::read::{Bounds, Isolation};
use crate::protocol::batch::{BatchError, Builder, Compression, Record};
use crate::records;

/// Bytes that are read of the partition at a time.
const READ_BYTES_MAX: usize = 1 << 20;
/// Bytes of records after which a batch ends; a larger record has one for itself.
const BATCH_BYTES_MAX: usize = 256 << 10;

/// What letters of one batch have in common.
pub(super) struct Heading {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) group: Arc<str>,
}

/// Letters that are ready.
pub(super) struct Packed {
    /// Those that are dealt with, a beginning of those asked for: they are in the batch, or their records do not exist any more.
    pub(super) letters: Vec<Letter>,
    /// How many are in the batch.
    pub(super) records: i32,
    pub(super) batch: Option<Bytes>,
}

/// Reads the records of `letters`, which rise, as many as fit into a batch. Blocks on the disk.
/// Errors: `Storage`; `OffsetOutOfRange` if retention passes by at this moment.
pub(super) fn pack(
    source: &Partition,
    heading: &Heading,
    letters: &[Letter],
    compression: Option<Compression>,
) -> Result<Packed, Error> {
    let mut packing = Packing {
        heading,
        builder: Builder::new().compression(compression.unwrap_or(Compression::None)),
        done: Vec::new(),
    };
    let log_start = Bounds::of(&source.lock()?).log_start;
    let gone = letters.partition_point(|letter| letter.offset < log_start);
    packing.done.extend(&letters[..gone]);
    let mut left = &letters[gone..];
    'reads: while let Some(next) = left.first() {
        let (_, read) = source.read(next.offset, Isolation::Uncommitted, READ_BYTES_MAX)?;
        if read.batches.is_empty() {
            let text = format!("offset {} of {} cannot be read yet", next.offset, source.name());
            return Err(Error::Storage(text));
        }
        for batch in &read.batches {
            let count = left.partition_point(|letter| letter.offset <= batch.last_offset());
            let taken = packing.add(batch, &left[..count]);
            left = &left[taken..];
            if taken < count {
                break 'reads;
            }
        }
    }
    let records = packing.builder.count();
    let batch = (records > 0).then(|| packing.builder.build());
    Ok(Packed { letters: packing.done, records, batch })
}

struct Packing<'a> {
    heading: &'a Heading,
    builder: Builder,
    done: Vec<Letter>,
}

impl Packing<'_> {
    /// Adds letters at or before the end of `batch`. Of those, the ones that are not in it were compacted away. How many were dealt with.
    fn add(&mut self, batch: &Batch, letters: &[Letter]) -> usize {
        let unpacked = records::of(batch).map(|(_, records)| records);
        let mut records = unpacked.into_iter().flatten().peekable();
        let unpacks = records.peek().is_some();
        for (at, letter) in letters.iter().enumerate() {
            let before = |next: &Result<Record, BatchError>| {
                next.as_ref().is_ok_and(|record| record.offset < letter.offset)
            };
            while records.next_if(before).is_some() {}
            match records.peek() {
                Some(Ok(record)) if record.offset == letter.offset => {
                    let bytes = self.builder.records_bytes() + bytes_of(record);
                    if self.builder.count() > 0 && bytes > BATCH_BYTES_MAX {
                        return at;
                    }
                    self.push(letter, Some(record), record.timestamp);
                }
                // A producer's records that nobody can unpack: the letter at least says where they are.
                Some(Err(_)) => self.push(letter, None, batch.fields().max_timestamp()),
                None if !unpacks && letter.offset >= batch.base_offset => {
                    self.push(letter, None, batch.fields().max_timestamp());
                }
                Some(Ok(_)) | None => {}
            }
            self.done.push(*letter);
        }
        letters.len()
    }

    fn push(&mut self, letter: &Letter, record: Option<&Record>, timestamp: i64) {
        let number = |number: i64| number.to_string().into_bytes();
        let own = [
            ("__dlq.errors.topic", self.heading.topic.clone().into_bytes()),
            ("__dlq.errors.partition", number(self.heading.partition.into())),
            ("__dlq.errors.offset", number(letter.offset)),
            ("__dlq.errors.group", self.heading.group.as_bytes().to_vec()),
            ("__dlq.errors.delivery.count", number(letter.deliveries.into())),
            ("__dlq.errors.message", message(letter.reason).as_bytes().to_vec()),
        ];
        let kept: Vec<_> = record.into_iter().flat_map(Record::headers).collect();
        let kept = kept.iter().map(|header| (&header.key[..], header.value.as_deref()));
        let headers: Vec<_> =
            kept.chain(own.iter().map(|(key, value)| (key.as_bytes(), Some(&value[..])))).collect();
        let key = record.and_then(|record| record.key.as_deref());
        let value = record.and_then(|record| record.value.as_deref());
        self.builder.push(timestamp, key, value, &headers);
    }
}

/// Bytes of a record, roughly.
fn bytes_of(record: &Record) -> usize {
    let headers: usize =
        record.headers().map(|header| header.key.len() + header.value.map_or(0, |value| value.len())).sum();
    headers + record.key.as_ref().map_or(0, Bytes::len) + record.value.as_ref().map_or(0, Bytes::len)
}

/// Why a record was given up, in Kafka's words.
const fn message(reason: Reason) -> &'static str {
    match reason {
        Reason::Rejected => "Offset rejected by client.",
        Reason::DeliveredTooOften => "Offset delivery count exceeded the threshold.",
    }
}
