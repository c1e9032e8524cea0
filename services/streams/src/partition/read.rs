//! Batches from a partition: from memory where they are still there, else from the segment files.

use std::io;

use bole_shard::Locked;
use bytes::Bytes;

use super::Partition;
use super::batch::{Batch, split};
use super::files::FileId;
use super::segments::Segment;
use super::state::{Aborted, State};
use crate::Error;
use crate::protocol::error_code::ErrorCode;

/// How often a read starts again because its file was removed meanwhile.
const ATTEMPTS: usize = 3;

/// Where a partition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The offset of the oldest record.
    pub log_start: i64,
    /// The first offset that is not durable.
    pub high_watermark: i64,
    /// The first offset that is not decided.
    pub last_stable: i64,
    /// The offset that the next record gets.
    pub next: i64,
    /// The leader's epoch.
    pub leader_epoch: i32,
}

/// Batches that follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batches {
    /// Oldest first.
    pub batches: Vec<Batch>,
    /// Their bytes.
    pub bytes: usize,
    /// For a reader of committed records: aborted transactions that may be among them, as of the look that found them.
    pub aborted: Vec<Aborted>,
}

impl Batches {
    fn add(&mut self, batch: Batch) {
        self.bytes += batch.bytes();
        self.batches.push(batch);
    }
}

/// What a look under the lock found.
pub enum Found {
    /// Nothing to read yet.
    Nothing,
    /// Batches in memory.
    Memory(Batches),
    /// They are in files: [`Partition::read_cold`].
    Cold(Cold),
}

/// A read of files that is to be done without the lock.
pub struct Cold {
    files: Vec<(FileId, u64)>,
    from: i64,
    below: i64,
    bytes_max: usize,
    /// What follows the files in memory, for a read that finds nothing in them: compaction may have left a hole at their end.
    memory: Batches,
}

/// Which records a reader may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// All durable ones.
    Uncommitted,
    /// Those below the oldest open transaction.
    Committed,
}

impl Bounds {
    /// Where the partition stands.
    pub fn of(locked: &Locked<'_, State>) -> Self {
        let state = locked.state();
        Self {
            log_start: state.log_start,
            high_watermark: state.high_watermark,
            last_stable: state.last_stable_offset(),
            next: state.next_offset,
            leader_epoch: locked.epoch().0 as i32,
        }
    }

    /// The first offset that a reader may not see.
    pub const fn below(&self, isolation: Isolation) -> i64 {
        match isolation {
            Isolation::Uncommitted => self.high_watermark,
            Isolation::Committed => self.last_stable,
        }
    }
}

impl Partition {
    /// Looks for batches from the one on that holds `from`: at most `bytes_max` bytes, but one batch in any case.
    /// Errors: `Refused` with `OffsetOutOfRange`, `Storage`.
    pub fn find(&self, from: i64, isolation: Isolation, bytes_max: usize) -> Result<(Bounds, Found), Error> {
        let locked = self.lock()?;
        let (bounds, state) = (Bounds::of(&locked), locked.state());
        if from < bounds.log_start || from > bounds.next {
            let text = format!(
                "offset {from} is not within {} to {} of {}",
                bounds.log_start,
                bounds.next,
                self.name()
            );
            return Err(Error::refused(ErrorCode::OffsetOutOfRange, text));
        }
        let below = bounds.below(isolation);
        if from >= below {
            return Ok((bounds, Found::Nothing));
        }
        let mut memory = in_memory(state, from, below, bytes_max);
        if isolation == Isolation::Committed {
            // Under the same lock: retention and compaction forget what nobody can read any more.
            memory.aborted = state.aborted_in(from, below);
        }
        if from < state.memory_start() {
            let files = self.files_from(state, from);
            return Ok((bounds, Found::Cold(Cold { files, from, below, bytes_max, memory })));
        }
        Ok((bounds, if memory.batches.is_empty() { Found::Nothing } else { Found::Memory(memory) }))
    }

    /// The files with batches at or above `from`, each with the bytes that count.
    fn files_from(&self, state: &State, from: i64) -> Vec<(FileId, u64)> {
        let holding = state.segments.iter().skip_while(|segment| segment.end <= from);
        holding
            .map(|segment| (self.file(segment.id), written_bytes(state, segment)))
            .filter(|(_, bytes)| *bytes > 0)
            .collect()
    }

    /// Reads what [`Partition::find`] found in files. Blocks on the disk. `None`: a file was removed meanwhile; look again.
    pub fn read_cold(&self, cold: &Cold) -> Result<Option<Batches>, Error> {
        match self.try_read_cold(cold) {
            Ok(found) => Ok(Some(Batches { aborted: cold.memory.aborted.clone(), ..found })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::Storage(format!("{} cannot be read: {error}", self.name()))),
        }
    }

    fn try_read_cold(&self, cold: &Cold) -> io::Result<Batches> {
        for (id, bytes) in &cold.files {
            let Some(first) = self.files.find_offset(*id, *bytes, cold.from)? else { continue };
            let mut found = Batches::default();
            if first.base_offset >= cold.below {
                return Ok(found);
            }
            let wanted = (cold.bytes_max as u64).max(first.bytes).min(bytes - first.position);
            let read: Bytes = self.files.read(*id, first.position, wanted as usize)?;
            for batch in split(&read).into_iter().take_while(|batch| batch.base_offset < cold.below) {
                found.add(batch);
            }
            return Ok(found);
        }
        Ok(cold.memory.clone())
    }

    /// As [`Partition::find`], reading files where that is needed. Blocks then.
    pub fn read(
        &self,
        from: i64,
        isolation: Isolation,
        bytes_max: usize,
    ) -> Result<(Bounds, Batches), Error> {
        for _ in 0..ATTEMPTS {
            let (bounds, found) = self.find(from, isolation, bytes_max)?;
            match found {
                Found::Nothing => return Ok((bounds, Batches::default())),
                Found::Memory(batches) => return Ok((bounds, batches)),
                Found::Cold(cold) => {
                    if let Some(batches) = self.read_cold(&cold)? {
                        return Ok((bounds, batches));
                    }
                }
            }
        }
        Err(self.too_fast(format_args!("offset {from}")))
    }

    /// Aborted transactions that a reader of committed records must know for batches from `from` up to before `to`.
    pub fn aborted(&self, from: i64, to: i64) -> Result<Vec<Aborted>, Error> {
        Ok(self.lock()?.state().aborted_in(from, to))
    }

    /// The first batch with a timestamp of at least `timestamp`, for a reader with `isolation`; its records have to be looked through. Blocks on the disk.
    pub fn find_timestamp(&self, timestamp: i64, isolation: Isolation) -> Result<Option<Batch>, Error> {
        for _ in 0..ATTEMPTS {
            match self.try_find_timestamp(timestamp, isolation) {
                Ok(Ok(found)) => return Ok(found),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::Storage(format!("{} cannot be read: {error}", self.name()))),
                Ok(Err(error)) => return Err(error),
            }
        }
        Err(self.too_fast(timestamp))
    }

    /// The outer error is the disk's.
    fn try_find_timestamp(
        &self,
        timestamp: i64,
        isolation: Isolation,
    ) -> io::Result<Result<Option<Batch>, Error>> {
        let (files, below, memory, start) = {
            let locked = match self.lock() {
                Ok(locked) => locked,
                Err(error) => return Ok(Err(error)),
            };
            let (state, bounds) = (locked.state(), Bounds::of(&locked));
            let late = |segment: &&Segment| segment.max_timestamp >= timestamp;
            let files = state
                .segments
                .iter()
                .filter(late)
                .map(|segment| (self.file(segment.id), written_bytes(state, segment)));
            let newest = state.tail.iter().find(|tail| {
                tail.in_memory()
                    && tail.append.batch.fields().max_timestamp() >= timestamp
                    && tail.end() > state.log_start
            });
            (files.collect::<Vec<_>>(), bounds.below(isolation), newest.map(Batch::from), state.log_start)
        };
        for (id, bytes) in files {
            let Some(seen) = self.files.find_timestamp(id, bytes, timestamp, start)? else { continue };
            let read = self.files.read(id, seen.position, seen.bytes as usize)?;
            let found = split(&read).into_iter().next();
            return Ok(Ok(found.filter(|batch| batch.base_offset < below)));
        }
        Ok(Ok(memory.filter(|batch| batch.base_offset < below)))
    }

    fn too_fast(&self, what: impl std::fmt::Display) -> Error {
        Error::Storage(format!("{}: the files of {what} go away faster than they can be read", self.name()))
    }
}

/// Batches in memory from the one on that holds `from`, or the first behind it: at most `bytes_max` bytes, but one batch in any case.
fn in_memory(state: &State, from: i64, below: i64, bytes_max: usize) -> Batches {
    let mut found = Batches::default();
    let first = state.tail.partition_point(|tail| tail.end() <= from);
    for tail in state.tail.range(first..) {
        let whole = tail.append.batch.base_offset < below && tail.in_memory();
        let fits = found.batches.is_empty() || found.bytes + tail.bytes as usize <= bytes_max;
        if !whole || !fits {
            break;
        }
        found.add(Batch::from(tail));
    }
    found
}

/// Bytes of a segment whose batches are all in its file, durably or not.
fn written_bytes(state: &State, segment: &Segment) -> u64 {
    match state.first_unwritten() {
        None => segment.bytes,
        Some(tail) if tail.place.segment == segment.id => tail.place.position,
        Some(tail) if segment.id.base < tail.place.segment.base => segment.bytes,
        Some(_) => 0,
    }
}
