//! A sliding window: at most `limit` in any stretch of the window's length.
//!
//! The usual estimate from two fixed windows lets nearly twice the limit through when requests gather at a border. Here
//! time is cut into slices of a hundredth of the window, and a slice counts until its last request must be older than the
//! window. So the limit is never passed, and a request counts for at most a hundredth of the window too long: a client that
//! always asks gets at least 99 % of the limit.

use crate::limits::rule::{Decision, Error, State, micros};
use std::time::Duration;

/// Slices of a window.
pub const SLICES: u64 = 100;

/// At most `limit` in any stretch of `window`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    limit: u32,
    window: Duration,
}

/// Counts of the slices in which there was anything, the oldest first: at most `SLICES` + 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slices {
    counts: Vec<(u64, u32)>,
}

impl Window {
    pub(super) fn new(limit: u32, window: Duration) -> Result<Self, Error> {
        if limit == 0 || micros(window) == 0 {
            return Err(Error::Zero { limit, period: window });
        }
        Ok(Self { limit, window })
    }

    /// Requests in a window.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// Its length.
    pub fn window(&self) -> Duration {
        self.window
    }

    fn width(&self) -> u64 {
        micros(self.window).div_ceil(SLICES)
    }

    pub(super) fn decide(&self, slices: &Slices, cost: u32, now: u64) -> (Decision, Option<State>) {
        let newest = slices.counts.last().map_or(0, |(slice, _)| *slice);
        let slice = (now / self.width()).max(newest);
        let counts: Vec<_> =
            slices.counts.iter().copied().filter(|(old, _)| old.saturating_add(SLICES) >= slice).collect();
        let mut slices = Slices { counts };
        let used = slices.total();
        let admitted = used.saturating_add(u64::from(cost)) <= u64::from(self.limit);
        let excess = (used + u64::from(cost)).saturating_sub(u64::from(self.limit));
        if admitted {
            slices.add(slice, cost);
        }
        // When the slice is out of the window.
        let gone = |slice: u64| {
            Duration::from_micros(
                slice.saturating_add(SLICES + 1).saturating_mul(self.width()).saturating_sub(now),
            )
        };
        let last = slices.counts.last();
        let decision = Decision {
            admitted,
            remaining: u64::from(self.limit).saturating_sub(slices.total()) as u32,
            full_after: last.map_or(Duration::ZERO, |(slice, _)| gone(*slice)),
            retry_after: (!admitted && cost <= self.limit).then(|| slices.freed(excess).map(gone)).flatten(),
        };
        (decision, admitted.then_some(State::Window(slices)))
    }
}

impl Slices {
    fn total(&self) -> u64 {
        self.counts.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    fn add(&mut self, slice: u64, cost: u32) {
        match self.counts.last_mut() {
            Some((last, count)) if *last == slice => *count += cost,
            _ if cost > 0 => self.counts.push((slice, cost)),
            _ => {}
        }
    }

    /// The slice with whose end `wanted` requests are out of the window.
    fn freed(&self, wanted: u64) -> Option<u64> {
        let mut freed = 0;
        let enough = self.counts.iter().find(|(_, count)| {
            freed += u64::from(*count);
            freed >= wanted
        });
        enough.map(|(slice, _)| *slice)
    }

    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        for (slice, count) in &self.counts {
            bytes.extend(slice.to_be_bytes());
            bytes.extend(count.to_be_bytes());
        }
    }

    pub(super) fn read(mut bytes: &[u8]) -> Option<Self> {
        let mut counts: Vec<(u64, u32)> = Vec::new();
        while let Some((slice, rest)) = bytes.split_first_chunk::<8>() {
            let (count, rest) = rest.split_first_chunk::<4>()?;
            let slice = u64::from_be_bytes(*slice);
            if counts.len() as u64 > SLICES || counts.last().is_some_and(|(last, _)| *last >= slice) {
                return None;
            }
            counts.push((slice, u32::from_be_bytes(*count)));
            bytes = rest;
        }
        bytes.is_empty().then_some(Self { counts })
    }
}
