//! The settings of the service, as the node gives them.

use bole_base::Durability;

use crate::sasl::Mechanism;

/// See the node's options of the same names.
#[derive(Clone, Debug)]
pub struct Config {
    /// The host that clients are told to connect to; `None`: the address through which they came.
    pub advertised_host: Option<String>,
    /// The number of this node among brokers.
    pub node_id: i32,
    /// Whether a topic is made when a client asks for one that does not exist.
    pub auto_create_topics: bool,
    /// Partitions of topics that are made without a number.
    pub default_partitions: i32,
    /// The durability of topics that do not choose one: `Sync` or `Async`.
    pub durability: Durability,
    /// The largest request.
    pub request_bytes_max: usize,
    /// Bytes of batches that stay in memory for readers.
    pub cache_bytes_max: u64,
    /// Connections at a time.
    pub connections_max: usize,
    /// Silence after which a client is disconnected, in milliseconds; 0: never.
    pub idle_ms: u64,
    /// Whether clients may come without credentials; such may do everything.
    pub anonymous: bool,
    /// The SASL mechanisms that clients may use.
    pub sasl_mechanisms: Vec<Mechanism>,
    /// Shards of groups and of transactions.
    pub coordinator_shards: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            advertised_host: None,
            node_id: 1,
            auto_create_topics: true,
            default_partitions: 4,
            durability: Durability::Sync,
            request_bytes_max: 100 << 20,
            cache_bytes_max: 32 << 20,
            connections_max: 10_000,
            idle_ms: 600_000,
            anonymous: false,
            sasl_mechanisms: Mechanism::PASSWORDS.to_vec(),
            coordinator_shards: 16,
        }
    }
}
