//! What the registry counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Requests that were answered.
    pub requests: AtomicU64,
    /// Answers with a status of 400 to 499.
    pub refused: AtomicU64,
    /// Answers with a status of 500 or more.
    pub failed: AtomicU64,
    /// Versions that were registered.
    pub registered: AtomicU64,
    /// Comparisons of two schemas.
    pub comparisons: AtomicU64,
    /// Of them, those that found differences.
    pub incompatible: AtomicU64,
}

impl Metrics {
    /// Counts one answer.
    pub fn answered(&self, status: u16) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        match status {
            400..500 => self.refused.fetch_add(1, Ordering::Relaxed),
            500.. => self.failed.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
    }

    /// Name, help and value of each counter.
    pub fn rows(&self) -> [(&'static str, &'static str, u64); 6] {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("requests_total", "Requests answered.", get(&self.requests)),
            ("refused_total", "Answers with a status of 400 to 499.", get(&self.refused)),
            ("failed_total", "Answers with a status of 500 or more.", get(&self.failed)),
            ("registered_total", "Versions registered.", get(&self.registered)),
            ("comparisons_total", "Pairs of schemas compared.", get(&self.comparisons)),
            ("incompatible_total", "Pairs of schemas found incompatible.", get(&self.incompatible)),
        ]
    }
}
