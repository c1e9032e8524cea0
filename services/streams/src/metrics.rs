//! Counters of the service.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::readable::Source;

/// Counters, each since the start.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Requests that were answered, or refused.
    pub requests: AtomicU64,
    /// Requests of which any part was refused.
    pub errors: AtomicU64,
    /// Records that were taken in.
    pub records_in: AtomicU64,
    /// Batches that were refused because they expected another offset.
    pub expectations_failed: AtomicU64,
    /// Bytes of batches that were taken in.
    pub bytes_in: AtomicU64,
    /// Bytes of batches that were sent to readers.
    pub bytes_out: AtomicU64,
    /// SASL exchanges that failed.
    pub authentications_failed: AtomicU64,
    /// Milliseconds for which clients were held back by quotas.
    pub throttled_ms: AtomicU64,
    /// Reads that had to go to segment files.
    pub cold_reads: AtomicU64,
    /// Reads of feeds.
    pub feed_reads: AtomicU64,
    /// Compactions of a partition that ended.
    pub compactions: AtomicU64,
    /// Bytes that they read.
    pub compaction_bytes_read: AtomicU64,
    /// Bytes that they wrote.
    pub compaction_bytes_written: AtomicU64,
    /// Records that were written to dead-letter topics.
    pub dead_letters: AtomicU64,
    /// Partitions of share groups whose dead letters could not be written at the last attempt.
    pub dead_letters_stuck: AtomicU64,
    /// When the last compaction ended, in milliseconds since the Unix epoch; 0 before the first.
    pub last_compaction_ms: AtomicU64,
    /// Records that sinks have written, each key's newest or passed over for it.
    pub sink_records: AtomicU64,
    /// Keys that they wrote.
    pub sink_keys: AtomicU64,
    /// Batches that they committed.
    pub sink_batches: AtomicU64,
    /// Attempts of theirs that failed and are made again.
    pub sink_failures: AtomicU64,
}

impl Metrics {
    /// The counter of reads that block on `source`.
    pub const fn reads_of(&self, source: &Source) -> &AtomicU64 {
        match source {
            Source::Partition(_) => &self.cold_reads,
            Source::Feed(_) => &self.feed_reads,
        }
    }
}

/// Adds to a counter.
pub fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}
