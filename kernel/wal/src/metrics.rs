//! Counters of a journal. Plain atomics; whoever exports them takes a [`Snapshot`].

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// Upper bounds of the fsync latency buckets in microseconds; a last bucket takes the rest.
pub const SYNC_BUCKETS_MICROS: [u64; 12] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_000_000];

/// The most write sizes that are recorded.
const WRITE_SIZES_MAX: usize = 1 << 20;

/// Counters that rise from the open of the journal on.
#[derive(Debug, Default)]
pub struct Metrics {
    pub(crate) appends: AtomicU64,
    pub(crate) append_bytes: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) write_bytes: AtomicU64,
    pub(crate) segments_started: AtomicU64,
    pub(crate) segments_recycled: AtomicU64,
    syncs: AtomicU64,
    sync_micros: AtomicU64,
    sync_last_micros: AtomicU64,
    sync_buckets: [AtomicU64; SYNC_BUCKETS_MICROS.len() + 1],
    group_bytes_last: AtomicU64,
    recording: AtomicBool,
    write_sizes: Mutex<Vec<u32>>,
}

/// The counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Batches appended.
    pub appends: u64,
    /// Bytes of their frames.
    pub append_bytes: u64,
    /// Calls of pwrite.
    pub writes: u64,
    /// Bytes that they wrote.
    pub write_bytes: u64,
    /// Segments taken into use.
    pub segments_started: u64,
    /// Segments that became spares again.
    pub segments_recycled: u64,
    /// Group commits (each fsyncs one or more segments).
    pub syncs: u64,
    /// Their time in microseconds, in all.
    pub sync_micros: u64,
    /// The time of the last one.
    pub sync_last_micros: u64,
    /// How many took at most [`SYNC_BUCKETS_MICROS`]; the last counts those that took longer. Not cumulative.
    pub sync_buckets: [u64; SYNC_BUCKETS_MICROS.len() + 1],
    /// Bytes that the last group commit made durable.
    pub group_bytes_last: u64,
}

impl Metrics {
    pub(crate) fn new(recording: bool) -> Self {
        Self { recording: AtomicBool::new(recording), ..Self::default() }
    }

    pub(crate) fn wrote(&self, bytes: u64) {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.write_bytes.fetch_add(bytes, Ordering::Relaxed);
        if self.recording.load(Ordering::Relaxed) {
            let mut sizes = self.write_sizes.lock();
            if sizes.len() < WRITE_SIZES_MAX {
                sizes.push(bytes as u32);
            }
        }
    }

    pub(crate) fn synced(&self, took: Duration, group_bytes: u64) {
        let micros = took.as_micros() as u64;
        let bucket = SYNC_BUCKETS_MICROS.partition_point(|bound| *bound < micros);
        self.sync_buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.sync_micros.fetch_add(micros, Ordering::Relaxed);
        self.sync_last_micros.store(micros, Ordering::Relaxed);
        self.group_bytes_last.store(group_bytes, Ordering::Relaxed);
    }

    /// The sizes of the writes so far, at most a million, and starts over. Empty unless
    /// [`crate::Config::record_writes`] is set.
    pub fn take_write_sizes(&self) -> Vec<u32> {
        std::mem::take(&mut *self.write_sizes.lock())
    }

    /// The counters now.
    pub fn snapshot(&self) -> Snapshot {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            appends: get(&self.appends),
            append_bytes: get(&self.append_bytes),
            writes: get(&self.writes),
            write_bytes: get(&self.write_bytes),
            segments_started: get(&self.segments_started),
            segments_recycled: get(&self.segments_recycled),
            syncs: get(&self.syncs),
            sync_micros: get(&self.sync_micros),
            sync_last_micros: get(&self.sync_last_micros),
            sync_buckets: std::array::from_fn(|at| get(&self.sync_buckets[at])),
            group_bytes_last: get(&self.group_bytes_last),
        }
    }
}
