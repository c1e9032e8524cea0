//! Buckets of objects that S3's clients speak to: the door, what its operations do to the rows of buckets and objects, where the bytes of large bodies are, and what
//! goes by itself. Users and their secrets are identity's, records of events the streams'.
//!
//! The rules are functions of documents and requests. They know neither HTTP nor XML, nor where anything is kept; the protocol turns
//! what it read into their types, and the state asks them before it decides.
//!
//! # Invariants
//! - A rule does no I/O and reads no clock: time is an argument.
//! - A rule is total on any bytes, and what it takes is bounded ([`limits`]).
//! - What a document says is honoured or refused by name, never ignored.
//! - What an operation depends on is read under the lock under which it is decided.
//!
//! Reading order: [`limits`] → [`error`] → [`rules`] → [`chunks`] → [`seal`] → [`rows`] → [`entry`] → [`state`] → [`objects`] → [`events`] → [`reclaim`] → [`migrate`] → [`lifecycle`] →
//! [`damage`] → [`scrub`] → [`protocol`] → [`bodies`] → [`access`] → [`operations`] → [`door`] → [`metrics`], [`logs`].

pub mod access;
pub mod bodies;
pub mod check;
pub mod chunks;
pub mod config;
pub mod counters;
pub mod damage;
pub mod door;
pub mod entry;
pub mod error;
pub mod events;
pub mod lifecycle;
pub mod limits;
pub mod logs;
pub mod metrics;
pub mod migrate;
pub mod objects;
pub mod operations;
pub mod pool;
pub mod protocol;
pub mod reclaim;
pub mod rows;
pub mod rules;
pub mod scrub;
pub mod seal;
pub mod service;
pub mod state;

pub use config::Config;
pub use error::{Code, Error, Result};
pub use service::{Parts, Service};
