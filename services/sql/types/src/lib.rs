//! PostgreSQL's types, without a database: how their values are written, read, converted, ordered and computed with.
//!
//! A value is kept in one of SQLite's four storage classes ([`Value`]). Which one, and in what form, follows from its [`Type`] alone;
//! the table is in [`storage`]. Everything here is pure: no clock, no randomness, no settings beyond those in the arguments.
//!
//! # Invariants
//! - A type has one storage form. Two values of a type are equal in PostgreSQL's sense exactly if [`storage::Collation`] of the
//!   type says so of their forms, and ordered likewise. Where the form's own order is PostgreSQL's, there is no collation.
//! - What this crate does not know is an error with SQLSTATE `0A000`, never a guess.
//!
//! Reading order: [`types`] → [`storage`] → [`value`] → [`error`], then by need: [`text`] and [`binary`] are the forms of all types, [`cast`]
//! is between them, [`collation`] is their order; [`numeric`] and [`arithmetic`], [`datetime`], [`json`], [`mod@array`] and [`mod@format`] are what
//! PostgreSQL's functions compute. `tests/postgresql` has what a PostgreSQL 15 answered to all of it.

pub mod arithmetic;
pub mod array;
pub mod binary;
pub mod calendar;
pub mod cast;
pub mod collation;
pub mod datetime;
pub mod error;
pub mod format;
pub mod json;
pub mod length;
pub mod numeric;
pub mod storage;
pub mod style;
pub mod text;
pub mod types;
pub mod value;
pub mod zone;

pub use error::{Error, Result, SqlState};
pub use style::Style;
pub use types::Type;
pub use value::{Value, ValueRef};
pub use zone::Zone;
