//! Bounds of the service, and why they have the values that they have.

use std::time::Duration;

/// Reading connections of one database that may be in use at a time; a reader beyond waits.
pub const READERS_MAX: usize = 64;
/// Bytes of row changes that one transaction may collect before it is refused with 54000.
pub const TRANSACTION_BYTES_MAX: usize = 256 << 20;
/// Bytes of a client's message, as PostgreSQL's own bound for a statement is one of memory.
pub const MESSAGE_BYTES_MAX: usize = 256 << 20;
/// Stack of a thread that parses, binds and executes; deep expressions are refused before they reach its end.
pub const STACK_BYTES: usize = 16 << 20;
/// Prepared statements, and portals, of one session.
pub const PREPARED_MAX: usize = 10_000;
/// Bytes of the texts of one session's prepared statements.
pub const PREPARED_BYTES_MAX: usize = 64 << 20;
/// Prepared statements that a connection keeps.
pub const STATEMENTS_CACHED: usize = 256;
/// Reading connections that stay open while nobody uses them.
pub const READERS_IDLE_MAX: usize = 16;
/// Sessions of a node that may have temporary tables at a time; each has a connection of SQLite's of its own.
pub const TEMPORARY_SESSIONS_MAX: usize = 128;
/// Bytes of temporary tables of one session.
pub const TEMPORARY_BYTES_SESSION: u64 = 1 << 30;
/// Bytes of temporary tables of all sessions of a node.
pub const TEMPORARY_BYTES_NODE: u64 = 4 << 30;
/// Bytes of the `-wal` at which a database is checkpointed whatever the journal retains, and the writer starts the file over.
pub const WAL_BYTES_MAX: u64 = 64 << 20;
/// How often a checkpoint looks whether the last reader that holds it up has gone.
pub const CHECKPOINT_TRIES_MAX: u32 = 100;
/// Threads that write batches of sinks. Each database takes one batch at a time.
pub const UPSERT_THREADS: usize = 4;
/// How long a batch of a sink waits for its turn to write to a database; then the sink tries again later.
pub const UPSERT_TURN_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long a batch of a sink keeps others from writing before it is given up between two rows; it comes again in smaller ones.
pub const UPSERT_HOLD_MAX: Duration = Duration::from_secs(2);
