//! Feeds: what changed in a dataset, as a read-only projection of its logs' durable entries. The offsets of changes are
//! those of the entries, so a reader that keeps its cursor with its own effects sees each change exactly once.
//!
//! # Invariants
//! - Only fsynced entries are shown, in order, and none that the state ignored (those of older epochs).
//! - What was trimmed before it was read is an explicit gap, never a silent one.
//! - Identity has no feed.

mod feed;
#[cfg(feature = "suite")]
pub mod suite;

use std::task::{Context, Poll};

use bole_base::{Epoch, Offset};
use bole_log::Gap;
use bytes::Bytes;

pub use feed::{Feeds, Projection, Source};

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
    /// The entry's offset. The effects of a transaction too large for entries of their own share one entry per shard, so their changes share
    /// its offset; a read gives all of them or none.
    pub offset: Offset,
    /// The entry's hybrid-logical-clock time.
    pub hlc: u64,
    /// What happened, in the service's words.
    pub operation: &'static str,
    /// What it happened to; empty if it was the whole shard.
    pub key: Bytes,
    /// The new value or the effect's arguments, if it has any.
    pub value: Option<Bytes>,
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
    /// How many shards a dataset (`namespace/service/dataset`) has. Errors: `Refused` if it has no feed.
    fn shards(&self, dataset: &str) -> Result<u32, Error>;

    /// Durable changes from `from` on: about `bytes_max` bytes of entries at most (what they name in attachments not counted), and at least one entry if there is one. At the tail it answers
    /// without changes. Errors: `Refused`, `BeyondTail`, `Corrupt`, `Quarantined`.
    fn read(&self, dataset: &str, shard: u32, from: Cursor, bytes_max: usize) -> Result<Feed, Error>;

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
}
