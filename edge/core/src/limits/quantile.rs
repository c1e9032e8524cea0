//! How long nearly all of the latest answers took: a count of latencies in buckets that widen with the value, of the last ten to twenty seconds.
//!
//! A bucket is an eighth of a power of two wide, so what is told is at most an eighth too high. Memory is fixed.

use parking_lot::Mutex;
use std::time::Duration;

/// Buckets for each power of two, as a power of two.
const FINE_BITS: u32 = 3;
/// From one microsecond to two hours; what takes longer is in the last one.
const BUCKETS: usize = 32 << FINE_BITS;
/// How long one of the two counts is filled.
const HALF: Duration = Duration::from_secs(10);
/// With fewer latencies nothing is told.
const LEAST: u64 = 100;

/// Latencies of late.
#[derive(Debug)]
pub struct Quantile(Mutex<Counts>);

#[derive(Debug)]
struct Counts {
    now: [u32; BUCKETS],
    before: [u32; BUCKETS],
    since: Duration,
}

impl Default for Quantile {
    fn default() -> Self {
        let empty = [0; BUCKETS];
        Self(Mutex::new(Counts { now: empty, before: empty, since: Duration::ZERO }))
    }
}

fn bucket(latency: Duration) -> usize {
    let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    let shift = (u64::BITS - micros.leading_zeros()).saturating_sub(FINE_BITS + 1);
    (((shift as usize) << FINE_BITS) + (micros >> shift) as usize).min(BUCKETS - 1)
}

/// The largest latency of a bucket.
fn upper(bucket: usize) -> Duration {
    let fine = 1 << FINE_BITS;
    if bucket < 2 * fine {
        return Duration::from_micros(bucket as u64);
    }
    let shift = bucket / fine - 1;
    Duration::from_micros((((bucket - shift * fine) as u64 + 1) << shift) - 1)
}

impl Counts {
    fn advance(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.since);
        if passed < HALF {
            return;
        }
        self.before = if passed < HALF * 2 { self.now } else { [0; BUCKETS] };
        self.now = [0; BUCKETS];
        self.since = now;
    }
}

impl Quantile {
    /// Counts a latency.
    pub fn record(&self, latency: Duration, now: Duration) {
        let mut counts = self.0.lock();
        counts.advance(now);
        let count = &mut counts.now[bucket(latency)];
        *count = count.saturating_add(1);
    }

    /// The latency that this share (0 to 1) of them did not exceed; nothing while there were fewer than a hundred.
    pub fn at(&self, share: f64, now: Duration) -> Option<Duration> {
        let mut counts = self.0.lock();
        counts.advance(now);
        let both = || {
            counts.now.iter().zip(&counts.before).map(|(now, before)| u64::from(*now) + u64::from(*before))
        };
        let total: u64 = both().sum();
        if total < LEAST {
            return None;
        }
        let wanted = (total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = both().position(|count| {
            seen += count;
            seen >= wanted
        });
        found.map(upper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_latency_is_in_a_bucket_that_is_hardly_wider() {
        let powers = (0..33).map(|bit| 1_u64 << bit);
        for micros in powers.flat_map(|power| [power - 1, power, power + 1, power | (power >> 2)]) {
            let upper = upper(bucket(Duration::from_micros(micros))).as_micros() as u64;
            assert!(upper >= micros && (upper - micros) as f64 <= micros as f64 / 8.0, "{micros} {upper}");
        }
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    fn the_latest_count_and_few_tell_nothing() {
        let quantile = Quantile::default();
        for millis in 1..=99 {
            quantile.record(Duration::from_millis(millis), SECOND);
        }
        assert_eq!(quantile.at(0.95, SECOND), None);
        quantile.record(Duration::from_millis(100), SECOND);
        let told = quantile.at(0.95, SECOND).expect("a hundred are enough");
        assert!((95..=107).contains(&told.as_millis()), "{told:?}");
        // The half before still counts, the one before that does not.
        for _ in 0..100 {
            quantile.record(SECOND, SECOND * 12);
        }
        let told = quantile.at(0.4, SECOND * 12).expect("two hundred");
        assert!((80..=90).contains(&told.as_millis()), "{told:?}");
        assert!(quantile.at(0.4, SECOND * 23).is_some_and(|told| told >= SECOND));
        assert_eq!(quantile.at(0.4, SECOND * 60), None);
    }
}
