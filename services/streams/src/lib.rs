//! The stream service that speaks Kafka's protocol.
//!
//! Topics of partitions, consumer groups, share groups and transactions. A partition is a shard: its log's entries are record batches in
//! the client's own format. Listening, TLS, identity and the catalog are the node's; the journal is the kernel's.
//!
//! Reading order: [`protocol`] (bytes to requests and back) → [`connection`] → [`operations`] (one file an API) → [`topics`] and [`settings`] (what
//! exists) → [`partition`] (what a shard of records keeps) → [`feeds`] (changes of other services' datasets) and [`readable`] (both of them, to who reads) →
//! [`groups`] (who reads what) → [`transactions`] (what counts together) → [`retention`], [`compaction`], [`expiry`] (what goes) → [`sink`] (what is
//! written to other services) → [`publish`] (what other services write) → `dead_letters` (what share groups give up) → [`sasl`], [`access`], [`acls`] and [`quotas`] (who may do what, and how much) → [`service`]
//! (open, run, close).

pub mod access;
pub mod acls;
pub mod advance;
pub mod cache;
pub mod compaction;
pub mod config;
pub mod connection;
mod dead_letters;
pub mod error;
pub mod expiry;
pub mod feeds;
pub mod group_settings;
pub mod groups;
pub mod hosting;
pub mod limits;
pub mod metrics;
pub mod operations;
pub mod partition;
pub mod partitioner;
pub mod protocol;
pub mod publish;
pub mod quotas;
pub mod readable;
pub mod records;
pub mod retention;
pub mod sasl;
pub mod service;
pub mod session;
pub mod settings;
pub mod sink;
pub mod topics;
pub mod transactions;

pub use config::Config;
pub use error::Error;
pub use service::Service;
