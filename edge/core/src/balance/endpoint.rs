//! What is known of one endpoint while it serves: requests in flight, latency, errors, load reports, since when it is
//! warm. All of it is in atomics or under a lock of its own, and survives every change of the set.

use crate::{hash, nanos};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// What a configuration or a discovery says of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its identity: an endpoint that keeps its name keeps its state.
    pub name: Arc<str>,
    /// Its share of the requests, against its neighbours': 1 to [`Spec::WEIGHT_MAX`].
    pub weight: u32,
    /// 0 is used first; higher numbers take over as lower ones fail.
    pub priority: u8,
    /// Where it stands.
    pub zone: Arc<str>,
}

impl Spec {
    /// The largest weight.
    pub const WEIGHT_MAX: u32 = 65_535;

    /// An endpoint of weight 1 and priority 0 in the zone without a name.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), weight: 1, priority: 0, zone: "".into() }
    }

    /// The same with this weight.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// The same with this priority.
    #[must_use]
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// The same in this zone.
    #[must_use]
    pub fn zone(mut self, zone: &str) -> Self {
        self.zone = zone.into();
        self
    }
}

/// Names an endpoint in a cookie: a hash of its name, the same on every node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

impl Token {
    /// The token of the endpoint with this name.
    pub fn of(name: &str) -> Self {
        Self(hash::of(0, name.as_bytes()))
    }
}

/// How a request ended, for the balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was answered, well or with an error that is the client's.
    Success,
    /// The endpoint failed: no connection, a timeout, an answer that says so.
    Failure,
}

/// What an endpoint says of its own load (as ORCA's reports do).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// How much of its capacity is used: 1.0 is all.
    pub utilisation: f64,
    /// Requests a second.
    pub requests_per_second: f64,
    /// Of them, errors a second.
    pub errors_per_second: f64,
}

/// The last report and since when there are any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reported {
    pub(crate) report: Report,
    pub(crate) first_at: Duration,
    pub(crate) last_at: Duration,
}

/// A live endpoint.
#[derive(Debug)]
pub struct Endpoint {
    name: Arc<str>,
    token: Token,
    in_flight: AtomicU32,
    warm_from: AtomicU64,
    latency: PeakAverage,
    errors: Average,
    reported: Mutex<Option<Reported>>,
}

impl Endpoint {
    /// An endpoint of which nothing is known. It is warm.
    pub fn new(name: &Arc<str>) -> Self {
        Self {
            name: name.clone(),
            token: Token::of(name),
            in_flight: AtomicU32::new(0),
            warm_from: AtomicU64::new(0),
            latency: PeakAverage::default(),
            errors: Average::default(),
            reported: Mutex::new(None),
        }
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its token.
    pub fn token(&self) -> Token {
        self.token
    }

    /// Requests that it has and has not answered.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Its latency: peaks at once, decays over `decay`. Zero while nothing is known.
    pub fn latency(&self, now: Duration, decay: Duration) -> Duration {
        Duration::from_nanos(self.latency.at(nanos(now), nanos(decay)) as u64)
    }

    pub(crate) fn latency_nanos(&self, now: u64, decay: u64) -> f64 {
        self.latency.at(now, decay)
    }

    /// The share of failures, 0 to 1. It fades over `decay`, so that who failed is tried again.
    pub fn error_rate(&self, now: Duration, decay: Duration) -> f64 {
        self.errors.at(nanos(now), nanos(decay))
    }

    pub(crate) fn error_rate_nanos(&self, now: u64, decay: u64) -> f64 {
        self.errors.at(now, decay)
    }

    /// Slow start begins at `now`.
    pub(crate) fn warm_up(&self, now: Duration) {
        self.warm_from.store(nanos(now).max(1), Ordering::Relaxed);
    }

    pub(crate) fn warm_from(&self) -> u64 {
        self.warm_from.load(Ordering::Relaxed)
    }

    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts an answer. A failure never makes the endpoint look faster than it last was, neither by its own short
    /// time nor by the time that passes: one that refuses at once must not attract what it refuses.
    pub(crate) fn observe(&self, took: Duration, ending: Ending, now: Duration, decay: Duration) {
        let (now, decay) = (nanos(now), nanos(decay));
        let took = nanos(took) as f64;
        match ending {
            Ending::Success => {
                self.errors.observe(0.0, now, decay);
                self.latency.observe(took, now, decay);
            }
            Ending::Failure => {
                self.errors.observe(1.0, now, decay);
                self.latency.hold(took, now);
            }
        }
    }

    pub(crate) fn report(&self, report: Report, now: Duration) {
        let mut reported = self.reported.lock();
        let first_at = reported.map_or(now, |known| known.first_at);
        *reported = Some(Reported { report, first_at, last_at: now });
    }

    pub(crate) fn reported(&self) -> Option<Reported> {
        *self.reported.lock()
    }

    /// Reports from before a pause say nothing about now.
    pub(crate) fn forget_reports(&self) {
        *self.reported.lock() = None;
    }
}

/// How much of an old value is left after `elapsed`.
fn remaining(elapsed: u64, decay: u64) -> f64 {
    if elapsed == 0 { 1.0 } else { (-(elapsed as f64) / decay.max(1) as f64).exp() }
}

/// Each sample counts at least so much, however soon it follows the one before.
const SAMPLE_MIN: f64 = 0.05;

/// An average that fades towards zero with time. Two observations at once may use each other's elapsed time; the value
/// stays between those observed.
#[derive(Debug, Default)]
struct Average {
    value: AtomicU64,
    at: AtomicU64,
}

impl Average {
    fn at(&self, now: u64, decay: u64) -> f64 {
        let value = f64::from_bits(self.value.load(Ordering::Relaxed));
        if value == 0.0 {
            0.0
        } else {
            value * remaining(now.saturating_sub(self.at.load(Ordering::Relaxed)), decay)
        }
    }

    fn observe(&self, sample: f64, now: u64, decay: u64) {
        let elapsed = now.saturating_sub(self.at.swap(now, Ordering::Relaxed));
        let kept = remaining(elapsed, decay);
        let weight = SAMPLE_MIN.max(1.0 - kept);
        let update = |bits| {
            let value = f64::from_bits(bits);
            // What is asked for most of the time, no failure and none before, writes nothing.
            (value != 0.0 || sample != 0.0)
                .then(|| (value * kept * (1.0 - weight) + sample * weight).to_bits())
        };
        let _ = self.value.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
    }
}

/// Finagle's peak EWMA: a sample above the average becomes it, one below moves it by the time that has passed; an idle
/// endpoint's value fades, so that it is tried again.
#[derive(Debug, Default)]
struct PeakAverage {
    value: AtomicU64,
    at: AtomicU64,
}

impl PeakAverage {
    fn at(&self, now: u64, decay: u64) -> f64 {
        let value = f64::from_bits(self.value.load(Ordering::Relaxed));
        value * remaining(now.saturating_sub(self.at.load(Ordering::Relaxed)), decay)
    }

    fn observe(&self, sample: f64, now: u64, decay: u64) {
        let elapsed = now.saturating_sub(self.at.swap(now, Ordering::Relaxed));
        let kept = remaining(elapsed, decay);
        let update = |bits| {
            let value = f64::from_bits(bits);
            Some(if sample > value { sample } else { value * kept + sample * (1.0 - kept) }.to_bits())
        };
        let _ = self.value.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
    }

    /// Keeps a known value as it was, or raises it to `least`; one that is not known stays so.
    fn hold(&self, least: f64, now: u64) {
        let raise = |bits| {
            let value = f64::from_bits(bits);
            (value > 0.0 && least > value).then(|| least.to_bits())
        };
        let _ = self.value.fetch_update(Ordering::Relaxed, Ordering::Relaxed, raise);
        self.at.store(now, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECAY: Duration = Duration::from_secs(10);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn latency_peaks_at_once_and_fades() {
        let endpoint = Endpoint::new(&"a".into());
        endpoint.observe(ms(10), Ending::Success, ms(1_000), DECAY);
        endpoint.observe(ms(200), Ending::Success, ms(1_100), DECAY);
        assert_eq!(endpoint.latency(ms(1_100), DECAY), ms(200));
        endpoint.observe(ms(10), Ending::Success, ms(6_100), DECAY);
        let half_way = endpoint.latency(ms(6_100), DECAY).as_millis();
        assert!((120..130).contains(&half_way), "{half_way}");
        assert!(endpoint.latency(ms(36_100), DECAY) < ms(10));
    }

    #[test]
    fn a_fast_failure_does_not_look_fast() {
        let endpoint = Endpoint::new(&"a".into());
        endpoint.observe(ms(50), Ending::Success, ms(1_000), DECAY);
        for at in 1_000..2_000 {
            endpoint.observe(ms(1), Ending::Failure, ms(at), DECAY);
        }
        assert_eq!(endpoint.latency(ms(2_000), DECAY).as_millis(), 49);
        assert!(endpoint.error_rate(ms(2_000), DECAY) > 0.99);
        let faded = endpoint.error_rate(ms(12_000), DECAY);
        assert!((0.36..0.38).contains(&faded), "{faded}");
    }
}
