//! Where databases are kept: SQLite files that follow a log, the write ticket, snapshots for readers, commits, checkpoints and recovery.
//!
//! Everything is blocking unless it is async, and belongs on threads that may block; what is async blocks for a commit's or an opened file's time at most.
//!
//! Reading order: `databases` (what exists) → `database` → `reader`, `writer` (with `capture` and `preupdate`: what a transaction changed) → `temporary` → `commit`, `books` and `undurable`
//! (its moment, its place in the log, and who must not tell of it yet) → `hosted` and `apply` (recovery) → `checkpoint` and `files`.

mod altering;
mod apply;
mod books;
mod capture;
mod check;
mod checkpoint;
mod commit;
mod connection;
mod database;
mod databases;
mod error;
mod files;
mod history;
mod hosted;
mod preupdate;
mod reader;
mod sequences;
mod snapshots;
mod temporary;
mod undurable;
mod vfs;
mod writer;

use std::sync::{Arc, OnceLock, Weak};

use bole_log::Journal;
use bole_shard::Runtime;
use bole_shard::participant::Participants;
use tokio::sync::Notify;

pub use bole_sql_dialect::plan::Step;
pub use books::Seen;
pub use check::{Checked, check};
pub use connection::Register;
pub use database::Database;
pub use databases::{Config, DEFAULT, Databases, Fed};
pub(crate) use error::from_shard;
pub(crate) use history::{Before, CATALOG_TABLE, Put};
pub(crate) use reader::Lent;
pub use reader::Reader;
pub use sequences::{Sequences, Standing};
pub use snapshots::{Open, Stop};
pub(crate) use snapshots::{Parked, too_old};
pub use temporary::Temporary;
pub(crate) use vfs::take_refusal;
pub use writer::{Deferral, Statement, Writer};

/// Datasets of databases, before the name.
pub const PREFIX: &str = "default/sql/";

/// What all databases of a node share.
pub(crate) struct Shared {
    /// Weak, because it has the databases as shards.
    runtime: Weak<Runtime>,
    journal: Arc<dyn Journal>,
    participants: OnceLock<Arc<Participants>>,
    registers: Vec<Register>,
    wal_bytes_max: u64,
    /// Frames of a `-wal` at which snapshots are ended that keep it from starting over.
    overlay_frames_max: u64,
    quota: Arc<temporary::Quota>,
    /// Whose changes are kept for feeds.
    fed: Fed,
    /// Some `-wal` has become large.
    large: Notify,
}
