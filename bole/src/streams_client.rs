//! A small client of the stream service, for the command line: one connection, one request after the other or a few on
//! their way at once. It speaks the highest versions that both sides know.
//!
//! Reading order: [`door`] (where and who) → [`connection`] (frames and versions) → [`topics`] and [`groups`] (administration) → [`partitioner`] and
//! [`producer`] (writing) → [`reader`] (reading) → [`assignor`] and [`member`] (reading as one of a group) →
//! [`share`] (reading as one of a share group).
//!
//! It knows nothing of arguments and output; those are the commands' ([`crate::cli`]). It talks to the one node whose address it
//! was given and follows no other address: a node leads all of its partitions.

pub mod assignor;
pub mod connection;
pub mod door;
pub mod error;
pub mod groups;
mod login;
pub mod member;
pub mod partitioner;
pub mod producer;
pub mod reader;
mod scram;
pub mod share;
pub mod topics;

pub use connection::Connection;
pub use door::{Door, Login, Password};
pub use error::{Error, Refusal};

/// How long an answer may take on top of what its request allows to wait.
pub const ANSWER_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

/// Bytes of the largest answer that is read. A node sends at most 64 MiB of records, or one larger batch.
pub const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Bytes that the records of one batch may take when they are restored from their compression.
pub const RECORDS_BYTES_MAX: usize = 256 << 20;
