//! Latencies in buckets whose width grows with the value: 64 buckets for each power of two, so that a percentile is
//! at most 1.6 % too high, and the memory is fixed whatever is recorded.

use std::time::Duration;

/// Buckets for each power of two, as a power of two.
const FINE_BITS: u32 = 6;
/// Buckets in all: values of 0 to 63 have one each, then 64 for each further bit of a `u64`.
const BUCKETS: usize = ((64 - FINE_BITS + 1) as usize) << FINE_BITS;

/// A count of latencies, in nanoseconds.
#[derive(Debug, Clone)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0 }
    }
}

/// The bucket of a value.
fn bucket(value: u64) -> usize {
    let shift = (64 - value.leading_zeros()).saturating_sub(FINE_BITS + 1);
    ((shift as usize) << FINE_BITS) + (value >> shift) as usize
}

/// The largest value of a bucket.
fn upper(bucket: usize) -> u64 {
    let fine = 1 << FINE_BITS;
    if bucket < 2 * fine {
        return bucket as u64;
    }
    let shift = bucket / fine - 1;
    let lower = (bucket - shift * fine) as u128;
    u64::try_from(((lower + 1) << shift) - 1).unwrap_or(u64::MAX)
}

impl Histogram {
    /// Counts one latency.
    pub fn record(&mut self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanoseconds)] += 1;
        self.count += 1;
    }

    /// Adds what another one counted.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
    }

    /// How many latencies were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The latency that `share` (0 to 1) of those counted do not exceed, in milliseconds; 0 when none was counted.
    pub fn percentile_ms(&self, share: f64) -> f64 {
        let wanted = (self.count as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.buckets.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        found.map_or(0.0, |bucket| upper(bucket) as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_in_a_bucket_that_is_hardly_wider_than_it() {
        let powers = (0..64).map(|bit| 1_u64 << bit);
        for value in
            powers.flat_map(|power| [power - 1, power, power + 1, power | (power >> 3)]).chain([u64::MAX])
        {
            let upper = upper(bucket(value));
            assert!(upper >= value && (upper - value) as f64 <= value as f64 / 64.0, "{value} {upper}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles() {
        let mut histogram = Histogram::default();
        assert!(histogram.percentile_ms(0.99).abs() < f64::EPSILON);
        let mut other = Histogram::default();
        for millisecond in 1..=1000 {
            let half = if millisecond % 2 == 0 { &mut histogram } else { &mut other };
            half.record(Duration::from_millis(millisecond));
        }
        histogram.add(&other);
        assert_eq!(histogram.count(), 1000);
        for (share, expected) in [(0.0, 1.0), (0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = histogram.percentile_ms(share);
            assert!((expected..expected * 1.016).contains(&found), "{share}: {found}");
        }
    }
}
