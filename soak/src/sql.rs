//! Databases under the crash harness: journal, shard runtime, [`bole_sql::store`] and SQLite as in the node, all of them on one disk that fails.
//!
//! Clients move money between accounts and note each transfer in another service, in one batch; [`model`] says what that means, [`system`] does it, [`vfs`] lets SQLite use the disk.
//! The protocol, sessions and the dialect are not here.

pub mod model;
pub mod system;
pub mod vfs;

use bole_testing::harness::Options;

/// A defect built in on purpose, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flaw(u8);

impl Flaw {
    /// None: the real thing.
    pub const NONE: u8 = 0;
    /// The `-wal` is not fsynced before its frames move.
    pub const WAL_UNSYNCED: u8 = 1;
    /// `main.db` is not fsynced before the marker goes.
    pub const MAIN_UNSYNCED: u8 = 2;
    /// The marker is not fsynced before frames move.
    pub const MARKER_UNSYNCED: u8 = 3;
    /// Replies leave before what they show is durable.
    pub const REPLY_EARLY: u8 = 4;
    /// Frames move before the journal is fsynced.
    pub const JOURNAL_UNSYNCED: u8 = 5;
}

/// The size of a seed's run.
pub fn options() -> Options {
    Options { clients: 5, operations_per_client: 60, crash_steps_max: 5_000, ..crate::options() }
}
