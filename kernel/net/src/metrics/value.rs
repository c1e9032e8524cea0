//! The values themselves. Counting is one relaxed atomic addition to a cell that few other threads use; reading adds
//! the cells up.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Cells of a counter. Threads are dealt out over them, so that counting does not bounce a cache line between cores.
pub(crate) const CELLS: usize = 8;

/// The finest bucket of a histogram holds what took at most this long.
const FIRST_BOUND: Duration = Duration::from_micros(1);

/// Buckets of a histogram: upper bounds 1 µs, 2 µs, 4 µs, ..., 2^24 µs (about 17 s), and one for all above.
const BUCKETS: usize = 26;

/// Two cache lines, since processors fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

/// The cell of the current thread, below [`CELLS`].
pub(crate) fn cell() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static CELL: usize = NEXT.fetch_add(1, Ordering::Relaxed) % CELLS;
    }
    // During the destruction of a thread its locals may be gone; any cell will do.
    CELL.try_with(|cell| *cell).unwrap_or(0)
}

/// A value that only rises.
#[derive(Clone, Debug, Default)]
pub struct Counter {
    cells: Arc<[Padded<AtomicU64>; CELLS]>,
}

impl Counter {
    /// Adds `amount`.
    pub fn add(&self, amount: u64) {
        self.cells[cell()].0.fetch_add(amount, Ordering::Relaxed);
    }

    /// The sum so far.
    pub fn get(&self) -> u64 {
        self.cells.iter().map(|cell| cell.0.load(Ordering::Relaxed)).sum()
    }
}

/// A value that rises and falls.
#[derive(Clone, Debug, Default)]
pub struct Gauge {
    value: Arc<AtomicI64>,
}

impl Gauge {
    /// Replaces the value.
    pub fn set(&self, value: i64) {
        self.value.store(value, Ordering::Relaxed);
    }

    /// Adds `amount`, which may be negative.
    pub fn add(&self, amount: i64) {
        self.value.fetch_add(amount, Ordering::Relaxed);
    }

    /// The value now.
    pub fn get(&self) -> i64 {
        self.value.load(Ordering::Relaxed)
    }
}

/// A distribution of durations in buckets that double.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    cells: Arc<[Padded<HistogramCell>; CELLS]>,
}

#[derive(Debug, Default)]
struct HistogramCell {
    nanos: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

impl Histogram {
    /// Counts one duration: two atomic additions.
    pub fn record(&self, duration: Duration) {
        let cell = &self.cells[cell()].0;
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        cell.nanos.fetch_add(nanos, Ordering::Relaxed);
        cell.buckets[bucket(nanos)].fetch_add(1, Ordering::Relaxed);
    }

    /// The distribution so far.
    pub fn snapshot(&self) -> HistogramSnapshot {
        let mut snapshot = HistogramSnapshot::default();
        let mut nanos = 0_u64;
        for Padded(cell) in self.cells.iter() {
            nanos = nanos.wrapping_add(cell.nanos.load(Ordering::Relaxed));
            for (sum, bucket) in snapshot.counts.iter_mut().zip(&cell.buckets) {
                *sum += bucket.load(Ordering::Relaxed);
            }
        }
        snapshot.sum = Duration::from_nanos(nanos);
        snapshot
    }
}

/// The first bucket whose bound is at least `nanos`.
fn bucket(nanos: u64) -> usize {
    let units = nanos.div_ceil(FIRST_BOUND.as_nanos() as u64).max(1);
    (units.next_power_of_two().trailing_zeros() as usize).min(BUCKETS - 1)
}

/// A [`Histogram`] at one time.
#[derive(Clone, Debug, Default)]
pub struct HistogramSnapshot {
    /// The sum of all durations.
    pub sum: Duration,
    counts: [u64; BUCKETS],
}

impl HistogramSnapshot {
    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// An upper bound of the duration that the share `quantile` (0 to 1) of all stayed within; `None` when there are none.
    /// Exact to a factor of two. What is above the last bound is reported as that bound.
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        let wanted = (self.count() as f64 * quantile.clamp(0.0, 1.0)).ceil().max(1.0) as u64;
        let mut seen = 0;
        let index = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        Some(FIRST_BOUND * (1 << index.min(BUCKETS - 2)))
    }

    /// Upper bounds in seconds with the counts between them; the last bound is infinite.
    pub(crate) fn buckets(&self) -> Vec<(f64, u64)> {
        let bound = |index: usize| {
            if index == BUCKETS - 1 { f64::MAX } else { (1_u64 << index) as f64 / 1_000_000.0 }
        };
        self.counts.iter().enumerate().map(|(index, count)| (bound(index), *count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_fall_into_the_right_bucket() {
        for (nanos, expected) in [
            (0, 0),
            (1, 0),
            (1_000, 0),
            (1_001, 1),
            (2_000, 1),
            (2_001, 2),
            (16_777_216_000, 24),
            (16_777_216_001, 25),
            (u64::MAX, 25),
        ] {
            assert_eq!(bucket(nanos), expected, "{nanos} ns");
        }
    }

    #[test]
    fn quantiles_bound_the_durations() {
        let histogram = Histogram::default();
        assert_eq!(histogram.snapshot().quantile(0.5), None);
        for _ in 0..99 {
            histogram.record(Duration::from_micros(3));
        }
        histogram.record(Duration::from_secs(100));
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.count(), 100);
        assert_eq!(snapshot.quantile(0.0), Some(Duration::from_micros(4)));
        assert_eq!(snapshot.quantile(0.99), Some(Duration::from_micros(4)));
        assert_eq!(snapshot.quantile(1.0), Some(Duration::from_micros(1 << 24)));
        assert_eq!(snapshot.sum, Duration::from_micros(100_000_297));
    }

    #[test]
    fn counts_of_many_threads_add_up() {
        let counter = Counter::default();
        let threads: Vec<_> = (0..2 * CELLS)
            .map(|_| {
                let counter = counter.clone();
                std::thread::spawn(move || (0..1_000).for_each(|_| counter.add(1)))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(counter.get(), 2_000 * CELLS as u64);
    }
}
