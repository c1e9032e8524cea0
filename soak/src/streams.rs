//! The partitions of the stream service under the crash harness: journal, extents, segment files, shard runtime and [`bole_streams::partition`] as in the node,
//! on a disk that fails.
//!
//! [`operation`] says what clients do, [`model`] what it means, [`system`] does it, [`look`] compares what readers get, [`background`] is what the node does besides.
//! The catalog, the wire protocol and groups are not here.

pub mod background;
pub mod look;
pub mod model;
pub mod operation;
pub mod system;

use bole_testing::harness::Options;

/// A defect built in on purpose, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flaw(u8);

impl Flaw {
    /// None: the real thing.
    pub const NONE: u8 = 0;
    /// The journal does not fsync extents before the entries that name them.
    pub const EXTENTS_UNSYNCED: u8 = 1;
    /// Batches count as flushed, and leave the journal, before their file is fsynced.
    pub const FLUSH_UNSYNCED: u8 = 2;
    /// Files are removed while the journal may still take entries that name them for a tail.
    pub const REMOVED_UNSETTLED: u8 = 3;
    /// Readers see what is not durable.
    pub const SHOWN_EARLY: u8 = 4;
    /// Compacted segments take their place before they are fsynced.
    pub const COMPACTED_UNSYNCED: u8 = 5;
}

/// The size of a seed's run.
pub fn options() -> Options {
    Options { operations_per_client: 100, crash_steps_max: 8_000, ..crate::options() }
}
