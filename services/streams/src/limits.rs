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
/// How long a producer may be silent before it is forgotten, in milliseconds: Kafka's default.
pub const PRODUCER_EXPIRATION_MS: i64 = 86_400_000;
/// Producers that one entry forgets.
pub const FORGOTTEN_PER_ENTRY_MAX: usize = 1_000;
/// Bytes that compaction reads in a second, over all partitions.
pub const COMPACTION_BYTES_PER_SECOND: u64 = 32 << 20;
/// Segments that one compaction merges into one.
pub const MERGED_SEGMENTS_MAX: usize = 1_000;
/// Reads of segment files at a time. Further ones wait.
pub const COLD_READS_MAX: usize = 16;
/// Bytes that a compressed batch may have when it is unpacked to be looked into. Beyond, it is refused.
pub const UNPACKED_BYTES_MAX: usize = 256 << 20;
/// Bytes of a transactional id. Longer ones are refused.
pub const TRANSACTIONAL_ID_BYTES_MAX: usize = 1_024;
/// Transactional ids of one shard of coordinators. More are refused until idle ones are forgotten.
pub const TRANSACTIONAL_IDS_PER_SHARD_MAX: usize = 100_000;
/// After so long without a change a transactional id is forgotten, in milliseconds: 7 days, Kafka's `transactional.id.expiration.ms`.
pub const TRANSACTIONAL_ID_IDLE_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
/// The longest timeout that a transactional producer may ask for, in milliseconds: Kafka's `transaction.max.timeout.ms`. Longer ones are refused.
pub const TRANSACTION_TIMEOUT_MS_MAX: i32 = 15 * 60 * 1_000;
/// Partitions of one transaction. More are refused: the end of a transaction is one batch with a marker for each of them.
pub const PARTITIONS_PER_TRANSACTION_MAX: usize = 2_500;
/// Groups of one transaction. More are refused, for the same reason.
pub const GROUPS_PER_TRANSACTION_MAX: usize = 100;
/// How long the answer to a failed authentication is held back, in milliseconds, as in Kafka: what guesses costs time.
pub const FAILED_AUTHENTICATION_DELAY_MS: u64 = 100;
/// Bytes of one message of a SASL exchange; longer ones fail the exchange.
pub const SASL_BYTES_MAX: usize = 64 << 10;
/// Entities that may have quotas. More are refused.
pub const QUOTA_ENTITIES_MAX: usize = 1_000;
/// Clients whose use is counted at a time. Beyond, those that have not used up anything are forgotten, which changes nothing, and then those that
/// have used least.
pub const QUOTA_BUCKETS_MAX: usize = 10_000;
/// The longest that a quota holds a client back at once, in milliseconds. What is left after it counts on.
pub const THROTTLE_MS_MAX: u64 = 3_600_000;
/// Topics that may have a sink. More are refused.
pub const SINKS_MAX: usize = 1_000;
/// Bytes of `sink.key.prefix`. Longer ones are refused.
pub const SINK_PREFIX_BYTES_MAX: usize = 1_024;
/// Partitions whose positions one batch of a sink moves. Then it is written, and the others follow in the next.
pub const SINK_PARTITIONS_PER_BATCH_MAX: usize = 256;
/// Groups that may have settings of their own. More are refused.
pub const GROUPS_WITH_SETTINGS_MAX: usize = 1_000;
