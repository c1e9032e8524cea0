//! Slow start: an endpoint that is new, or well again, gets its share bit by bit, so that it can fill its caches and
//! pools before it has the full load.

use crate::nanos;
use std::time::Duration;

/// How an endpoint warms up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlowStart {
    /// How long it takes; zero for no slow start.
    pub window: Duration,
    /// The shape: 1 is a straight line, more gives more early.
    pub aggression: f64,
    /// The share of its weight with which it begins.
    pub least: f64,
}

impl SlowStart {
    /// No slow start.
    pub const OFF: Self = Self { window: Duration::ZERO, aggression: 1.0, least: 0.1 };

    /// The part of its weight, up to 1, that an endpoint has which began to warm up at `from` (nanoseconds; 0 for one
    /// that is warm).
    pub(crate) fn factor(&self, from: u64, now: Duration) -> f64 {
        if from == 0 {
            return 1.0;
        }
        let (window, elapsed) = (nanos(self.window), nanos(now).saturating_sub(from));
        if elapsed >= window {
            return 1.0;
        }
        let line = elapsed as f64 / window as f64;
        line.powf(1.0 / self.aggression).max(self.least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_rise_from_the_least_to_all() {
        let line = SlowStart { window: Duration::from_secs(10), aggression: 1.0, least: 0.1 };
        let steep = SlowStart { aggression: 2.0, ..line };
        let from = nanos(Duration::from_secs(100));
        for (slow_start, at, expected) in [
            (line, 100, 0.1),
            (line, 105, 0.5),
            (line, 110, 1.0),
            (line, 200, 1.0),
            (steep, 101, 0.316),
            (steep, 104, 0.632),
            (SlowStart::OFF, 100, 1.0),
        ] {
            assert!(slow_start.factor(0, Duration::from_secs(1)) >= 1.0);
            let factor = slow_start.factor(from, Duration::from_secs(at));
            assert!((factor - expected).abs() < 0.001, "{slow_start:?} at {at}: {factor}");
        }
    }
}
