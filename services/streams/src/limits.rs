//! The bounds that are not options, each with what happens when it is hit.

/// Bytes of a topic's name, as in Kafka. Longer ones are refused.
pub const TOPIC_NAME_BYTES_MAX: usize = 249;
/// Partitions of one topic. More are refused.
pub const PARTITIONS_PER_TOPIC_MAX: i32 = 10_000;
/// Partitions of all topics. More are refused.
pub const PARTITIONS_MAX: usize = 100_000;
/// Replies that one connection may have under way. No further request is read until one has left.
pub const REPLIES_PER_CONNECTION_MAX: usize = 64;
/// The longest that a fetch waits for records, whatever the client asks for, in milliseconds.
pub const FETCH_WAIT_MS_MAX: i32 = 300_000;
/// Bytes of records in one reply to a fetch, whatever the client asks for; one batch is always sent whole.
pub const FETCH_BYTES_MAX: usize = 64 << 20;
/// Producer ids that are taken from the catalog at once.
pub const PRODUCER_IDS_PER_BLOCK: i64 = 1_000;
/// Producers that one partition remembers. Beyond, those that were silent longest are forgotten.
pub const PRODUCERS_PER_PARTITION_MAX: usize = 20_000;
/// Reads of segment files at a time. Further ones wait.
pub const COLD_READS_MAX: usize = 16;
/// Bytes that a compressed batch may have when it is unpacked to be looked into. Beyond, it is refused.
pub const UNPACKED_BYTES_MAX: usize = 256 << 20;
