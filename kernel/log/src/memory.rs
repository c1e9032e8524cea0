//! A journal in memory, for tests of what stands on journals. It keeps every promise of [`Journal`] but survival; what
//! is durable is decided at once, or by the test's hand, and [`MemoryJournal::crash`] shows what a crash would leave.

use std::collections::{BTreeMap, VecDeque};
use std::task::{Context, Poll, Waker};

use bole_base::{Durability, LogId, Offset, Position};
use bytes::Bytes;
use parking_lot::Mutex;

use crate::entry::{BATCH_BYTES_MAX, ENTRY_HEADER_BYTES};
use crate::{AttachmentId, Batch, EntryRef, Error, Gap, Journal, Read, StoredEntry};

/// Bytes that a batch takes besides its entries, as in the local journal.
const BATCH_OVERHEAD_BYTES: usize = 40;

/// A journal in memory. See the module's description.
#[derive(Debug)]
pub struct MemoryJournal {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    by_hand: bool,
    bytes_max: u64,
    admitted: u64,
    retained: u64,
    end: u64,
    written: u64,
    synced: u64,
    sealed: bool,
    disk_full: bool,
    failed: Option<String>,
    logs: BTreeMap<LogId, Log>,
    attachments: BTreeMap<u64, (AttachmentId, Bytes)>,
    attachment_next: u64,
    wakers: Vec<Waker>,
}

#[derive(Clone, Debug, Default)]
struct Log {
    first: u64,
    durable: u64,
    /// With the number of the entry in the journal's order, and the position at which its batch ends.
    entries: VecDeque<(u64, u64, StoredEntry)>,
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryJournal {
    /// An empty journal in which everything is durable as soon as it was appended.
    pub fn new() -> Self {
        Self { state: Mutex::new(State { bytes_max: 1 << 40, ..State::default() }) }
    }

    /// An empty journal in which `write_queued` writes, and nothing is fsynced before [`MemoryJournal::sync`] or
    /// [`MemoryJournal::advance`].
    pub fn by_hand() -> Self {
        let journal = Self::new();
        journal.state.lock().by_hand = true;
        journal
    }

    /// From now on durability is decided by hand, as in [`MemoryJournal::by_hand`].
    pub fn hold(&self) {
        self.change(|state| state.by_hand = true);
    }

    /// Bounds the bytes that may be admitted or retained.
    pub fn set_bytes_max(&self, bytes_max: u64) {
        self.change(|state| state.bytes_max = bytes_max);
    }

    /// Whether admission answers `Full`.
    pub fn set_disk_full(&self, full: bool) {
        self.change(|state| state.disk_full = full);
    }

    /// Makes every later write fail, as after a failed fsync (promise P4).
    pub fn fail(&self, text: &str) {
        self.change(|state| state.failed = Some(text.to_owned()));
    }

    /// Writes and fsyncs everything.
    pub fn sync(&self) {
        let end = self.end();
        self.advance(end, end);
    }

    /// Moves what is written and what is fsynced forward; never back, and not beyond the end.
    pub fn advance(&self, written: Position, synced: Position) {
        self.change(|state| state.advance(written.0, synced.0));
    }

    /// Where the next batch starts.
    pub fn end(&self) -> Position {
        Position(self.state.lock().end)
    }

    /// What a crash leaves when the batches that end at `keep` or before survive; those that are fsynced always do.
    /// The new journal decides about durability as this one does.
    #[must_use]
    pub fn crash(&self, keep: Position) -> Self {
        let state = self.state.lock();
        let keep = keep.0.max(state.synced);
        let mut kept = State {
            by_hand: state.by_hand,
            bytes_max: state.bytes_max,
            end: keep,
            written: keep,
            synced: keep,
            sealed: state.sealed && state.end <= keep,
            attachments: state.attachments.clone(),
            attachment_next: state.attachment_next,
            ..State::default()
        };
        for (id, log) in &state.logs {
            let entries: VecDeque<_> = log.entries.iter().filter(|entry| entry.1 <= keep).cloned().collect();
            kept.retained += entries.iter().map(|(_, _, entry)| cost(entry)).sum::<u64>();
            let Some((_, _, last)) = entries.back() else { continue };
            let durable = last.header.offset.0 + 1;
            kept.logs.insert(*id, Log { first: log.first, durable, entries });
        }
        Self { state: Mutex::new(kept) }
    }

    /// Changes the state and wakes everybody who waits for anything.
    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock();
        let result = change(&mut state);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    /// Answers when `ready` does, and wakes the context when the state changed.
    fn wait<R>(&self, context: &Context<'_>, ready: impl FnOnce(&mut State) -> Option<R>) -> Poll<R> {
        let mut state = self.state.lock();
        if let Some(result) = ready(&mut state) {
            return Poll::Ready(result);
        }
        if !state.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            state.wakers.push(context.waker().clone());
        }
        Poll::Pending
    }
}

fn cost(entry: &StoredEntry) -> u64 {
    (ENTRY_HEADER_BYTES + entry.extensions.len() + entry.payload.len()) as u64
}

impl State {
    fn usable(&self) -> Result<(), Error> {
        match &self.failed {
            Some(text) => Err(Error::Failed(text.clone())),
            None => Ok(()),
        }
    }

    fn admit(&mut self, bytes: u64) -> Result<bool, Error> {
        self.usable()?;
        if self.sealed {
            return Err(Error::Sealed);
        }
        if self.disk_full {
            return Err(Error::Full("the test says so".to_owned()));
        }
        if bytes > self.bytes_max {
            return Err(Error::Full(format!("{bytes} bytes are more than the bound of {}", self.bytes_max)));
        }
        let fits = self.retained + self.admitted + bytes <= self.bytes_max;
        self.admitted += if fits { bytes } else { 0 };
        Ok(fits)
    }

    fn advance(&mut self, written: u64, synced: u64) {
        self.synced = self.synced.max(synced.min(self.end));
        self.written = self.written.max(written.min(self.end)).max(self.synced);
        let synced = self.synced;
        for log in self.logs.values_mut() {
            let at = log.entries.partition_point(|(_, end, _)| *end <= synced);
            if let Some((_, _, last)) = at.checked_sub(1).and_then(|at| log.entries.get(at)) {
                log.durable = log.durable.max(last.header.offset.0 + 1);
            }
        }
    }

    fn trim(&mut self, log: LogId, below: u64) {
        let Some(log) = self.logs.get_mut(&log) else { return };
        log.first = log.first.max(below.min(log.durable));
        while log.entries.front().is_some_and(|(_, _, entry)| entry.header.offset.0 < log.first) {
            let freed = log.entries.pop_front().map_or(0, |(_, _, entry)| cost(&entry));
            self.retained -= freed;
        }
    }
}

impl Journal for MemoryJournal {
    fn try_admit(&self, bytes: u64) -> Result<bool, Error> {
        self.state.lock().admit(bytes)
    }

    fn poll_admit(&self, bytes: u64, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.wait(context, |state| match state.admit(bytes) {
            Ok(admitted) => admitted.then_some(Ok(())),
            Err(error) => Some(Err(error)),
        })
    }

    fn return_admitted(&self, bytes: u64) {
        self.change(|state| state.admitted = state.admitted.saturating_sub(bytes));
    }

    fn batch_cost(&self, batch_bytes: usize) -> u64 {
        (BATCH_OVERHEAD_BYTES + batch_bytes) as u64
    }

    fn append(&self, batch: &Batch) -> Result<Position, Error> {
        assert!(!batch.is_empty(), "an appended batch has at least one entry");
        let bytes = batch.bytes().len();
        if bytes > BATCH_BYTES_MAX {
            return Err(Error::BatchTooLarge { bytes, max: BATCH_BYTES_MAX });
        }
        self.change(|state| {
            state.usable()?;
            if state.sealed {
                return Err(Error::Sealed);
            }
            state.admitted = state.admitted.saturating_sub((BATCH_OVERHEAD_BYTES + bytes) as u64);
            let start = state.end;
            state.end += (BATCH_OVERHEAD_BYTES + bytes) as u64;
            let end = state.end;
            for (number, entry) in batch.entries().map_while(Result::ok).enumerate() {
                let stored = StoredEntry {
                    header: entry.header,
                    extensions: Bytes::copy_from_slice(entry.extensions),
                    payload: Bytes::copy_from_slice(entry.payload),
                };
                state.retained += cost(&stored);
                let log = state.logs.entry(entry.header.log).or_default();
                if log.entries.is_empty() && log.durable == 0 {
                    log.first = entry.header.offset.0;
                }
                log.entries.push_back((start + number as u64, end, stored));
            }
            if !state.by_hand {
                state.advance(end, end);
            }
            Ok(Position(end))
        })
    }

    fn want_sync(&self, _position: Position) {
        // Everything is durable at once, or when a test says so.
    }

    fn write_queued(&self) -> Result<(), Error> {
        self.change(|state| {
            state.usable()?;
            let end = state.end;
            state.advance(end, 0);
            Ok(())
        })
    }

    fn settle(&self) -> Result<bool, Error> {
        self.state.lock().usable()?;
        self.sync();
        Ok(true)
    }

    fn reached(&self, class: Durability) -> Position {
        let state = self.state.lock();
        Position(match class {
            Durability::Memory => u64::MAX,
            Durability::Async => state.written,
            Durability::Sync => state.synced,
        })
    }

    fn poll_reached(
        &self,
        class: Durability,
        position: Position,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        self.wait(context, |state| {
            let reached = match class {
                Durability::Memory => u64::MAX,
                Durability::Async => state.written,
                Durability::Sync => state.synced,
            };
            if reached >= position.0 { Some(Ok(())) } else { state.usable().err().map(Err) }
        })
    }

    fn replay(&self, visit: &mut dyn FnMut(&EntryRef<'_>) -> Result<(), Error>) -> Result<(), Error> {
        let state = self.state.lock();
        let synced = state.synced;
        let mut all: Vec<_> = state
            .logs
            .values()
            .flat_map(|log| log.entries.iter())
            .filter(|(_, end, _)| *end <= synced)
            .cloned()
            .collect();
        drop(state);
        all.sort_by_key(|(number, _, _)| *number);
        for (_, _, entry) in &all {
            let StoredEntry { header, extensions, payload } = entry;
            visit(&EntryRef { header: *header, extensions, payload })?;
        }
        Ok(())
    }

    fn retained_bytes(&self) -> u64 {
        self.state.lock().retained
    }

    fn oldest_log(&self) -> Option<LogId> {
        let state = self.state.lock();
        let oldest = |log: &Log| log.entries.front().map(|(number, _, _)| *number);
        state.logs.iter().filter_map(|(id, log)| Some((oldest(log)?, *id))).min().map(|(_, id)| id)
    }

    fn read(&self, log: LogId, from: Offset, bytes_max: usize) -> Result<Read, Error> {
        let state = self.state.lock();
        let empty = Log::default();
        let found = state.logs.get(&log).unwrap_or(&empty);
        let (durable, first) = (found.durable, found.first.min(found.durable));
        if from.0 > durable {
            return Err(Error::BeyondTail { log, offset: from, tail: Offset(durable) });
        }
        let start = from.0.max(first);
        let gap = (start > from.0).then_some(Gap { from, to: Offset(start) });
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for (_, _, entry) in &found.entries {
            if entry.header.offset.0 >= durable || (bytes >= bytes_max && !entries.is_empty()) {
                break;
            }
            if entry.header.offset.0 >= start {
                bytes += cost(entry) as usize;
                entries.push(entry.clone());
            }
        }
        let next = Offset(start + entries.len() as u64);
        Ok(Read { gap, entries, next })
    }

    fn tail(&self, log: LogId) -> Offset {
        Offset(self.state.lock().logs.get(&log).map_or(0, |log| log.durable))
    }

    fn first(&self, log: LogId) -> Offset {
        Offset(self.state.lock().logs.get(&log).map_or(0, |log| log.first.min(log.durable)))
    }

    /// Each entry is a stretch of its own.
    fn stretch_end(&self, log: LogId) -> Offset {
        let state = self.state.lock();
        let Some(log) = state.logs.get(&log) else { return Offset::ZERO };
        Offset((log.first + 1).min(log.durable))
    }

    fn poll_tail(
        &self,
        log: LogId,
        offset: Offset,
        context: &mut Context<'_>,
    ) -> Poll<Result<Offset, Error>> {
        self.wait(context, |state| {
            let durable = state.logs.get(&log).map_or(0, |log| log.durable);
            if durable > offset.0 { Some(Ok(Offset(durable))) } else { state.usable().err().map(Err) }
        })
    }

    fn trim(&self, log: LogId, below: Offset) {
        self.change(|state| state.trim(log, below.0));
    }

    fn forget(&self, log: LogId) {
        self.change(|state| {
            let freed = state.logs.remove(&log).unwrap_or_default();
            state.retained -= freed.entries.iter().map(|(_, _, entry)| cost(entry)).sum::<u64>();
        });
    }

    fn seal(&self) -> Result<Position, Error> {
        self.change(|state| {
            state.usable()?;
            state.sealed = true;
            let end = state.end;
            state.advance(end, end);
            Ok(Position(end))
        })
    }

    fn put_attachment(&self, bytes: &[u8], _class: Durability) -> Result<AttachmentId, Error> {
        self.change(|state| {
            state.usable()?;
            let number = state.attachment_next;
            state.attachment_next += 1;
            let id = AttachmentId { number, length: bytes.len() as u64, crc: crc32c::crc32c(bytes) };
            state.attachments.insert(number, (id, Bytes::copy_from_slice(bytes)));
            Ok(id)
        })
    }

    fn new_attachment(&self, _length: u64) -> Result<u64, Error> {
        let mut state = self.state.lock();
        state.usable()?;
        state.attachment_next += 1;
        Ok(state.attachment_next - 1)
    }

    fn append_with(&self, batch: &Batch, id: AttachmentId, bytes: Bytes) -> Result<Position, Error> {
        self.state.lock().attachments.insert(id.number, (id, bytes));
        self.append(batch)
    }

    fn attachment(&self, id: &AttachmentId) -> Result<Bytes, Error> {
        let state = self.state.lock();
        let Some((stored, bytes)) = state.attachments.get(&id.number) else {
            return Err(Error::NoAttachment(id.to_string()));
        };
        if stored != id || crc32c::crc32c(bytes) != id.crc {
            return Err(Error::Corrupt(format!("attachment {id} is not what the entry names")));
        }
        Ok(bytes.clone())
    }

    fn remove_attachment(&self, id: &AttachmentId) -> Result<(), Error> {
        self.state.lock().attachments.remove(&id.number);
        Ok(())
    }

    fn attachments(&self) -> Result<Vec<AttachmentId>, Error> {
        Ok(self.state.lock().attachments.values().map(|(id, _)| *id).collect())
    }
}

impl MemoryJournal {
    /// Flips a bit of a stored attachment.
    pub fn corrupt_attachment(&self, id: &AttachmentId) {
        if let Some((_, bytes)) = self.state.lock().attachments.get_mut(&id.number) {
            let mut changed = bytes.to_vec();
            changed.iter_mut().take(1).for_each(|byte| *byte ^= 1);
            *bytes = Bytes::from(changed);
        }
    }
}
