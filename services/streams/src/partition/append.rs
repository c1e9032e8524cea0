//! Batches to the end of a partition: where each goes is decided under the lock, and written to the segment file at once if it is large.

use bole_base::{Durability, Position};
use bole_log::entry::ENTRY_HEADER_BYTES;
use bole_shard::{Locked, Transaction};
use bytes::Bytes;

use super::batch::{BODY_HEADER_BYTES, Batch, Fields, HEAD_BYTES};
use super::entry::{Append, BATCH_HEAD_BYTES, Effect, Extent, Marker};
use super::files::Purpose;
use super::segments::{Place, SegmentId};
use super::state::State;
use super::{Partition, producers::Verdict};
use crate::Error;
use crate::protocol::error_code::ErrorCode;

/// Batches from this size on are extents where a reply waits for an fsync: two fsyncs in a row cost less than writing such a batch twice.
pub const EXTENT_BYTES_SYNC: usize = 256 << 10;
/// The same where no reply waits: small, because it saves the second write, but not so small that files with few bytes each are fsynced every second.
pub const EXTENT_BYTES_ASYNC: usize = 8 << 10;
/// Above this a batch does not go into the journal whatever else holds.
const INLINE_BYTES_MAX: usize = 256 << 10;

/// Which bodies are extents, by their size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtentSizes {
    /// From so many bytes on, unless too many files have unsynced extents already.
    pub from: usize,
    /// Above so many whatever else holds: the journal takes no larger ones.
    pub always_above: usize,
}

impl ExtentSizes {
    /// What is right for partitions of a class on a real disk.
    pub const fn of(class: Durability) -> Self {
        let from = if matches!(class, Durability::Sync) { EXTENT_BYTES_SYNC } else { EXTENT_BYTES_ASYNC };
        Self { from, always_above: INLINE_BYTES_MAX }
    }

    /// Journal space for a batch whose body has `body_bytes` bytes.
    pub const fn space_for(&self, body_bytes: usize) -> usize {
        let extent = BATCH_HEAD_BYTES + 8 + BODY_HEADER_BYTES;
        let inline = BATCH_HEAD_BYTES + body_bytes;
        let payload = if body_bytes > self.always_above || inline < extent { extent } else { inline };
        ENTRY_HEADER_BYTES + payload
    }
}

/// What the topic's settings, and the batch itself, ask of an append.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// A segment that would grow beyond this is left for a new one.
    pub segment_bytes: u64,
    /// So is one whose first batch is older than the new one by more than this, in milliseconds.
    pub segment_ms: i64,
    /// The batch is appended at this offset or not at all.
    pub expected_offset: Option<i64>,
}

/// Where a batch went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The offset of its first record.
    pub base_offset: i64,
    /// Its reply may leave when the journal has reached this position.
    pub position: Position,
    /// The oldest offset of the partition.
    pub log_start: i64,
    /// It was here already.
    pub duplicate: bool,
}

/// Journal space for a batch that stands in the journal itself, with a body of `body_bytes` bytes.
pub const fn space_inline(body_bytes: usize) -> usize {
    ENTRY_HEADER_BYTES + BATCH_HEAD_BYTES + body_bytes
}

impl Partition {
    /// Appends one batch of records from an ordinary or idempotent producer. The reply must wait until the journal has reached the position in the
    /// partition's class. May be dropped while it waits for space: then nothing happened.
    ///
    /// Errors: `Refused` with `OutOfOrderSequenceNumber`, `InvalidProducerEpoch`, `InvalidTxnState` or, where another offset was expected, `InvalidRecord`;
    /// `Full`, `Storage`.
    pub async fn append(
        &self,
        transaction: &mut Transaction,
        body: &Bytes,
        terms: &Terms,
    ) -> Result<Appended, Error> {
        let space = self.space_for(body.len());
        loop {
            transaction.admit(space).await?;
            let mut locked = self.lock()?;
            if let Some(duplicate) = judge(&locked, body, terms)? {
                return Ok(duplicate);
            }
            match self.push(&mut locked, transaction, body, Marker::None, terms) {
                Err(PushError::Wait) => {}
                Err(PushError::Failed(error)) => return Err(error),
                Ok(base_offset) => {
                    let position = transaction.append()?;
                    locked.appended(position);
                    locked.state_mut().appended(position);
                    let log_start = locked.state().log_start;
                    return Ok(Appended { base_offset, position, log_start, duplicate: false });
                }
            }
        }
    }

    /// As [`Partition::push`], with the batch in the journal whatever its size: nothing is written, so that only missing journal space can fail it. It needs
    /// [`space_inline`] bytes.
    pub fn push_inline(
        &self,
        locked: &mut Locked<'_, State>,
        transaction: &mut Transaction,
        body: &Bytes,
        terms: &Terms,
    ) -> Result<i64, PushError> {
        let (append, base_offset) = prepare(locked, body, Marker::None, terms);
        self.enter(locked, transaction, append).map(|()| base_offset)
    }

    /// Adds a batch to a transaction of several shards; the caller appends it and tells each of them the position, this one also by
    /// [`State::appended`]. The offset of its first record.
    pub fn push(
        &self,
        locked: &mut Locked<'_, State>,
        transaction: &mut Transaction,
        body: &Bytes,
        marker: Marker,
        terms: &Terms,
    ) -> Result<i64, PushError> {
        let (mut append, base_offset) = prepare(locked, body, marker, terms);
        let place = append.place;
        let wants_extent = self.wants_extent(body.len(), place.segment);
        let written = if wants_extent { self.write_extent(&mut append) } else { Ok(()) };
        written
            .and_then(|()| self.enter(locked, transaction, append))
            .inspect_err(|_| self.unwrite(place))?;
        Ok(base_offset)
    }

    /// Pushes the effect.
    fn enter(
        &self,
        locked: &mut Locked<'_, State>,
        transaction: &mut Transaction,
        append: Append,
    ) -> Result<(), PushError> {
        locked.push(transaction, self.class, &Effect::Append(append)).map_err(|error| match error {
            bole_shard::Error::Wait { .. } => PushError::Wait,
            error => PushError::Failed(error.into()),
        })
    }

    /// A batch was not appended that would have begun a segment: the next one may go elsewhere, so its file goes.
    fn unwrite(&self, place: Place) {
        if place.position == 0
            && let Err(error) = self.files.remove(self.file(place.segment))
        {
            // The next start removes it.
            tracing::warn!(partition = self.name(), %error, "a segment file without records could not be removed");
        }
    }

    /// Journal space for a batch whose body has `body_bytes` bytes.
    pub const fn space_for(&self, body_bytes: usize) -> usize {
        self.extent_sizes.space_for(body_bytes)
    }

    fn wants_extent(&self, body_bytes: usize, segment: SegmentId) -> bool {
        let sizes = self.extent_sizes;
        body_bytes > sizes.always_above
            || (body_bytes >= sizes.from && self.files.takes_extents(self.file(segment)))
    }

    /// Puts the batch where it belongs in its segment file. It is fsynced with the journal.
    fn write_extent(&self, append: &mut Append) -> Result<(), PushError> {
        let body = &append.batch.body;
        append.extent = Some(Extent { body_bytes: body.len() as u32, crc: crc32c::crc32c(body) });
        let id = self.file(append.place.segment);
        self.files
            .write_batch(id, append, Purpose::Extent)
            .map_err(|error| PushError::Failed(Error::from_write(&self.files.path(id), &error)))
    }
}

/// Why a batch was not pushed. Nothing happened.
#[derive(Debug)]
pub enum PushError {
    /// Journal space is missing: release all locks, admit, start again.
    Wait,
    /// It cannot be done.
    Failed(Error),
}

/// The answer to a batch that is here already.
pub(crate) fn judge(
    locked: &Locked<'_, State>,
    body: &Bytes,
    terms: &Terms,
) -> Result<Option<Appended>, Error> {
    let state = locked.state();
    let Some(fields) = Fields::of(body).filter(|fields| fields.producer_id() >= 0) else {
        return check_expected(state, terms).map(|()| None);
    };
    match state.producers.judge(&fields) {
        Verdict::Append => check_expected(state, terms).map(|()| None),
        Verdict::Duplicate(base_offset) => {
            let (position, log_start) = (locked.position(), state.log_start);
            Ok(Some(Appended { base_offset, position, log_start, duplicate: true }))
        }
        Verdict::StaleEpoch { current } => Err(Error::refused(
            ErrorCode::InvalidProducerEpoch,
            format!(
                "producer {} has epoch {current} now, not {}",
                fields.producer_id(),
                fields.producer_epoch()
            ),
        )),
        Verdict::InTransaction => Err(Error::refused(
            ErrorCode::InvalidTxnState,
            format!(
                "producer {} has a transaction open here, and the batch is not part of it",
                fields.producer_id()
            ),
        )),
        Verdict::OutOfOrder { expected } => Err(Error::refused(
            ErrorCode::OutOfOrderSequenceNumber,
            format!(
                "producer {} sent sequence {} where {expected} follows",
                fields.producer_id(),
                fields.base_sequence()
            ),
        )),
    }
}

/// The batch at the end of the partition, and the offset of its first record.
fn prepare(locked: &Locked<'_, State>, body: &Bytes, marker: Marker, terms: &Terms) -> (Append, i64) {
    let base_offset = locked.state().next_offset;
    let bytes = (HEAD_BYTES + body.len()) as u64;
    let time = Fields::of(body).map_or(-1, |fields| fields.max_timestamp());
    let place = place(locked.state(), bytes, time, terms);
    let leader_epoch = locked.epoch().0 as i32;
    let batch = Batch { base_offset, leader_epoch, body: body.clone() };
    (Append { batch, marker, place, extent: None }, base_offset)
}

/// A batch that is here already was judged before: to send it again is no conflict.
fn check_expected(state: &State, terms: &Terms) -> Result<(), Error> {
    match terms.expected_offset {
        Some(expected) if expected != state.next_offset => Err(Error::refused(
            ErrorCode::InvalidRecord,
            format!("the batch expects offset {expected}; the next one is {}", state.next_offset),
        )),
        _ => Ok(()),
    }
}

/// Where a batch of `bytes` bytes goes whose newest record is from `time`. As in Kafka, age is a matter of records' times: where old ones are sent again,
/// the clock would start a segment with every batch.
fn place(state: &State, bytes: u64, time: i64, terms: &Terms) -> Place {
    let fits = |active: &&super::segments::Segment| {
        let timed = time >= 0 && active.first_timestamp >= 0;
        let late = timed && time.saturating_sub(active.first_timestamp) > terms.segment_ms;
        active.bytes == 0 || (active.bytes + bytes <= terms.segment_bytes && !late)
    };
    match state.segments.active().filter(fits) {
        Some(active) => Place { segment: active.id, position: active.bytes },
        None => Place { segment: SegmentId { base: state.next_offset, generation: 0 }, position: 0 },
    }
}
