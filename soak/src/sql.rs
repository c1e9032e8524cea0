//! Databases under the crash harness: journal, shard runtime, [`bole_sql::store`] and SQLite as in the node, all of them on one disk that fails.
//!
//! [`system`]: clients move money between accounts and note each transfer in another service, in one batch; [`model`] says what that means, [`vfs`] lets SQLite use the disk.
//! [`shifting`]: a table whose columns come, go and get other names under load, told by its feed; temporary tables; databases that come and go.
//! The protocol and sessions are not here.

pub mod model;
pub mod shifting;
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
    /// Tables of a session are tables of the database.
    pub const TEMPORARY_KEPT: u8 = 6;
    /// The log says nothing of `ALTER TABLE`, but what the catalog is afterwards.
    pub const DDL_UNLOGGED: u8 = 7;
    /// Feeds miss entries of the log.
    pub const FEED_LOSES: u8 = 8;
    /// Who makes or drops a database hears of it before it is durable.
    pub const DATABASE_EARLY: u8 = 9;
}

/// The size of a seed's run.
pub fn options() -> Options {
    Options { clients: 5, operations_per_client: 60, crash_steps_max: 5_000, ..crate::options() }
}
