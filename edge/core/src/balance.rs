//! Which endpoint gets a request.
//!
//! A [`Balancer`] holds a set of endpoints. [`Balancer::pick`] reads an immutable view without a lock: first a level of
//! priority and a zone ([`tiers`]), then the algorithm of the settings ([`algorithm`]) among the members there. The view
//! is built anew when the set, a condition or a weight changes, under a lock that picks never take. What an endpoint
//! has learned (requests in flight, latency, errors) is in the [`Endpoint`], shared by all views and by the leases of
//! requests under way, so that a change of the set forgets nothing of who stays.
//!
//! ```
//! # use bole_edge_core::{Random, balance::{Balancer, Ending, Request, Settings, Spec}};
//! # use std::time::Duration;
//! let balancer = Balancer::new(Settings::default());
//! let now = Duration::from_secs(1);
//! balancer.replace(&[Spec::new("10.0.0.1:80"), Spec::new("10.0.0.2:80").weight(2)], now)?;
//! let mut random = Random::new(7);
//! let lease = balancer.pick(Request::default(), now, &mut random).expect("both are well");
//! assert_eq!(lease.endpoint().in_flight(), 1);
//! lease.finish(Ending::Success, now + Duration::from_millis(12));
//! # Ok::<(), bole_edge_core::balance::Error>(())
//! ```
//!
//! Left to others: who is well ([`crate::health`]), connections, retries, the network.
//!
//! Reading order: [`endpoint`] → [`algorithm`] (the table, then a file each) → [`tiers`] → `view` → [`balancer`] →
//! [`weights`].

pub mod algorithm;
pub mod balancer;
mod bounded;
mod draw;
pub mod endpoint;
mod loads;
mod maglev;
mod peak_ewma;
mod ring;
mod round_robin;
pub mod slow_start;
#[cfg(test)]
mod suite;
pub mod tiers;
mod view;
mod weighted;
pub mod weights;

pub use algorithm::{ALGORITHMS, Kind};
pub use balancer::{Balancer, Lease, Request, Status};
pub use endpoint::{Ending, Endpoint, Report, Spec, Token};
pub use slow_start::SlowStart;
pub use tiers::{Panic, Tiers};
pub use weights::Weighting;

use std::time::Duration;

/// Most endpoints in a set.
pub const ENDPOINTS_MAX: usize = 10_000;

/// How a balancer chooses.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Among the members of a level and zone.
    pub algorithm: Kind,
    /// Among levels and zones.
    pub tiers: Tiers,
    /// Of endpoints that are new or well again. Has no effect on algorithms that go by key alone.
    pub slow_start: SlowStart,
    /// Where weights come from. Algorithms that go by key use the configured ones in any case.
    pub weighting: Weighting,
    /// Over which time averages of latency and errors fade.
    pub latency_decay: Duration,
    /// Of [`Kind::BoundedLoad`]: how many times its share of the requests in flight a member may have; at least 1.
    pub load_bound: f64,
}

impl Default for Settings {
    /// Peak EWMA, no slow start, configured weights.
    fn default() -> Self {
        Self {
            algorithm: Kind::PeakEwma,
            tiers: Tiers::default(),
            slow_start: SlowStart::OFF,
            weighting: Weighting::Configured,
            latency_decay: Duration::from_secs(10),
            load_bound: 1.25,
        }
    }
}

/// Why a set is refused. Nothing has changed then.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Two endpoints have one name.
    #[error("endpoint {0:?} is named twice; give each one its own name")]
    Duplicate(String),
    /// A weight that cannot be.
    #[error(
        "endpoint {name:?} has weight {weight}; weights are 1 to 65535, and an endpoint that shall get nothing drains"
    )]
    Weight {
        /// Of which endpoint.
        name: String,
        /// What was said.
        weight: u32,
    },
    /// More endpoints than a set holds.
    #[error("the set has {0} endpoints; at most {ENDPOINTS_MAX} are possible")]
    TooMany(usize),
}
