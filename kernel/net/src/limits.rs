//! Bounds with a name: how many connections, how many bytes, how long (P7).
//!
//! All of them refuse rather than wait; what a refusal means to the client is the service's decision.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// How many connections may be open, of a service or of the node. Cheap to clone; clones share the count.
#[derive(Clone, Debug)]
pub struct ConnectionLimit {
    inner: Arc<Connections>,
}

#[derive(Debug)]
struct Connections {
    open: AtomicUsize,
    max: AtomicUsize,
}

/// One connection's place within a [`ConnectionLimit`]; given back when it is dropped.
#[derive(Debug)]
#[must_use = "the place is given back when this is dropped"]
pub struct Place {
    inner: Arc<Connections>,
}

impl ConnectionLimit {
    /// Admits at most `connections_max` at a time.
    pub fn new(connections_max: usize) -> Self {
        let connections = Connections { open: AtomicUsize::new(0), max: AtomicUsize::new(connections_max) };
        Self { inner: Arc::new(connections) }
    }

    /// A place, unless all are taken.
    pub fn try_enter(&self) -> Option<Place> {
        let Connections { open, max } = &*self.inner;
        let enter = |open: usize| (open < max.load(Ordering::Relaxed)).then_some(open + 1);
        open.fetch_update(Ordering::AcqRel, Ordering::Relaxed, enter).ok()?;
        Some(Place { inner: Arc::clone(&self.inner) })
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        self.inner.open.load(Ordering::Acquire)
    }

    /// Connections that may be open.
    pub fn max(&self) -> usize {
        self.inner.max.load(Ordering::Relaxed)
    }

    /// Changes the limit. Connections above a lower one stay; new ones are refused until they are gone.
    pub fn set_max(&self, connections_max: usize) {
        self.inner.max.store(connections_max, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.inner.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A bounded number of bytes of one service. Cheap to clone; clones share the bytes.
#[derive(Clone, Debug)]
pub struct Budget {
    inner: Arc<Bytes>,
}

#[derive(Debug)]
struct Bytes {
    name: &'static str,
    used: AtomicU64,
    max: AtomicU64,
    refused: AtomicU64,
}

impl Bytes {
    fn try_take(&self, bytes: u64) -> bool {
        let max = self.max.load(Ordering::Relaxed);
        let take = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= max);
        let taken = self.used.fetch_update(Ordering::AcqRel, Ordering::Relaxed, take).is_ok();
        if !taken {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }
}

/// Bytes of a [`Budget`]; given back when this is dropped.
#[derive(Debug)]
#[must_use = "the bytes are given back when this is dropped"]
pub struct Reservation {
    budget: Arc<Bytes>,
    bytes: u64,
}

impl Budget {
    /// At most `bytes_max` under `name`, which metrics and messages show.
    pub fn new(name: &'static str, bytes_max: u64) -> Self {
        let (used, max, refused) = (AtomicU64::new(0), AtomicU64::new(bytes_max), AtomicU64::new(0));
        Self { inner: Arc::new(Bytes { name, used, max, refused }) }
    }

    /// Takes `bytes`, unless that is more than is left.
    pub fn try_reserve(&self, bytes: u64) -> Option<Reservation> {
        let taken = self.inner.try_take(bytes);
        taken.then(|| Reservation { budget: Arc::clone(&self.inner), bytes })
    }

    /// The budget's name.
    pub fn name(&self) -> &'static str {
        self.inner.name
    }

    /// Bytes that are taken.
    pub fn used(&self) -> u64 {
        self.inner.used.load(Ordering::Acquire)
    }

    /// Bytes that may be taken.
    pub fn max(&self) -> u64 {
        self.inner.max.load(Ordering::Relaxed)
    }

    /// Changes the bound. What is taken stays taken, even above a lower bound.
    pub fn set_max(&self, bytes_max: u64) {
        self.inner.max.store(bytes_max, Ordering::Relaxed);
    }

    /// How often bytes were refused.
    pub fn refused(&self) -> u64 {
        self.inner.refused.load(Ordering::Relaxed)
    }
}

impl Reservation {
    /// How many bytes this holds.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes it hold `bytes`. Says `false`, and changes nothing, if that needs more than is left; less always succeeds.
    #[must_use]
    pub fn try_resize(&mut self, bytes: u64) -> bool {
        if bytes > self.bytes && !self.budget.try_take(bytes - self.bytes) {
            return false;
        }
        if bytes < self.bytes {
            self.budget.used.fetch_sub(self.bytes - bytes, Ordering::AcqRel);
        }
        self.bytes = bytes;
        true
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// A connection's idle timer. Being active costs no timer operation: only when the timer fires does it look whether
/// there was activity meanwhile, and sets itself anew.
#[derive(Debug)]
pub struct Idle {
    limit: Option<Duration>,
    active: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Idle {
    /// Fires after `limit` without activity; never if there is no limit.
    pub const fn new(limit: Option<Duration>, now: Instant) -> Self {
        Self { limit, active: now, timer: None }
    }

    /// Notes activity.
    pub fn touch(&mut self) {
        if self.limit.is_some() {
            self.active = Instant::now();
        }
    }

    /// Changes the limit from now on.
    pub fn set_limit(&mut self, limit: Option<Duration>) {
        self.limit = limit;
        self.active = Instant::now();
        self.timer = None;
    }

    /// Completes when there was no activity for the limit. Cancel safe: made to be selected on in a loop.
    pub async fn expired(&mut self) {
        let Some(limit) = self.limit else { return std::future::pending().await };
        loop {
            let deadline = self.active + limit;
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            timer.as_mut().await;
            let now = Instant::now();
            if now >= deadline {
                return;
            }
            timer.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn connections_are_bounded_and_given_back() {
        let limit = ConnectionLimit::new(2);
        let first = limit.try_enter().unwrap();
        let _second = limit.clone().try_enter().unwrap();
        assert!(limit.try_enter().is_none());
        drop(first);
        assert_eq!(limit.open(), 1);
        limit.set_max(1);
        assert!(limit.try_enter().is_none());
    }

    proptest! {
        /// The budget against a plain list of what is held.
        #[test]
        fn a_budget_never_holds_more_than_its_bound(steps in prop::collection::vec((0..3_u8, 0..60_u64), 1..60)) {
            let budget = Budget::new("test", 100);
            let mut held: Vec<Reservation> = Vec::new();
            for (step, bytes) in steps {
                let sum: u64 = held.iter().map(Reservation::bytes).sum();
                match step {
                    0 => {
                        let reservation = budget.try_reserve(bytes);
                        prop_assert_eq!(reservation.is_some(), sum + bytes <= 100);
                        held.extend(reservation);
                    }
                    1 => {
                        if let Some(last) = held.last_mut() {
                            let fits = sum - last.bytes() + bytes <= 100;
                            prop_assert_eq!(last.try_resize(bytes), fits);
                        }
                    }
                    _ => drop(held.pop()),
                }
                prop_assert_eq!(budget.used(), held.iter().map(Reservation::bytes).sum::<u64>());
            }
            drop(held);
            prop_assert_eq!(budget.used(), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn activity_postpones_the_idle_timer() {
        let start = Instant::now();
        let mut idle = Idle::new(Some(Duration::from_secs(10)), start);
        for _ in 0..5 {
            let waited = tokio::time::timeout(Duration::from_secs(7), idle.expired()).await;
            assert!(waited.is_err(), "expired after {:?}", start.elapsed());
            idle.touch();
        }
        idle.expired().await;
        assert_eq!(start.elapsed().as_secs(), 45);
        idle.set_limit(None);
        assert!(tokio::time::timeout(Duration::from_secs(1_000), idle.expired()).await.is_err());
    }
}
