//! Bounds of the service, and why they have the values that they have.

use std::time::Duration;

/// Reading connections of one database that may be in use at a time; a reader beyond waits.
pub const READERS_MAX: usize = 64;
/// Bytes of row changes that one transaction may collect before it is refused with 54000.
pub const TRANSACTION_BYTES_MAX: usize = 256 << 20;
/// Bytes of a client's message, as PostgreSQL's own bound for a statement is one of memory.
pub const MESSAGE_BYTES_MAX: usize = 256 << 20;
/// Words, values and signs of a text. Each takes some 170 bytes while it is parsed; what becomes of rows of VALUES, 200 and more.
pub const TOKENS_MAX: usize = 4_000_000;
/// Stack of a thread that parses, binds and executes; deep expressions are refused before they reach its end.
pub const STACK_BYTES: usize = 16 << 20;
/// Prepared statements, and portals, of one session.
pub const PREPARED_MAX: usize = 10_000;
/// Bytes of the texts of one session's prepared statements.
pub const PREPARED_BYTES_MAX: usize = 64 << 20;
/// Plans of simple statements that a session keeps, each for all texts of a shape. The one that was not used for longest goes first.
pub const SHAPES_MAX: usize = 64;
/// Bytes of the shapes and SQL of one session's plans of simple statements.
pub const SHAPES_BYTES_MAX: usize = 256 << 10;
/// Prepared statements that a connection keeps.
pub const STATEMENTS_CACHED: usize = 256;
/// Reading connections that stay open however long nobody uses them.
pub const READERS_IDLE_MIN: usize = 16;
/// How long one more stays open that nobody uses.
pub const READER_IDLE_MAX: Duration = Duration::from_secs(10);
/// Sessions of a node that may have temporary tables at a time; each has a connection of SQLite's of its own.
pub const TEMPORARY_SESSIONS_MAX: usize = 128;
/// Bytes of temporary tables of one session.
pub const TEMPORARY_BYTES_SESSION: u64 = 1 << 30;
/// Bytes of temporary tables of all sessions of a node.
pub const TEMPORARY_BYTES_NODE: u64 = 4 << 30;
/// Bytes of a row on its way to a client, and of all rows that the service reads for itself; one value more may be written before it is seen. More is 54000.
pub const ROW_BYTES_MAX: usize = 256 << 20;
/// Bytes of rows of one portal or cursor in memory; what is beyond goes into a file.
pub const PORTAL_MEMORY_BYTES_MAX: usize = 4 << 20;
/// Bytes of the parameters of one session's portals; those of one alone may be as long as a message.
pub const PARAMETERS_BYTES_MAX: usize = 64 << 20;
/// Bytes of rows of portals and cursors in the memory of one session.
pub const CURSOR_BYTES_SESSION: usize = 16 << 20;
/// Bytes of rows of portals and cursors in the memory of all sessions of a node.
pub const CURSOR_BYTES_NODE: usize = 256 << 20;
/// Bytes of files of all sessions of a node: of portals and cursors, and of what SQLite sorts or keeps for a statement.
pub const SPILL_BYTES_NODE: u64 = 8 << 30;
/// Portals and cursors of all sessions of a node that may have rows in a file: each has an open file, and a buffer of 8 KiB.
pub const SPILL_FILES_MAX: usize = 1_024;
/// Bytes by which the room of a file grows: at each step the disk is asked what it has free.
pub const SPILL_STEP_BYTES: u64 = 256 << 10;
/// Bytes of the `-wal` at which a database is checkpointed whatever the journal retains, and the writer starts the file over.
pub const WAL_BYTES_MAX: u64 = 64 << 20;
/// Bytes of the `-wal` at which the snapshots are ended that have kept it from starting over.
pub const OVERLAY_BYTES_MAX: u64 = 1 << 30;
/// How long a snapshot may last where the `-wal` has grown by a quarter beyond its bound.
pub const SNAPSHOT_AGE_MIN: Duration = Duration::from_secs(1);
/// How long the write ticket is held for snapshots to go, so that the `-wal` can start over, where it is beyond its bound.
pub const SNAPSHOT_WAIT_MAX: Duration = Duration::from_secs(1);
/// How often a checkpoint looks whether the last reader that holds it up has gone.
pub const CHECKPOINT_TRIES_MAX: u32 = 100;
/// Threads that write batches of sinks. Each database takes one batch at a time.
pub const UPSERT_THREADS: usize = 4;
/// How long a batch of a sink waits for its turn to write to a database; then the sink tries again later.
pub const UPSERT_TURN_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long a batch of a sink keeps others from writing before it is given up between two rows; it comes again in smaller ones.
pub const UPSERT_HOLD_MAX: Duration = Duration::from_secs(2);
