//! What an algorithm is, and the table of all of them.

use crate::Random;
use crate::balance::endpoint::Endpoint;
use crate::balance::slow_start::SlowStart;
use crate::balance::{Settings, bounded, loads, maglev, peak_ewma, ring, round_robin, weighted};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// An endpoint in a group, with the weight that it has there.
#[derive(Clone, Debug)]
pub struct Member {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// As configured: places of keys follow it.
    pub configured: u32,
    /// As adapted to reports or latency; the configured one without them.
    pub weight: f64,
    /// How it warms up.
    pub slow_start: SlowStart,
}

impl Member {
    /// Its weight now: less while it warms up.
    pub fn weight_at(&self, now: Duration) -> f64 {
        self.weight * self.slow_start.factor(self.endpoint.warm_from(), now)
    }

    /// Requests in flight by weight, this one included. An idle endpoint is 0 whatever its weight, so that idle ones
    /// are equal and their shares follow how they are drawn.
    pub(crate) fn load(&self, now: Duration) -> f64 {
        let in_flight = self.endpoint.in_flight();
        if in_flight == 0 { 0.0 } else { f64::from(in_flight + 1) / self.weight_at(now) }
    }
}

/// What an algorithm is asked.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// The hash of the request's key; a random number if it has none.
    pub key: u64,
    /// 0 at first; higher if what was picked before is not wanted.
    pub attempt: u32,
    /// The time.
    pub now: Duration,
}

/// Chooses among the members of one group. Built anew when the members or their weights change; what must survive that
/// is in the endpoints.
pub trait Algorithm: Send + Sync + fmt::Debug {
    /// An index into `members`, which are those that it was built for, at least one.
    fn pick(&self, members: &[Member], ask: Ask, random: &mut Random) -> usize;
}

/// The algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// In turn, smoothly by weight.
    RoundRobin,
    /// At random, by weight.
    Weighted,
    /// The fewest requests in flight by weight, of all.
    LeastRequests,
    /// The fewer requests in flight by weight, of two drawn at random.
    RandomOfTwo,
    /// The lower expected wait (latency, requests in flight, errors), of two drawn at random.
    PeakEwma,
    /// By key, on a ring.
    RingHash,
    /// By key, in Maglev's table.
    Maglev,
    /// By key on a ring, passing over who has much more than its share in flight.
    BoundedLoad,
    /// Where the client was before, also while that endpoint drains; a new client by peak EWMA.
    Sticky,
}

/// One algorithm: how it is called, whether a key decides, how it is built.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Which one.
    pub kind: Kind,
    /// As in settings.
    pub name: &'static str,
    /// Whether the request's key decides, rather than chance or load.
    pub keyed: bool,
    /// Builds it; `start` varies from build to build, so that no endpoint is first after each change.
    pub build: fn(members: &[Member], settings: &Settings, start: u64) -> Arc<dyn Algorithm>,
}

/// All algorithms.
pub const ALGORITHMS: &[Row] = &[
    Row { kind: Kind::RoundRobin, name: "round-robin", keyed: false, build: round_robin::build },
    Row { kind: Kind::Weighted, name: "weighted", keyed: false, build: weighted::build },
    Row { kind: Kind::LeastRequests, name: "least-requests", keyed: false, build: loads::least },
    Row { kind: Kind::RandomOfTwo, name: "random-of-two", keyed: false, build: loads::of_two },
    Row { kind: Kind::PeakEwma, name: "peak-ewma", keyed: false, build: peak_ewma::build },
    Row { kind: Kind::RingHash, name: "ring-hash", keyed: true, build: ring::build },
    Row { kind: Kind::Maglev, name: "maglev", keyed: true, build: maglev::build },
    Row { kind: Kind::BoundedLoad, name: "bounded-load", keyed: true, build: bounded::build },
    Row { kind: Kind::Sticky, name: "sticky", keyed: false, build: peak_ewma::build },
];

impl Kind {
    /// Its row.
    pub fn row(self) -> &'static Row {
        &ALGORITHMS[self as usize]
    }

    /// The algorithm that settings call so.
    pub fn named(name: &str) -> Option<Self> {
        ALGORITHMS.iter().find(|row| row.name == name).map(|row| row.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_row() {
        for (index, row) in ALGORITHMS.iter().enumerate() {
            assert_eq!(row.kind as usize, index);
            assert_eq!(row.kind.row().name, row.name);
            assert_eq!(Kind::named(row.name), Some(row.kind));
        }
        assert_eq!(Kind::named("fastest"), None);
    }
}
