//! Weights that follow what endpoints can do: from load reports, or from latency. Between two refreshes they stand
//! still, so a pick pays nothing for them.

use crate::balance::endpoint::{Endpoint, Reported};
use std::time::Duration;

/// Where weights come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Weighting {
    /// As configured.
    Configured,
    /// From load reports: requests a second by utilisation, which is what the endpoint could do if it were fully used.
    /// Configured weights are not looked at. The formula is that of gRPC's client-side weighted round robin.
    Reports(Reports),
    /// Configured weights, divided by latency and multiplied with the success rate.
    Latency,
}

/// How reports become weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Reports {
    /// Reports count after the endpoint has reported for so long.
    pub blackout: Duration,
    /// A report older than this counts no more.
    pub expiration: Duration,
    /// How much utilisation an error rate of 1 adds.
    pub error_penalty: f64,
}

impl Default for Reports {
    fn default() -> Self {
        let (blackout, expiration) = (Duration::from_secs(10), Duration::from_mins(3));
        Self { blackout, expiration, error_penalty: 1.0 }
    }
}

/// An adapted weight is at most so many times the mean, and at least the mean divided by this.
pub const SPREAD_MAX: f64 = 10.0;
/// How far a weight goes to its target at each refresh: two balancers that both see an endpoint idle must not both
/// send it everything.
const STEP: f64 = 0.5;

impl Weighting {
    /// The capacity that an endpoint shows, in any unit; `None` if it is not known.
    pub(crate) fn capacity(&self, endpoint: &Endpoint, now: Duration, decay: Duration) -> Option<f64> {
        match self {
            Self::Configured => None,
            Self::Reports(reports) => reports.capacity(endpoint.reported()?, now),
            Self::Latency => {
                let latency = endpoint.latency(now, decay).as_secs_f64();
                (latency > 0.0).then(|| (1.0 - endpoint.error_rate(now, decay)).max(0.01) / latency)
            }
        }
    }
}

impl Reports {
    fn capacity(&self, reported: Reported, now: Duration) -> Option<f64> {
        let fresh = now.saturating_sub(reported.last_at) <= self.expiration;
        let settled = now.saturating_sub(reported.first_at) >= self.blackout;
        let report = reported.report;
        let penalty = self.error_penalty * report.errors_per_second / report.requests_per_second;
        let capacity = report.requests_per_second / (report.utilisation + penalty);
        (fresh && settled && capacity.is_finite() && capacity > 0.0).then_some(capacity)
    }
}

/// Moves factors (1 is the mean) towards the capacities. Who is not known is taken for the mean of the known.
pub(crate) fn adapt(factors: &mut [f64], capacities: &[Option<f64>]) {
    let known: Vec<f64> = capacities.iter().flatten().copied().collect();
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    for (factor, capacity) in factors.iter_mut().zip(capacities) {
        let target = capacity.map_or(1.0, |capacity| capacity / mean).clamp(1.0 / SPREAD_MAX, SPREAD_MAX);
        *factor += (target - *factor) * STEP;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::endpoint::{Ending, Report};

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn reports_become_capacities() {
        let reports = Weighting::Reports(Reports::default());
        // utilisation, requests, errors; first report, last report, now; capacity
        for (utilisation, requests, errors, first, last, now, expected) in [
            (0.5, 100.0, 0.0, 0, 20, 21, Some(200.0)),
            (0.5, 100.0, 50.0, 0, 20, 21, Some(100.0)),
            (0.5, 100.0, 0.0, 15, 20, 21, None),
            (0.5, 100.0, 0.0, 0, 20, 300, None),
            (0.0, 100.0, 0.0, 0, 20, 21, None),
            (0.5, 0.0, 0.0, 0, 20, 21, None),
            (f64::NAN, 100.0, 0.0, 0, 20, 21, None),
        ] {
            let endpoint = Endpoint::new(&"a".into());
            let report = Report { utilisation, requests_per_second: requests, errors_per_second: errors };
            endpoint.report(report, secs(first));
            endpoint.report(report, secs(last));
            assert_eq!(reports.capacity(&endpoint, secs(now), secs(10)), expected, "{report:?} at {now}");
        }
    }

    #[test]
    fn latency_becomes_capacity() {
        let endpoint = Endpoint::new(&"a".into());
        assert_eq!(Weighting::Latency.capacity(&endpoint, secs(1), secs(10)), None);
        endpoint.observe(Duration::from_millis(20), Ending::Success, secs(1), secs(10));
        let capacity = Weighting::Latency.capacity(&endpoint, secs(1), secs(10)).unwrap();
        assert!((capacity - 50.0).abs() < 0.1, "{capacity}");
        assert_eq!(Weighting::Configured.capacity(&endpoint, secs(1), secs(10)), None);
    }

    #[test]
    fn factors_approach_their_targets_within_bounds() {
        let mut factors = [1.0, 1.0, 1.0];
        for _ in 0..20 {
            adapt(&mut factors, &[Some(300.0), Some(100.0), None]);
        }
        let near = |value: f64, expected: f64| (value - expected).abs() < 0.001;
        assert!(near(factors[0], 1.5) && near(factors[1], 0.5) && near(factors[2], 1.0), "{factors:?}");
        for _ in 0..20 {
            adapt(&mut factors, &[Some(1e9), Some(1.0), Some(1.0)]);
        }
        assert!(near(factors[0], 3.0) && near(factors[1], 0.1), "{factors:?}");
        adapt(&mut factors, &[None, None, None]);
        assert!(factors.iter().all(|factor| factor.is_finite()), "{factors:?}");
    }
}
