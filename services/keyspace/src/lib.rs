//! The key-value service that speaks Redis's protocol.
//!
//! It turns commands into effects on the shards of sixteen databases, and answers from the state that these build. Listening, TLS, identity
//! and the catalog are the node's; the journal is the kernel's.
//!
//! Reading order: [`protocol`] (bytes to commands) → [`connection`] → [`dispatch`] (look up, lock, run, commit) → [`commands`] (one file a
//! family) → [`keys`] (what a handler may touch) → [`state`] (what a shard keeps and how effects change it).
//! For other services: [`changes`] (feeds) and [`participant`] (their batches).

pub mod blocking;
pub mod changes;
pub mod client;
pub mod command;
pub mod commands;
pub mod config;
pub mod connection;
pub mod context;
pub mod dataset;
pub mod dispatch;
pub mod durable;
pub mod eviction;
pub mod expiry;
pub mod failure;
pub mod glob;
pub mod keys;
pub mod limits;
pub mod memory;
pub mod metrics;
pub mod participant;
pub mod partition;
pub mod protocol;
pub mod pubsub;
pub mod service;
pub mod slots;
pub mod state;
pub mod swap;

pub use config::Config;
pub use service::Service;
