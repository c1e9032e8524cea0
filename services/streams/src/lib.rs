//! The stream service that speaks Kafka's protocol.
//!
//! Topics of partitions, consumer groups, share groups and transactions. A partition is a shard: its log's entries are record batches in
//! the client's own format. Listening, TLS, identity and the catalog are the node's; the journal is the kernel's.
//!
//! Reading order: [`protocol`] (bytes to requests and back) → [`connection`] → [`operations`] (one file an API) → [`topics`] and [`settings`] (what
//! exists) → [`partition`] (what a shard of records keeps) → [`groups`] (who reads what) → [`retention`] (what goes) → [`service`] (open, run, close).

pub mod advance;
pub mod cache;
pub mod config;
pub mod connection;
pub mod error;
pub mod groups;
pub mod hosting;
pub mod limits;
pub mod metrics;
pub mod operations;
pub mod partition;
pub mod protocol;
pub mod records;
pub mod retention;
pub mod service;
pub mod session;
pub mod settings;
pub mod topics;

pub use config::Config;
pub use error::Error;
pub use service::Service;
