//! How SQLite connections are opened: the settings on which the rest relies.
//!
//! # Invariants
//! - No connection moves frames into `main.db` by itself: not after a commit, not when it closes.
//! - Readers cannot write to `main.db`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bole_sql_functions::Context;
use bole_sql_types::length::BYTES_MAX;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use crate::limits::STATEMENTS_CACHED;

/// Makes functions, collations and virtual tables known to a connection.
pub type Register = Arc<dyn Fn(&Connection, &Context) -> rusqlite::Result<()> + Send + Sync>;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The one that writes.
    Writer,
    /// Statements that read.
    Reader,
    /// Moving frames, and holding a snapshot meanwhile.
    Checkpoint,
}

/// How long SQLite tries again where it is in its own way for a moment: readers that begin while the `-wal` starts over.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens `main.db` on the operating system's files, or on those of the SQLite VFS that is named.
pub(crate) fn open(path: &Path, role: Role, vfs: Option<&str>) -> rusqlite::Result<Connection> {
    let access = match role {
        Role::Reader => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Role::Writer | Role::Checkpoint => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let connection = open_with(path, access, vfs)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    for (setting, on) in [
        (DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true),
        // A changed definition of a table is written into SQLite's schema by the writing connection, where no client's SQL gets to.
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, role != Role::Writer),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true),
    ] {
        connection.set_db_config(setting, on)?;
    }
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, i32::try_from(BYTES_MAX).unwrap_or(i32::MAX))?;
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0")?;
    connection.set_prepared_statement_cache_capacity(if role == Role::Checkpoint {
        4
    } else {
        STATEMENTS_CACHED
    });
    Ok(connection)
}

/// A connection as SQLite opens it.
pub(crate) fn open_with(path: &Path, access: OpenFlags, vfs: Option<&str>) -> rusqlite::Result<Connection> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    match vfs {
        None => Connection::open_with_flags(path, flags),
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs),
    }
}

/// Lets recovery put rows in as they are, or has everything checked again.
pub(crate) fn check_rows(connection: &Connection, on: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, on)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, on)?;
    connection.pragma_update(None, "ignore_check_constraints", !on)
}
