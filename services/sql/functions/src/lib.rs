//! PostgreSQL's functions, aggregates, set-returning functions and collations, registered in a SQLite connection: everything that
//! `bole_sql_dialect::builtins` promises with [`bole_sql_dialect::builtins::Spelling::Function`].
//!
//! Functions are thin: they take storage forms apart and call `bole_sql_types`. What depends on the session comes from [`Context`]. An error
//! travels through SQLite beside its message: it is left in the context, where the caller takes it.
//!
//! # Invariants
//! - What indexes, checks and generated columns may call is deterministic and reads no context.
//! - A panic in a function is an error of its statement, also where it gives rows: see [`guarded()`].
//!
//! Reading order: [`context`] → [`register()`].

mod aggregate;
mod array;
mod call;
mod casts;
mod catalog;
pub mod context;
mod datetime;
mod float;
mod formatting;
mod integer;
mod json;
mod memory;
mod numeric;
mod pattern;
mod register;
mod scalar;
mod session;
mod set;
mod text;
mod trigonometry;

pub use aggregate::{NODE_BYTES_MAX as AGGREGATES_BYTES_MAX, node_bytes as aggregates_bytes};
pub use call::guarded;
pub use catalog::names::{meant as object_number, written as object_name};
pub use catalog::sizes::DATABASE as DATABASE_SIZE;
pub use context::{Context, Effects, Session};
pub use memory::{SQLITE_BYTES_MAX, sqlite_bytes, use_allocator};
pub use register::register;
