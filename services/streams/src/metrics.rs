//! Counters of the service.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters, each since the start.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Requests that were answered, or refused.
    pub requests: AtomicU64,
    /// Requests of which any part was refused.
    pub errors: AtomicU64,
    /// Records that were taken in.
    pub records_in: AtomicU64,
    /// Bytes of batches that were taken in.
    pub bytes_in: AtomicU64,
    /// Bytes of batches that were sent to readers.
    pub bytes_out: AtomicU64,
    /// Reads that had to go to segment files.
    pub cold_reads: AtomicU64,
}

/// Adds to a counter.
pub fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}
