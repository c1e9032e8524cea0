//! One partition: a shard whose effects are record batches, and the segment files that hold what the journal let go.
//!
//! `docs/internals/streams.md` says which bytes are written where and when. In short: a small batch goes into the journal, and from memory into its segment file
//! before the journal lets it go; a large one goes into the segment file at once, and the journal names it.
//!
//! Reading order: [`batch`] (bytes) → [`entry`] (what is logged) → [`state`] (what the log builds) → [`files`] and [`index`] (what is on disk)
//! → [`append`] → [`read`] → [`flush`].

pub mod append;
pub mod batch;
pub mod entry;
pub mod files;
pub mod flush;
mod hosted;
pub mod index;
pub mod producers;
pub mod read;
pub mod segments;
pub mod state;
pub mod watch;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bole_base::{Durability, LogId};
use bole_shard::{Locked, Shard};
use parking_lot::Mutex;

use crate::Error;
use files::{FileId, SegmentFiles};
use segments::SegmentId;
use state::State;

/// One partition of a topic.
pub struct Partition {
    shard: Shard<State>,
    files: Arc<SegmentFiles>,
    class: Durability,
    /// Who moves batches into the files has this.
    flushing: Mutex<()>,
    /// Whether the partition is among those whose high watermark has to move.
    pub(crate) advancing: AtomicBool,
}

impl Partition {
    /// An empty partition on `log`, named `namespace/service/dataset#number`. `class` is `Sync` or `Async`.
    pub fn new(log: LogId, name: impl Into<Arc<str>>, files: Arc<SegmentFiles>, class: Durability) -> Self {
        let shard = Shard::new(log, name, State::default());
        Self { shard, files, class, flushing: Mutex::new(()), advancing: AtomicBool::new(false) }
    }

    /// The log.
    pub const fn log(&self) -> LogId {
        self.shard.id()
    }

    /// `namespace/service/dataset#number`.
    pub fn name(&self) -> &str {
        self.shard.name()
    }

    /// The durability of its records.
    pub const fn class(&self) -> Durability {
        self.class
    }

    /// Locks the partition; with others in ascending order of log, never across a wait. Errors: `Storage` if it is quarantined.
    pub fn lock(&self) -> Result<Locked<'_, State>, Error> {
        Ok(self.shard.lock()?)
    }

    /// Ids of segments that nothing names any more since the last call. Their files go once the journal has settled.
    pub fn take_dropped(&self) -> Vec<FileId> {
        let Ok(mut locked) = self.shard.lock() else { return Vec::new() };
        std::mem::take(&mut locked.state_mut().dropped)
            .into_iter()
            .map(|segment| self.file(segment))
            .collect()
    }

    /// The topic is gone: all segments are dropped, and who waits for records is told.
    pub fn abandon(&self) -> Vec<FileId> {
        let Ok(mut locked) = self.shard.lock() else { return Vec::new() };
        let state = locked.state_mut();
        state.watchers.wake();
        let segments =
            state.segments.iter().map(|segment| segment.id).chain(std::mem::take(&mut state.dropped));
        segments.map(|segment| self.file(segment)).collect()
    }

    /// The file of a segment of this partition.
    pub const fn file(&self, segment: SegmentId) -> FileId {
        FileId { log: self.shard.id(), segment }
    }
}
