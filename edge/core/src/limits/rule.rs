//! Rates: a rule, the state of one key under it, and the decision on one request.
//!
//! `decide` is a pure function of state, cost and time, in whole numbers. Whoever keeps the state decides alike, if he
//! lets nobody between reading it and writing what comes out: that is the promise of a [`Store`](crate::limits::Store).

mod bucket;
mod window;

pub use bucket::Bucket;
pub use window::{SLICES, Window};

use crate::hash;
use std::time::Duration;

/// How often something may happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A steady rate with bursts.
    Bucket(Bucket),
    /// At most so many in any window.
    Window(Window),
}

/// What is kept of one key. *Persisted* where a store is shared: see [`State::to_bytes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Of a [`Bucket`].
    Bucket(bucket::Debt),
    /// Of a [`Window`].
    Window(window::Slices),
}

/// What is decided on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may go on.
    pub admitted: bool,
    /// What may come at once after it.
    pub remaining: u32,
    /// After which time all of the quota is there again, if nothing more comes.
    pub full_after: Duration,
    /// If refused: after which time the same request can be admitted; `None` if it never can, because it costs more than the
    /// whole quota.
    pub retry_after: Option<Duration>,
}

/// A rule that cannot be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// A limit, burst or period of zero.
    #[error("a limit of {limit} in {period:?} lets nothing in; limit, burst and period must be above zero")]
    Zero {
        /// As asked for.
        limit: u32,
        /// As asked for.
        period: Duration,
    },
    /// Numbers whose product leaves the range in which they are exact everywhere.
    #[error(
        "a burst of {burst} in periods of {period:?} is beyond 2^53 request-microseconds; use a shorter period"
    )]
    TooLarge {
        /// As asked for.
        burst: u32,
        /// As asked for.
        period: Duration,
    },
}

impl Rule {
    /// A steady rate of `limit` a `period`, with bursts of `burst`.
    pub fn bucket(limit: u32, period: Duration, burst: u32) -> Result<Self, Error> {
        Bucket::new(limit, period, burst).map(Self::Bucket)
    }

    /// At most `limit` in any stretch of `window`.
    pub fn window(limit: u32, window: Duration) -> Result<Self, Error> {
        Window::new(limit, window).map(Self::Window)
    }

    /// Decides on a request of this cost at `now`, a time since an epoch that all who use the state share. The state is
    /// `None` for a key that was not seen or is forgotten; what comes back replaces it, and is `None` if it stays as it was.
    /// Time that steps back counts as time that stands.
    pub fn decide(&self, state: Option<&State>, cost: u32, now: Duration) -> (Decision, Option<State>) {
        let now = micros(now);
        match (self, state) {
            (Self::Bucket(bucket), Some(State::Bucket(debt))) => bucket.decide(*debt, cost, now),
            (Self::Bucket(bucket), _) => bucket.decide(bucket::Debt::none(now), cost, now),
            (Self::Window(window), Some(State::Window(slices))) => window.decide(slices, cost, now),
            (Self::Window(window), _) => window.decide(&window::Slices::default(), cost, now),
        }
    }

    /// The quota, as headers tell it.
    pub fn quota(&self) -> u32 {
        match self {
            Self::Bucket(bucket) => bucket.limit(),
            Self::Window(window) => window.limit(),
        }
    }

    /// The time that the quota is for.
    pub fn period(&self) -> Duration {
        match self {
            Self::Bucket(bucket) => bucket.period(),
            Self::Window(window) => window.window(),
        }
    }

    /// Tells rules apart: a state that was kept under another rule is not this one's.
    pub fn fingerprint(&self) -> u64 {
        let numbers = match self {
            Self::Bucket(bucket) => {
                [1, u64::from(bucket.limit()), micros(bucket.period()), bucket.burst().into()]
            }
            Self::Window(window) => [2, u64::from(window.limit()), micros(window.window()), SLICES],
        };
        numbers.iter().fold(0, |hash, number| hash::mix(hash ^ number))
    }
}

/// The version of the layout below. *Persisted.*
const VERSION: u8 = 1;

impl State {
    /// The layout, *persisted*: version (1), the rule's fingerprint (8), then a debt as time (8) and units (8), or slices
    /// as pairs of number (8) and count (4). Big-endian.
    pub fn to_bytes(&self, rule: &Rule) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(rule.fingerprint().to_be_bytes());
        match self {
            Self::Bucket(debt) => debt.write(&mut bytes),
            Self::Window(slices) => slices.write(&mut bytes),
        }
        bytes
    }

    /// Reads what [`State::to_bytes`] wrote for the same rule. Anything else is as good as no state.
    pub fn from_bytes(bytes: &[u8], rule: &Rule) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (fingerprint, rest) = rest.split_first_chunk::<8>()?;
        if *version != VERSION || u64::from_be_bytes(*fingerprint) != rule.fingerprint() {
            return None;
        }
        match rule {
            Rule::Bucket(_) => bucket::Debt::read(rest).map(Self::Bucket),
            Rule::Window(_) => window::Slices::read(rest).map(Self::Window),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
