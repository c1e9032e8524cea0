//! Bounds of the group coordinator. Each says what happens when it is reached.

/// Groups of one shard, those that only live in memory included. A request that would make one more is refused with
/// `PolicyViolation`.
pub const GROUPS_PER_SHARD_MAX: usize = 10_000;
/// Bytes of a group id, member id, instance id, client id, rack or pattern. A longer one is refused with `InvalidRequest` (a group id
/// with `InvalidGroupId`).
pub const NAME_BYTES_MAX: usize = 1_024;
/// Topics or partitions with committed offsets in one group. A commit beyond it is refused with `InvalidCommitOffsetSize`.
pub const OFFSETS_PER_GROUP_MAX: usize = 100_000;
/// Transactional producers with pending offsets in one group. One more is refused with `PolicyViolation`.
pub const PENDING_PRODUCERS_PER_GROUP_MAX: usize = 10_000;
/// Protocols that one classic member may offer. More are refused with `InvalidRequest`.
pub const PROTOCOLS_PER_MEMBER_MAX: usize = 64;
/// Bytes of all metadata that one classic member offers. More are refused with `InvalidRequest`.
pub const METADATA_BYTES_PER_MEMBER_MAX: usize = 1 << 20;
/// Bytes of all members of a classic group together. A member beyond it is refused with `GroupMaxSizeReached`.
pub const CLASSIC_GROUP_BYTES_MAX: usize = 64 << 20;
/// Ids handed out to classic members that have not joined yet, in one group. More are refused with `GroupMaxSizeReached`.
pub const PENDING_MEMBERS_MAX: usize = 10_000;
/// How long a new member of a classic group may wait for its first generation: Kafka's `NEW_MEMBER_JOIN_TIMEOUT_MS`.
pub const NEW_MEMBER_JOIN_TIMEOUT_MS: u64 = 5 * 60 * 1_000;
/// Topic names that one member of a consumer or share group may subscribe to. More are refused with `InvalidRequest`.
pub const SUBSCRIBED_TOPICS_MAX: usize = 10_000;
/// Partitions that one consumer or share group may be assigned altogether. Topics beyond it stay unassigned, with a warning.
pub const PARTITIONS_PER_GROUP_MAX: usize = 100_000;
/// Bytes of a compiled subscription pattern. One that needs more is refused with `InvalidRegularExpression`.
pub const PATTERN_COMPILED_BYTES_MAX: usize = 1 << 20;
/// Partitions of a share group with state. One more is refused with `PolicyViolation`.
pub const SHARE_PARTITIONS_PER_GROUP_MAX: usize = 10_000;
/// Partitions in one share session. More are refused with `InvalidRequest`.
pub const SHARE_SESSION_PARTITIONS_MAX: usize = 10_000;
/// Ranges of one acknowledgement of a share partition. More are refused with `InvalidRequest`.
pub const ACKNOWLEDGED_RANGES_MAX: usize = 10_000;
/// Records of one partition that a share group has to wait for: delayed ones, those that are to be tried again later, and those on their way
/// to the dead-letter topic. When there are so many, no newer records are looked at until one of them is due or gone.
pub const SHARE_WAITING_MAX: u64 = 4_000;
/// Bytes of a topic's name, as Kafka bounds it.
pub const TOPIC_NAME_BYTES_MAX: usize = 249;
/// Groups that one look for expired offsets passes while it holds a shard's lock.
pub const EXPIRY_GROUPS_PER_LOCK: usize = 64;
/// Groups whose timers one step of the driver serves before it lets other tasks run.
pub const TIMERS_PER_STEP: usize = 256;
