//! What an operator chooses.

use bole_base::Durability;

use crate::dataset::DATABASES;

/// The service's settings. Those that `CONFIG SET` can change are starting values.
#[derive(Clone, Debug)]
pub struct Config {
    /// How durable each database's writes are.
    pub durability: [Durability; DATABASES],
    /// Shards of a database, fixed when it is created: 1 to 256.
    pub shards: usize,
    /// The largest bulk string, and the largest queued transaction.
    pub request_bytes_max: usize,
    /// The most connections.
    pub connections_max: usize,
    /// The most memory that the keys may take, in bytes; 0: no bound.
    pub memory_bytes_max: u64,
    /// Bytes of replies that may wait for a client: one that asks for more at once is cut off.
    pub output_bytes_max: usize,
    /// Messages that may wait for a subscriber: at this many bytes it is cut off.
    pub pubsub_hard_bytes: usize,
    /// So many bytes for longer than `pubsub_soft_seconds` cut it off too.
    pub pubsub_soft_bytes: usize,
    /// See `pubsub_soft_bytes`.
    pub pubsub_soft_seconds: u64,
    /// A connection without a command for so many seconds is closed; 0: never.
    pub idle_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            durability: [Durability::Async; DATABASES],
            shards: 16,
            request_bytes_max: 512 << 20,
            connections_max: 10_000,
            memory_bytes_max: 0,
            output_bytes_max: 1 << 30,
            pubsub_hard_bytes: 32 << 20,
            pubsub_soft_bytes: 8 << 20,
            pubsub_soft_seconds: 60,
            idle_seconds: 0,
        }
    }
}
