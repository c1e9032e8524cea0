//! Settings of the coordinator, under Kafka's names.

use std::sync::Arc;

/// Settings for all groups. Times are in milliseconds; defaults are those of Kafka 4 where nothing else is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `group.initial.rebalance.delay.ms`: how long the first rebalance of an empty classic group waits for more members. Kafka waits 3 s, to
    /// save large deployments some rebalances at their start. The default here is 0: most groups of one node are small, and every
    /// start of an application or a test would pay the 3 s, while a rebalance among few members costs milliseconds.
    pub initial_rebalance_delay_ms: u64,
    /// `group.min.session.timeout.ms`.
    pub session_timeout_min_ms: u64,
    /// `group.max.session.timeout.ms`.
    pub session_timeout_max_ms: u64,
    /// `group.max.size`, for classic groups. Kafka's default is unlimited; a bound is needed here.
    pub classic_members_max: usize,
    /// `offset.metadata.max.bytes`.
    pub offset_metadata_bytes_max: usize,
    /// `offsets.retention.minutes`, in milliseconds: how long an empty group keeps its offsets.
    pub offsets_retention_ms: u64,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_check_interval_ms: u64,
    /// `group.consumer.max.size`. Kafka's default is unlimited; a bound is needed here.
    pub consumer_members_max: usize,
    /// `group.consumer.session.timeout.ms`.
    pub consumer_session_timeout_ms: u64,
    /// `group.consumer.heartbeat.interval.ms`.
    pub consumer_heartbeat_interval_ms: u64,
    /// `group.share.max.size`.
    pub share_members_max: usize,
    /// `group.share.session.timeout.ms`.
    pub share_session_timeout_ms: u64,
    /// `group.share.heartbeat.interval.ms`.
    pub share_heartbeat_interval_ms: u64,
    /// `group.share.record.lock.duration.ms`: how long an acquired record stays locked.
    pub share_lock_duration_ms: u64,
    /// `group.share.delivery.count.limit`: after so many deliveries a record is archived instead of made available again.
    pub share_delivery_count_max: u16,
    /// `group.share.partition.max.record.locks`: records of one partition that are neither available nor done with.
    pub share_in_flight_max: u64,
    /// `group.share.max.share.sessions`, for one shard of groups.
    pub share_sessions_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            initial_rebalance_delay_ms: 0,
            session_timeout_min_ms: 6_000,
            session_timeout_max_ms: 1_800_000,
            classic_members_max: 10_000,
            offset_metadata_bytes_max: 4_096,
            offsets_retention_ms: 7 * 24 * 60 * 60 * 1_000,
            offsets_check_interval_ms: 600_000,
            consumer_members_max: 10_000,
            consumer_session_timeout_ms: 45_000,
            consumer_heartbeat_interval_ms: 5_000,
            share_members_max: 200,
            share_session_timeout_ms: 45_000,
            share_heartbeat_interval_ms: 5_000,
            share_lock_duration_ms: 30_000,
            share_delivery_count_max: 5,
            share_in_flight_max: 2_000,
            share_sessions_max: 2_000,
        }
    }
}

/// What a topic asks of the share groups that read it. Settings of topics, under their names; extensions of Bole's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sharing {
    /// `share.delivery.count.limit`; `None`: `group.share.delivery.count.limit` holds.
    pub delivery_count_max: Option<u16>,
    /// `share.retry.backoff.ms`: how long a record waits after its first delivery before the next. It doubles with each further one.
    pub backoff_ms: u64,
    /// `share.retry.backoff.max.ms`.
    pub backoff_ms_max: u64,
    /// `share.delivery.delay.ms`: how long after its timestamp a record is delivered first.
    pub delay_ms: u64,
    /// `share.delivery.delay.max.ms`: the longest delay that a record's header may ask for; 0: headers are not looked at.
    pub header_delay_ms_max: u64,
    /// `share.dead.letter.topic`: where records go that are given up.
    pub dead_letter_topic: Option<Arc<str>>,
}

impl Sharing {
    /// How long a record waits that came back from so many deliveries.
    pub fn backoff_after(&self, deliveries: u16) -> u64 {
        let doublings = u32::from(deliveries.saturating_sub(1));
        let factor = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
        self.backoff_ms.saturating_mul(factor).min(self.backoff_ms_max)
    }

    /// Whether records may have to wait for their first delivery.
    pub const fn delays(&self) -> bool {
        self.delay_ms > 0 || self.header_delay_ms_max > 0
    }
}

/// Where a share group begins in a partition that it has not read: `share.auto.offset.reset`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OffsetReset {
    /// At the first record.
    Earliest,
    /// At the end: records to come.
    #[default]
    Latest,
}

/// What an operator set for one group (Kafka's config resource GROUP); `None` where the setting for all groups holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `consumer.session.timeout.ms`.
    pub consumer_session_timeout_ms: Option<u64>,
    /// `consumer.heartbeat.interval.ms`.
    pub consumer_heartbeat_interval_ms: Option<u64>,
    /// `share.session.timeout.ms`.
    pub share_session_timeout_ms: Option<u64>,
    /// `share.heartbeat.interval.ms`.
    pub share_heartbeat_interval_ms: Option<u64>,
    /// `share.record.lock.duration.ms`.
    pub share_lock_duration_ms: Option<u64>,
    /// `share.auto.offset.reset`.
    pub share_offset_reset: Option<OffsetReset>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_limit() {
        let sharing = Sharing { backoff_ms: 100, backoff_ms_max: 1_000, ..Sharing::default() };
        for (deliveries, expected) in
            [(0, 100), (1, 100), (2, 200), (3, 400), (4, 800), (5, 1_000), (u16::MAX, 1_000)]
        {
            assert_eq!(sharing.backoff_after(deliveries), expected, "after {deliveries}");
        }
        let none = Sharing { backoff_ms_max: 1_000, ..Sharing::default() };
        assert_eq!((none.backoff_after(1), none.backoff_after(u16::MAX)), (0, 0));
    }
}
