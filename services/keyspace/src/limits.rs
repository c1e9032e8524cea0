//! Every bound of the service that is not a setting (promise P7).

/// Replies are sent when they have grown to this, before further commands of the same connection run.
pub const REPLY_FLUSH_BYTES: usize = 1 << 20;
/// Messages for a subscriber move to the replies until these have grown to this; the rest waits where its bound is.
pub const PUSHED_BYTES: usize = 256 << 10;
/// What a command that MULTI has queued counts besides its arguments.
pub const QUEUED_COMMAND_BYTES: usize = 32;
/// What an argument of a queued command counts besides its bytes.
pub const QUEUED_ARGUMENT_BYTES: usize = 40;
/// A connection's input buffer when it is idle. It grows to what one command needs.
pub const INPUT_BYTES_MIN: usize = 4 << 10;
/// A read asks for at most so much, or for as much again as the unfinished command has brought.
pub const INPUT_BYTES_STEP: usize = 64 << 10;
/// While a client blocks, so much of what it sends ahead is taken in.
pub const INPUT_BYTES_BLOCKED_MAX: usize = 1 << 20;
/// Keys that one round of active expiry removes from a shard before it lets go of the lock.
pub const EXPIRED_PER_ROUND: usize = 64;
/// Milliseconds between rounds of active expiry.
pub const EXPIRY_INTERVAL_MS: u64 = 100;
/// Keys that are looked at for each one that is evicted, unless `maxmemory-samples` is set.
pub const EVICTION_SAMPLES: usize = 5;
/// The most for `maxmemory-samples`, as in Redis.
pub const EVICTION_SAMPLES_MAX: usize = 64;
/// Channels, patterns and shard channels that one connection may subscribe to, together; and keys that it may watch.
pub const NAMES_MAX: usize = 1 << 16;
/// Bytes of the names that one connection may subscribe to, and of those that it may watch.
pub const NAMES_BYTES_MAX: usize = 16 << 20;
/// HRANDFIELD and SRANDMEMBER with a negative count may repeat elements as often as they are asked to, up to a reply of this size.
pub const REPEATED_BYTES_MAX: usize = 512 << 20;
