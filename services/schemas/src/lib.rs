//! The schema registry: Avro, JSON and Protobuf schemas by subject and version, with checks of compatibility, over Confluent's REST API.
//!
//! It knows schemas, not what is written with them: that a message fits its schema is its producer's business, or that of a service
//! which asks [`Service::schema`] and [`Service::is_registered`]. It leaves users to the node ([`access`]), rules and metadata
//! to nobody (they are refused), and contexts other than the default one too.
//!
//! # Invariants
//! - The same schema with the same references has the same id, under whatever subject; ids and versions rise and are never given out again.
//! - A schema is compatible with what its subject's level asks for at the moment when it becomes a version: the state is checked again, under
//!   the lock, against what was compared.
//! - Nothing is answered, read or written, before it is fsynced.
//! - Parsing and comparing are total and bounded ([`limits`]); they run off the threads that serve connections, a few at a time.
//!
//! Reading order: [`schema`] (languages) → [`compatibility`] and [`mode`] → [`entry`] (what is logged) → [`state`] → [`store`] (the shard) → [`service`] →
//! [`operations`] → [`protocol`] → [`door`].

pub mod access;
pub mod compatibility;
mod config;
pub mod door;
pub mod entry;
mod error;
pub mod limits;
pub mod metrics;
pub mod mode;
pub mod operations;
pub mod protocol;
pub mod schema;
pub mod service;
pub mod state;
pub mod store;

pub use config::Config;
pub use error::{Error, Full};
pub use service::Service;
