//! Feeds: what changed in a dataset, as a read-only projection of its logs' durable entries. The offsets of changes are
//! those of the entries, so a reader that keeps its cursor with its own effects sees each change exactly once.
//!
//! Where one entry holds many changes that readers want one by one, a feed's offsets are *split*: the entry's offset, and below it, in
//! [`Source::part_bits`] bits, the change's place among those of the entry.
//!
//! # Invariants
//! - Only fsynced entries are shown, in order, and none that the state ignored (those of older epochs).
//! - What was trimmed before it was read is an explicit gap, never a silent one.
//! - Identity has no feed.

mod details;
mod feed;
#[cfg(feature = "suite")]
pub mod suite;

use std::task::{Context, Poll};

use bole_base::{Epoch, Offset};
use bole_log::Gap;
use bytes::Bytes;

pub use details::{Details, put_text};
pub use feed::{Directory, Entry, Feeds, Projection, Shown, Source};

use crate::{Error, Pin};

/// Where a reader stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The first offset that it has not seen.
    pub offset: Offset,
    /// The highest epoch that it has seen; entries of older ones are left out.
    pub epoch: Epoch,
}

impl Cursor {
    /// At an offset, without knowledge of epochs: entries of a deposed leader that stand before the first announcement after
    /// `offset` cannot be told from others. A cursor that a read returned has no such blind spot.
    pub const fn at(offset: Offset) -> Self {
        Self { offset, epoch: Epoch::ZERO }
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The entry's offset, split if the feed's are. The effects of a transaction too large for entries of their own share one entry per shard, so
    /// their changes share its offset; a read gives all changes of an offset or none.
    pub offset: Offset,
    /// The entry's hybrid-logical-clock time.
    pub hlc: u64,
    /// What happened, in the service's words.
    pub operation: &'static str,
    /// What it happened to; `None` if it was the whole shard.
    pub key: Option<Bytes>,
    /// The new value or the effect's arguments, if it has any.
    pub details: Details,
}

impl Change {
    /// Appends the change as a JSON object: `operation`, `key` where there is one, and the details; or the details alone if they are whole.
    pub fn put_json(&self, out: &mut Vec<u8>) {
        if self.details.is_whole() {
            out.push(b'{');
            out.extend_from_slice(self.details.members());
            out.push(b'}');
            return;
        }
        out.extend_from_slice(b"{\"operation\":");
        put_text(out, self.operation);
        if let Some(key) = &self.key {
            out.extend_from_slice(b",\"key\":");
            details::put_bytes(out, key);
        }
        if !self.details.members().is_empty() {
            out.push(b',');
            out.extend_from_slice(self.details.members());
        }
        out.push(b'}');
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        const HEAD_BYTES: usize = 32;
        HEAD_BYTES + self.key.as_ref().map_or(0, Bytes::len) + self.details.members().len()
    }
}

/// Where the log of a shard stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The first entry that is retained; what was before it is gone.
    pub first: Offset,
    /// The offset that the next durable entry gets.
    pub tail: Offset,
}

/// The answer to a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// Entries that were asked for and are gone.
    pub gap: Option<Gap>,
    /// In order of offset. Offsets may be missing: not every entry is a change.
    pub changes: Vec<Change>,
    /// Where the next read goes on.
    pub next: Cursor,
}

/// The feeds of a service, or of all.
pub trait Changes: Send + Sync {
    /// The datasets that have a feed, by name.
    fn datasets(&self) -> Vec<String>;

    /// How many shards a dataset (`namespace/service/dataset`) has. Errors: `Refused` if it has no feed.
    fn shards(&self, dataset: &str) -> Result<u32, Error>;

    /// What of a shard can be read. Errors: `Refused`.
    fn bounds(&self, dataset: &str, shard: u32) -> Result<Bounds, Error>;

    /// Durable changes from `from` on: about `bytes_max` bytes of changes at most, and at least one entry if there is one. At the tail it answers
    /// without changes. Errors: `Refused`, `BeyondTail`, `Corrupt`, `Quarantined`.
    fn read(&self, dataset: &str, shard: u32, from: Cursor, bytes_max: usize) -> Result<Feed, Error>;

    /// Hands offset and hybrid-logical-clock time of each durable entry from `from` on that may be a change to `visit`, until that answers `false`; what is gone
    /// is left out. Reads entries and shows none, so it is the way to look for a time. Errors: as `read`.
    fn times(
        &self,
        dataset: &str,
        shard: u32,
        from: Offset,
        visit: &mut dyn FnMut(Offset, u64) -> bool,
    ) -> Result<(), Error>;

    /// Ready when the shard has durable entries at `from` or above. May be dropped at any time.
    fn poll_ready(
        &self,
        dataset: &str,
        shard: u32,
        from: Cursor,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Error>>;

    /// Holds back trim at `from`, up to the runtime's limit in bytes; advance it as reading goes on.
    fn pin(&self, dataset: &str, shard: u32, from: Offset) -> Result<Pin, Error>;

    /// Keeps what there is of all shards of a dataset for readers to come, up to the runtime's limit in bytes: beyond it the oldest goes first. For the life of the
    /// process; called before recovery, it loses nothing of what an earlier process kept. Errors: `Refused`.
    fn keep(&self, dataset: &str) -> Result<(), Error>;
}
