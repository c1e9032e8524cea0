//! The stream service that speaks Kafka's protocol.
//!
//! Topics of partitions, consumer groups, share groups and transactions. A partition is a shard: its log's entries are record batches in
//! the client's own format. Listening, TLS, identity and the catalog are the node's; the journal is the kernel's.
//!
//! Reading order: [`protocol`] (bytes to requests and back) → [`partition`] (what a shard of records keeps) → [`groups`] (who reads what).

pub mod error;
pub mod groups;
pub mod partition;
pub mod protocol;

pub use error::Error;
