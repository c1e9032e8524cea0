//! Counters of the service. Plain atomics: cheap to count, read when somebody asks.

use std::sync::atomic::{AtomicU64, Ordering};

/// See the fields.
#[derive(Debug)]
pub struct Metrics {
    /// Connections accepted since the start.
    pub connections: AtomicU64,
    /// Connections refused.
    pub refused: AtomicU64,
    /// Replies that were errors.
    pub errors: AtomicU64,
    /// Keys found by reads.
    pub hits: AtomicU64,
    /// Keys not found by reads.
    pub misses: AtomicU64,
    /// Keys removed because their time had come.
    pub expired: AtomicU64,
    /// Keys removed because there was too little memory.
    pub evicted: AtomicU64,
    /// The most memory that the keys took when somebody looked, in bytes.
    pub memory_peak: AtomicU64,
    /// Bytes received.
    pub bytes_in: AtomicU64,
    /// Bytes sent.
    pub bytes_out: AtomicU64,
    calls: Box<[AtomicU64]>,
}

impl Metrics {
    /// Zeros, for a registry of so many commands.
    pub fn new(commands: usize) -> Self {
        Self {
            connections: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            memory_peak: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            calls: (0..commands).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Counts a call of a command.
    pub fn count_call(&self, index: usize) {
        self.calls[index].fetch_add(1, Ordering::Relaxed);
    }

    /// Calls of a command.
    pub fn calls(&self, index: usize) -> u64 {
        self.calls[index].load(Ordering::Relaxed)
    }

    /// Calls of all commands.
    pub fn calls_total(&self) -> u64 {
        self.calls.iter().map(|calls| calls.load(Ordering::Relaxed)).sum()
    }

    /// Back to zero: CONFIG RESETSTAT.
    pub fn reset(&self) {
        let counters = [&self.connections, &self.refused, &self.errors, &self.hits, &self.misses];
        let more = [&self.expired, &self.evicted, &self.bytes_in, &self.bytes_out];
        counters
            .into_iter()
            .chain(more)
            .chain(&self.calls)
            .for_each(|counter| counter.store(0, Ordering::Relaxed));
    }
}
