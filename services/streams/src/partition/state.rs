//! What a partition keeps: the offsets, the segments, the producers, the transactions, and the newest batches in memory.
//!
//! # Invariants
//! - `log_start <= high_watermark <= next_offset`, and `flushed <= next_offset`.
//! - Batches below `flushed` are durable in the segment files. Those from there on are in `tail`, with their bodies unless these are extents; older ones may
//!   be there for readers.
//! - Where each batch lies in the segment files is decided when it is appended, so that writing it there again changes nothing.
//! - Nothing at or above `high_watermark` is shown to a reader.

mod section;

use std::collections::VecDeque;

use bole_base::{Offset, Position};
use bole_log::PayloadKind;
use bole_shard::{ApplyError, Section, Step};
use bytes::Bytes;

use super::batch::{BODY_HEADER_BYTES, Batch};
use super::entry::{Append, Effect, Marker};
use super::producers::Producers;
use super::segments::{Place, SegmentId, Segments};
use super::watch::Watchers;

/// The epochs of a partition's leaders: each with the offset of the first batch that it took in.
pub type Epochs = Vec<(i32, i64)>;

/// An aborted transaction: what a reader of committed records leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aborted {
    /// Whose it was.
    pub producer_id: i64,
    /// The offset of its first record.
    pub first: i64,
    /// The offset of its marker.
    pub last: i64,
}

/// A batch at the end of the partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// Where it lies in the segment files, now or after the next flush.
    pub place: Place,
    /// Its bytes in the segment file.
    pub bytes: u64,
    /// The entry that appended it, as it would be logged again. An extent's body may be cut off: it was read back from the log, or left memory before
    /// its file was fsynced.
    pub append: Append,
}

impl Tail {
    /// Whether its body is in memory.
    pub fn in_memory(&self) -> bool {
        self.append.extent.is_none_or(|extent| extent.body_bytes as usize == self.append.batch.body.len())
    }

    /// The offset after its last record.
    pub fn end(&self) -> i64 {
        self.append.batch.last_offset() + 1
    }

    /// What it takes of the memory for readers.
    fn held_bytes(&self) -> u64 {
        if self.in_memory() { self.bytes } else { 0 }
    }

    /// Lets the body go, which its file has: only the name stays.
    fn cut(&mut self) {
        let body = &mut self.append.batch.body;
        *body = Bytes::copy_from_slice(&body[..BODY_HEADER_BYTES]);
    }
}

/// The state of one partition.
#[derive(Debug, Default)]
pub struct State {
    /// The offset that the next record gets.
    pub next_offset: i64,
    /// The offset of the oldest record that is kept.
    pub log_start: i64,
    /// Everything below is durable in the segment files.
    pub flushed: i64,
    /// Everything below is durable in the topic's class.
    pub high_watermark: i64,
    /// The files.
    pub segments: Segments,
    /// Who writes.
    pub producers: Producers,
    /// Aborted transactions whose records may still be read, in order of their markers.
    pub aborted: VecDeque<Aborted>,
    /// See [`Epochs`].
    pub epochs: Epochs,
    /// The newest batches, those below `flushed` for readers only.
    pub tail: VecDeque<Tail>,
    /// Files that no segment names any more, to be removed once that is durable.
    pub dropped: Vec<SegmentId>,
    /// Bytes of batches in `tail`.
    pub tail_bytes: u64,
    /// Bytes of the bodies in `tail` that are in no file yet.
    pub unflushed_bytes: u64,
    /// What is appended and not yet durable: where its batch ends in the journal, and the offset up to which it reaches.
    visible: VecDeque<(Position, i64)>,
    /// Ends of transactions that are not durable yet: where the marker stands, and where the transaction began.
    ending: VecDeque<(i64, i64)>,
    /// Who waits for records.
    pub watchers: Watchers,
    /// The log's offset after the last effect.
    touched: Offset,
    /// Effects below are in the state already, from a checkpoint.
    restored: Offset,
}

impl State {
    /// The first offset that is not decided durably: the start of the oldest transaction that is open, or whose end may still be lost; or the high watermark.
    pub fn last_stable_offset(&self) -> i64 {
        let ending = self.ending.iter().map(|(_, first)| *first).min();
        let undecided = self.producers.first_open().into_iter().chain(ending);
        // Retention may have taken the beginning of a transaction.
        undecided.fold(self.high_watermark, i64::min).max(self.log_start)
    }

    /// Notes that what was appended so far is durable when the journal has reached `position`.
    pub fn appended(&mut self, position: Position) {
        self.visible.push_back((position, self.next_offset));
    }

    /// Shows what is durable now that the journal has reached `reached`, and wakes who waited. Where the next of it ends in the journal, if more is under way.
    pub fn advance(&mut self, reached: Position) -> Option<Position> {
        let mut moved = false;
        while let Some((_, end)) = self.visible.front().filter(|(position, _)| *position <= reached) {
            self.high_watermark = self.high_watermark.max(*end);
            self.visible.pop_front();
            moved = true;
        }
        if moved {
            let shown = self.ending.partition_point(|(marker, _)| *marker < self.high_watermark);
            self.ending.drain(..shown);
            self.watchers.wake();
        }
        self.visible.front().map(|(position, _)| *position)
    }

    /// Whether something is appended that is not durable yet.
    pub fn has_hidden(&self) -> bool {
        !self.visible.is_empty()
    }

    /// After recovery: everything that was replayed is durable.
    pub fn show_all(&mut self) {
        self.visible.clear();
        self.ending.clear();
        self.high_watermark = self.next_offset;
    }

    /// The offset of the first batch in memory that a reader may start at; `next_offset` if there is none. Those that were cut off come first.
    pub fn memory_start(&self) -> i64 {
        let first = self.tail.partition_point(|tail| !tail.in_memory());
        self.tail.get(first).map_or(self.next_offset, |tail| tail.append.batch.base_offset)
    }

    /// The first batch in `tail` that is in no file yet, or follows such a one.
    pub fn first_unwritten(&self) -> Option<&Tail> {
        let first = self.tail.partition_point(|tail| tail.end() <= self.flushed);
        self.tail.range(first..).find(|tail| tail.append.extent.is_none())
    }

    /// The newest epoch at or below `epoch` that took in records, and the offset at which it ends.
    pub fn epoch_end(&self, epoch: i32) -> Option<(i32, i64)> {
        let after = self.epochs.partition_point(|(known, _)| *known <= epoch);
        let (found, _) = *self.epochs.get(after.checked_sub(1)?)?;
        Some((found, self.epochs.get(after).map_or(self.next_offset, |(_, start)| *start)))
    }

    /// Aborted transactions with records in `from..to`.
    pub fn aborted_in(&self, from: i64, to: i64) -> Vec<Aborted> {
        let start = self.aborted.partition_point(|aborted| aborted.last < from);
        self.aborted.range(start..).filter(|aborted| aborted.first < to).copied().collect()
    }

    /// Notes that everything below `offset` is durable in the segment files.
    pub fn set_flushed(&mut self, offset: i64) {
        if offset > self.flushed {
            self.flushed = offset;
            let waiting = self.tail.iter().rev().take_while(|tail| tail.end() > offset);
            self.unflushed_bytes =
                waiting.filter(|tail| tail.append.extent.is_none()).map(|tail| tail.bytes).sum();
        }
    }

    /// The files of batches below `offset` were replaced or are not needed any more: nothing is written to them, and nothing of them is read from memory.
    fn leave_files(&mut self, offset: i64) {
        self.set_flushed(offset);
        self.evict(offset);
    }

    /// Lets batches below `offset` go from memory that are in the files; of those that are not durable there yet the names stay. The bytes that became free.
    pub fn evict(&mut self, offset: i64) -> u64 {
        let mut freed = 0;
        let below = offset.min(self.flushed);
        while let Some(tail) = self.tail.front().filter(|tail| tail.end() <= below) {
            freed += tail.held_bytes();
            self.tail.pop_front();
        }
        let first = self.tail.partition_point(|tail| !tail.in_memory());
        for tail in self.tail.range_mut(first..) {
            let nothing_to_cut = tail.append.batch.body.len() <= BODY_HEADER_BYTES;
            if tail.end() > offset || tail.append.extent.is_none() || nothing_to_cut {
                break;
            }
            freed += tail.held_bytes();
            tail.cut();
        }
        self.tail_bytes -= freed;
        freed
    }

    fn append(&mut self, append: &Append) {
        let batch = &append.batch;
        let fields = batch.fields();
        assert!(
            batch.base_offset == self.next_offset,
            "a batch at offset {} follows records up to {}",
            batch.base_offset,
            self.next_offset
        );
        if append.place.segment.base == batch.base_offset {
            self.segments.start(batch.base_offset, fields.max_timestamp());
        }
        assert!(
            self.segments.end() == Some(append.place),
            "a batch lies at {:?}, but the segments end at {:?}",
            append.place,
            self.segments.end()
        );
        if self.epochs.last().is_none_or(|(last, _)| *last < batch.leader_epoch) {
            self.epochs.push((batch.leader_epoch, batch.base_offset));
        }
        let end = batch.last_offset() + 1;
        self.segments.extend(append.bytes(), end, fields.max_timestamp());
        self.next_offset = end;
        if append.marker == Marker::None {
            self.producers.record(batch.base_offset, &fields);
        } else if let Some(first) = self.producers.end(&fields) {
            let (producer_id, last) = (fields.producer_id(), batch.base_offset);
            self.ending.push_back((last, first));
            if append.marker == Marker::Abort {
                self.aborted.push_back(Aborted { producer_id, first, last });
            }
        }
        self.hold(append.clone());
    }

    fn hold(&mut self, append: Append) {
        let tail = Tail { place: append.place, bytes: append.bytes(), append };
        self.tail_bytes += tail.held_bytes();
        if tail.append.extent.is_none() {
            self.unflushed_bytes += tail.bytes;
        }
        self.tail.push_back(tail);
    }

    fn start_at(&mut self, offset: i64) {
        self.log_start = self.log_start.max(offset.min(self.next_offset));
        let start = self.log_start;
        let dropped = self.segments.drop_below(start);
        if !dropped.is_empty() {
            let first = self.segments.iter().next().map_or(self.next_offset, |segment| segment.id.base);
            self.leave_files(first);
            self.dropped.extend(dropped);
        }
        while self.aborted.front().is_some_and(|aborted| aborted.last < start) {
            self.aborted.pop_front();
        }
        let kept = self.epochs.partition_point(|(_, first)| *first <= start).saturating_sub(1);
        self.epochs.drain(..kept);
        if let Some((_, first)) = self.epochs.first_mut() {
            *first = (*first).max(start);
        }
    }
}

impl bole_shard::State for State {
    type Effect<'a> = Effect;

    fn kind(effect: &Effect) -> (PayloadKind, u8) {
        effect.kind()
    }

    fn names_extent(effect: &Effect) -> bool {
        matches!(effect, Effect::Append(Append { extent: Some(_), .. }))
    }

    fn encode(effect: &Effect, out: &mut Vec<u8>) {
        effect.encode(out);
    }

    fn decode(kind: PayloadKind, version: u8, payload: &[u8]) -> Result<Effect, ApplyError> {
        Effect::decode(kind, version, payload)
    }

    fn apply(&mut self, offset: Offset, effect: &Effect) {
        if offset < self.restored {
            return;
        }
        self.touched = offset.next();
        match effect {
            Effect::Append(append) => self.append(append),
            Effect::LogStart(offset) => self.start_at(*offset),
            Effect::Compacted { old, with } => {
                if let Some(end) = self.segments.replace(old, with) {
                    self.leave_files(end);
                    self.dropped.extend(old);
                    // Of aborted transactions a first compaction leaves no record. Who reads what it replaced may still ask for them, until the next one.
                    let twice = self.segments.compacted_below(2);
                    self.aborted.retain(|aborted| aborted.last >= twice);
                } else {
                    self.dropped.extend(with.iter().map(|segment| segment.id));
                }
            }
            Effect::Forgotten(ids) => self.producers.forget(ids),
        }
    }

    /// One section holds the whole state: batches that are in the files are only named.
    fn next_section(&mut self, _cursor: u64, since: Offset, out: &mut Vec<u8>) -> Step {
        let changed = since == Offset::ZERO || self.touched > since;
        if changed {
            section::encode(self, out);
        }
        Step { section: changed.then_some((0, u64::MAX)), next: None }
    }

    fn restore(&mut self, section: Section, bytes: &[u8]) -> Result<(), ApplyError> {
        let malformed = || ApplyError::Malformed("the section is not a partition's".to_owned());
        section::decode(self, bytes).ok_or_else(malformed)?;
        self.restored = section.offset;
        self.touched = section.offset;
        Ok(())
    }

    fn memory_bytes(&self) -> u64 {
        let fixed = size_of::<Self>()
            + self.segments.len() * 64
            + self.producers.len() * 256
            + self.aborted.len() * 24;
        fixed as u64 + self.tail_bytes
    }
}

/// The batch of a tail, as a reader gets it.
impl From<&Tail> for Batch {
    fn from(tail: &Tail) -> Self {
        tail.append.batch.clone()
    }
}

#[cfg(test)]
mod tests {
    use bole_shard::State as _;

    use super::super::batch::tests::body;
    use super::super::entry::Extent;
    use super::*;

    /// Appends one record of producer 7's transaction, or a marker, as the last batch before `position`.
    fn append(state: &mut State, marker: Marker, position: u64) {
        let body = body(1, 0, |fields| {
            fields.producer_id = 7;
            fields.producer_epoch = 0;
            fields.attributes = 1 << 4;
        });
        let batch = Batch { base_offset: state.next_offset, leader_epoch: 1, body };
        let start = Place { segment: SegmentId { base: 0, generation: 0 }, position: 0 };
        let place = state.segments.end().unwrap_or(start);
        let append = Append { batch, marker, place, extent: None };
        state.apply(Offset(state.next_offset as u64), &Effect::Append(append));
        state.appended(Position(position));
    }

    #[test]
    fn extents_leave_memory_before_they_are_flushed_and_others_stay() {
        let mut state = State::default();
        let body = Bytes::from([&body(1, 0, |_| {})[..], &[0; 100]].concat());
        for (offset, in_file) in [true, true, false, true].into_iter().enumerate() {
            let batch = Batch { base_offset: offset as i64, leader_epoch: 1, body: body.clone() };
            let start = Place { segment: SegmentId { base: 0, generation: 0 }, position: 0 };
            let place = state.segments.end().unwrap_or(start);
            let extent = in_file.then_some(Extent { body_bytes: body.len() as u32, crc: 0 });
            let append = Append { batch, marker: Marker::None, place, extent };
            state.apply(Offset(offset as u64), &Effect::Append(append));
        }
        let each = state.tail_bytes / 4;
        for (below, start, unwritten, bytes) in [(1, 1, Some(2), 3), (4, 2, Some(2), 2), (4, 2, Some(2), 2)] {
            state.evict(below);
            let first = state.first_unwritten().map(|tail| tail.append.batch.base_offset);
            assert_eq!((state.memory_start(), first, state.tail_bytes), (start, unwritten, bytes * each));
        }
        state.set_flushed(4);
        state.evict(4);
        assert_eq!((state.memory_start(), state.tail.len(), state.tail_bytes), (4, 0, 0));
    }

    #[test]
    fn a_transaction_is_decided_for_readers_when_its_end_is_durable() {
        for end in [Marker::Commit, Marker::Abort] {
            let mut state = State::default();
            append(&mut state, Marker::None, 10);
            append(&mut state, Marker::None, 20);
            state.advance(Position(20));
            assert_eq!((state.high_watermark, state.last_stable_offset()), (2, 0), "{end:?}: open");
            append(&mut state, end, 30);
            assert_eq!((state.high_watermark, state.last_stable_offset()), (2, 0), "{end:?}: may be lost");
            append(&mut state, Marker::None, 40);
            state.advance(Position(30));
            assert_eq!((state.high_watermark, state.last_stable_offset()), (3, 3), "{end:?}: durable");
            state.advance(Position(40));
            assert_eq!((state.high_watermark, state.last_stable_offset()), (4, 3), "{end:?}: the next");
            assert_eq!(state.aborted.len(), usize::from(end == Marker::Abort));
            state.apply(Offset(9), &Effect::LogStart(4));
            assert_eq!(state.last_stable_offset(), 4, "{end:?}: its beginning is gone");
        }
    }
}
