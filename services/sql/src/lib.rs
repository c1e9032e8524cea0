//! Databases that speak PostgreSQL's protocol, executed by SQLite, replicated by the log. `docs/internals/sql.md` has the design.
//!
//! What it leaves to others: types (`bole-sql-types`), syntax and names (`bole-sql-dialect`), functions in SQLite (`bole-sql-functions`), the journal and its
//! recovery (`bole-shard`), users (`bole-identity`), doors (`bole-net`).
//!
//! # Invariants
//! - `main.db` never holds what is not fsynced in the log; the `-wal` file beside it is an overlay that a start throws away.
//! - One transaction at a time writes to a database: the holder of its ticket.
//! - No reply shows what is not durable.
//!
//! Reading order: [`store`] → [`mod@entry`] → [`changes`] (feeds of tables) → [`upserts`] (rows of sinks) → [`limits`].

pub mod changes;
mod commands;
pub mod config;
pub mod connection;
pub mod entry;
mod error;
pub mod limits;
pub mod metrics;
pub mod pg_catalog;
pub mod pool;
pub mod protocol;
pub mod reference;
pub mod service;
mod session;
pub mod spill;
pub mod store;
pub mod upserts;

use std::sync::Arc;

/// What is in memory in all databases: what aggregates of running statements keep, and all that SQLite uses; and whose memory that is.
pub use bole_sql_functions::{aggregates_bytes, sqlite_bytes, use_allocator};

/// What each connection of SQLite's is told of functions, collations and virtual tables.
pub fn registers() -> Vec<store::Register> {
    vec![Arc::new(bole_sql_functions::register), Arc::new(pg_catalog::register)]
}
