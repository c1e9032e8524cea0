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
//! Reading order: [`limits`].

pub mod limits;
pub mod pg_catalog;
