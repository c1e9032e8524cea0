//! PostgreSQL's SQL, translated to SQLite's: text is parsed, its names and types are resolved against a [`Catalog`] by PostgreSQL's
//! rules, and statements for SQLite come out that mean the same on the storage forms of `bole_sql_types::storage`.
//!
//! Nothing here touches a database or a session. What is executed, and how, is the caller's; what may be called in SQLite is in
//! [`builtins`], and the crate `bole-sql-functions` implements it.
//!
//! # Invariants
//! - Each field of each node of the syntax tree is either honoured or refused with SQLSTATE 0A000 and its name. Nodes are taken apart
//!   without `..`, so that a new field of the parser is a compile error, not a clause that is ignored.
//! - Every output column has a type that a client can rely on.
//! - A statement for SQLite names tables as `t<oid>` and columns as `c<number>`; values that come from the client are literals in their
//!   storage form or numbered parameters, never pasted text.
//!
//! Reading order: [`catalog`] → [`builtins`] → [`plan`] → [`mod@parse`] → [`mod@bind`] → [`schema`] → [`shape`] (plans that serve many texts).

pub mod bind;
pub mod builtins;
pub mod catalog;
pub mod parse;
pub mod plan;
mod print;
pub mod reference;
pub mod schema;
pub mod shape;

pub use bind::{Scope, bind};
pub use parse::{Parsed, parse};

pub use bole_sql_types::{Error, Result, SqlState, Type};
pub use catalog::Catalog;
