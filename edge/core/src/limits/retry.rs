//! A retry budget: retries may add so much to the load and no more, so that an overload does not multiply itself.
//!
//! Over the last window there may be `ratio` retries for each first request, and `least_per_second` besides, so that a
//! client with few requests can retry as well.

use crate::limits::rolling::Rolling;
use std::time::Duration;

/// What is allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Over which time it is counted.
    pub window: Duration,
    /// Retries for each first request.
    pub ratio: f64,
    /// Retries a second that are allowed in any case.
    pub least_per_second: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { window: Duration::from_secs(10), ratio: 0.2, least_per_second: 1.0 }
    }
}

/// Counts first requests and retries. One owner, or a short lock.
#[derive(Clone, Debug)]
pub struct Budget {
    settings: Settings,
    counts: Rolling,
}

const FIRST: usize = 0;
const RETRY: usize = 1;

impl Budget {
    /// An unused budget.
    pub fn new(settings: Settings) -> Self {
        let counts = Rolling::new(settings.window);
        Self { settings, counts }
    }

    /// A first request was sent.
    pub fn request(&mut self, now: Duration) {
        self.counts.add(FIRST, now);
    }

    /// Whether a retry may be sent; it counts if so.
    pub fn retry(&mut self, now: Duration) -> bool {
        let [first, retries] = self.counts.sums(now);
        let allowed = first as f64 * self.settings.ratio
            + self.settings.least_per_second * self.settings.window.as_secs_f64();
        let may = (retries + 1) as f64 <= allowed;
        if may {
            self.counts.add(RETRY, now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_part_of_requests() {
        // Requests a second of which all fail and are retried three times; retries for each request, in percent.
        for (rate, ratio, least, expected) in [
            (1_000, 0.2, 1.0, 20),
            (100, 0.1, 0.0, 10),
            (1, 0.2, 1.0, 120),
            (10, 0.0, 0.0, 0),
            (10, 5.0, 0.0, 300),
        ] {
            let settings = Settings { ratio, least_per_second: least, ..Settings::default() };
            let mut budget = Budget::new(settings);
            let mut retries = 0;
            for n in 0..rate * 60 {
                let now = Duration::from_secs_f64(n as f64 / rate as f64);
                budget.request(now);
                retries += (0..3).filter(|_| budget.retry(now)).count();
            }
            let percent = retries as f64 * 100.0 / (rate * 60) as f64;
            assert!(
                (percent - f64::from(expected)).abs() <= 2.0 + f64::from(expected) * 0.15,
                "{rate}: {percent}"
            );
        }
    }

    #[test]
    fn an_outage_costs_no_more_than_the_budget() {
        let mut budget = Budget::new(Settings::default());
        (0..1_000).for_each(|n| budget.request(Duration::from_millis(n)));
        let at_once = (0..5_000).filter(|_| budget.retry(Duration::from_secs(1))).count();
        assert_eq!(at_once, 210);
        let later = (0..5_000).filter(|_| budget.retry(Duration::from_secs(30))).count();
        assert_eq!(later, 10, "only what is allowed in any case");
    }
}
