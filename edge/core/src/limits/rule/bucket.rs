//! The generic cell rate algorithm (ITU-T I.371), a token bucket that needs no timer.
//!
//! GCRA keeps the time at which the bucket would be full again. At a limit that does not divide the period that time is a
//! fraction of a microsecond, so it is kept as two whole numbers: a time, and the debt of that time in units of which a
//! request costs `period` (in microseconds) and a microsecond pays back `limit`. Nothing is ever rounded.

use crate::limits::rule::{Decision, Error, State, micros};
use std::time::Duration;

/// Whole numbers up to this are exact also where numbers are doubles.
const EXACT_MAX: u64 = 1 << 53;

/// A rate of `limit` a `period`, with bursts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    limit: u32,
    period: Duration,
    burst: u32,
}

/// What a key owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Debt {
    at: u64,
    units: u64,
}

impl Bucket {
    pub(super) fn new(limit: u32, period: Duration, burst: u32) -> Result<Self, Error> {
        if limit == 0 || burst == 0 || micros(period) == 0 {
            return Err(Error::Zero { limit: limit.min(burst), period });
        }
        if micros(period).checked_mul(u64::from(burst)).is_none_or(|units| units > EXACT_MAX) {
            return Err(Error::TooLarge { burst, period });
        }
        Ok(Self { limit, period, burst })
    }

    /// Requests a period.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// The period.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// What may come at once.
    pub fn burst(&self) -> u32 {
        self.burst
    }

    pub(super) fn decide(&self, debt: Debt, cost: u32, now: u64) -> (Decision, Option<State>) {
        let (limit, price) = (u64::from(self.limit), micros(self.period));
        let capacity = price * u64::from(self.burst);
        let now = now.max(debt.at);
        let owed = debt.units.saturating_sub((now - debt.at).saturating_mul(limit));
        let wanted = price.saturating_mul(u64::from(cost)).saturating_add(owed);
        let admitted = wanted <= capacity;
        let units = if admitted { wanted } else { owed };
        let pays_back = |units: u64| Duration::from_micros(units.div_ceil(limit));
        let decision = Decision {
            admitted,
            remaining: (capacity.saturating_sub(units) / price) as u32,
            full_after: pays_back(units),
            retry_after: (!admitted && cost <= self.burst).then(|| pays_back(wanted - capacity)),
        };
        (decision, admitted.then_some(State::Bucket(Debt { at: now, units })))
    }
}

impl Debt {
    pub(super) fn none(now: u64) -> Self {
        Self { at: now, units: 0 }
    }

    pub(super) fn write(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.at.to_be_bytes());
        bytes.extend(self.units.to_be_bytes());
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (at, units) = bytes.split_first_chunk::<8>()?;
        let units: &[u8; 8] = units.try_into().ok()?;
        Some(Self { at: u64::from_be_bytes(*at), units: u64::from_be_bytes(*units) })
    }
}
