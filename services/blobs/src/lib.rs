//! Buckets of objects that S3's clients speak to. So far: what is judged without state, and where the bytes of large bodies are.
//!
//! The rules are functions of documents and requests. They know neither HTTP nor XML, nor where anything is kept; the protocol turns
//! what it read into their types, and the state asks them before it decides.
//!
//! # Invariants
//! - A rule does no I/O and reads no clock: time is an argument.
//! - A rule is total on any bytes, and what it takes is bounded ([`limits`]).
//! - What a document says is honoured or refused by name, never ignored.
//!
//! Reading order: [`limits`] → [`error`] → [`rules`] → [`chunks`].

pub mod access;
pub mod bodies;
pub mod chunks;
pub mod error;
pub mod limits;
pub mod pool;
pub mod protocol;
pub mod rules;

pub use error::{Code, Error, Result};
