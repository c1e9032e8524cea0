//! What was done so far, for metrics and the status.

use std::sync::atomic::{AtomicU64, Ordering};

use bole_shard::participant::riders::Taken;

/// Counters of the state. Each only rises.
#[derive(Debug, Default)]
pub struct Counters {
    settings: AtomicU64,
    buckets: AtomicU64,
    told: AtomicU64,
    left_out: AtomicU64,
    expired: AtomicU64,
    removed: AtomicU64,
    aborted: AtomicU64,
    locked: AtomicU64,
    looked_at: AtomicU64,
    rounds: AtomicU64,
}

/// What lifecycle did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Current versions that expired: deleted, or hidden by a delete marker.
    pub expired: u64,
    /// Versions and delete markers that were removed for good.
    pub removed: u64,
    /// Uploads that were aborted.
    pub aborted: u64,
    /// What was due, and locked.
    pub locked: u64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that were published, those of tests included.
    pub told: u64,
    /// Events that their topics did not take.
    pub left_out: u64,
    /// What lifecycle did.
    pub done: Done,
    /// Rows that lifecycle has looked at.
    pub looked_at: u64,
    /// Rounds through a bucket that lifecycle has ended.
    pub rounds: u64,
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

impl Counters {
    /// The counters now.
    pub fn read(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let done = Done {
            expired: read(&self.expired),
            removed: read(&self.removed),
            aborted: read(&self.aborted),
            locked: read(&self.locked),
        };
        Counts {
            told: read(&self.told),
            left_out: read(&self.left_out),
            done,
            looked_at: read(&self.looked_at),
            rounds: read(&self.rounds),
        }
    }

    /// How often a bucket's settings were changed.
    pub(crate) fn settings(&self) -> u64 {
        self.settings.load(Ordering::Acquire)
    }

    pub(crate) fn settings_changed(&self) {
        self.settings.fetch_add(1, Ordering::Release);
    }

    /// How often a bucket was made or deleted or its settings were changed. It rises under the shard's lock, together with what it counts.
    pub(crate) fn buckets(&self) -> u64 {
        self.buckets.load(Ordering::Acquire)
    }

    pub(crate) fn buckets_changed(&self) {
        self.buckets.fetch_add(1, Ordering::Release);
    }

    /// Counts events, and says which a topic did not take: the first, and then each thousandth, since a topic that has gone takes none.
    pub(crate) fn told(&self, taken: &Taken) {
        add(&self.told, taken.requests as u64);
        for (request, error) in &taken.left_out {
            if self.left_out.fetch_add(1, Ordering::Relaxed).is_multiple_of(1_000) {
                tracing::warn!(topic = request.dataset, %error, "events of blobs are left out");
            }
        }
    }

    pub(crate) fn did(&self, done: &Done) {
        add(&self.expired, done.expired);
        add(&self.removed, done.removed);
        add(&self.aborted, done.aborted);
        add(&self.locked, done.locked);
    }

    pub(crate) fn looked_at(&self, rows: usize) {
        add(&self.looked_at, rows as u64);
    }

    pub(crate) fn round_ended(&self) {
        add(&self.rounds, 1);
    }
}
