//! The state of the blob service under the crash harness: journal, catalog, shard runtime, rows, chunks, reclaimer and sweep as in the node, on a disk that fails.
//!
//! Only the ordered store writes past the seam, into a folder that outlives each crash as it is; that is one of the states that a power cut may leave, since
//! it has fsynced entries alone. What else a power cut may leave of it is what `kernel/ordered/tests/crashes.rs` tests.
//!
//! Somebody listens to all buckets: each change has one event in a topic, and no other has any.
//!
//! Objects are plain, encrypted by a key of the node or by one of two keys of clients; copies of objects and of ranges into parts go from each to each. The node's key file gets a new key at each second opening.
//!
//! [`model`] says what clients do and what it means, [`system`] opens a node, on which [`acts`] does that with [`bodies`] and [`reads`] compares what is seen, [`upkeep`] goes on beside them, [`listeners`] count events, [`audit`] compares rows and chunks with each other after each crash.

pub mod acts;
pub mod audit;
pub mod bodies;
pub mod listeners;
pub mod model;
pub mod reads;
pub mod system;
pub mod upkeep;

use bole_testing::harness::Options;

/// A defect built in on purpose, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flaw(u8);

impl Flaw {
    /// None: the real thing.
    pub const NONE: u8 = 0;
    /// Replies leave before what they show is durable.
    pub const REPLY_EARLY: u8 = 1;
    /// Chunks are named before they are fsynced.
    pub const CHUNK_UNSYNCED: u8 = 2;
    /// Chunks go before the entry that gave them up is fsynced, and while they are read.
    pub const RECLAIM_EARLY: u8 = 3;
    /// Events follow their entries in batches of their own.
    pub const EVENTS_APART: u8 = 4;
    /// A new key of the node's takes the place of the one before.
    pub const KEYS_FORGOTTEN: u8 = 5;
}

/// The size of a seed's run.
pub fn options() -> Options {
    Options { operations_per_client: 60, crash_steps_max: 6_000, ..crate::options() }
}
