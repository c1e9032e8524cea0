//! How many at a time. A permit is in the hand of the request and ends with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A limit of requests at a time, which may change.
#[derive(Debug)]
pub struct Concurrency {
    max: AtomicU32,
    in_flight: AtomicU32,
}

impl Concurrency {
    /// At most `max` at a time.
    pub fn new(max: u32) -> Arc<Self> {
        Arc::new(Self { max: AtomicU32::new(max), in_flight: AtomicU32::new(0) })
    }

    /// Changes the limit. Who is in stays in, also above a lower limit.
    pub fn set_max(&self, max: u32) {
        self.max.store(max, Ordering::Relaxed);
    }

    /// The limit.
    pub fn max(&self) -> u32 {
        self.max.load(Ordering::Relaxed)
    }

    /// How many are in.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Lets one in, if there is room.
    pub fn enter(self: &Arc<Self>) -> Option<Permit> {
        let max = self.max();
        let add = |in_flight| (in_flight < max).then(|| in_flight + 1);
        let before = self.in_flight.fetch_update(Ordering::AcqRel, Ordering::Relaxed, add).ok()?;
        Some(Permit { of: self.clone(), in_flight: before + 1 })
    }
}

/// One that is in, until it is dropped.
#[derive(Debug)]
pub struct Permit {
    of: Arc<Concurrency>,
    in_flight: u32,
}

impl Permit {
    /// How many were in when it came, itself included.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.of.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_allowed_are_in() {
        let limit = Concurrency::new(2);
        let one = limit.enter().unwrap();
        let two = limit.enter().unwrap();
        assert_eq!((one.in_flight(), two.in_flight()), (1, 2));
        assert!(limit.enter().is_none());
        limit.set_max(1);
        drop(one);
        assert!(limit.enter().is_none(), "one is still in, and one is the limit");
        drop(two);
        assert!(limit.enter().is_some());
        assert_eq!((limit.max(), limit.in_flight()), (1, 0));
    }

    #[test]
    fn threads_together_keep_the_limit() {
        let (limit, most) = (Concurrency::new(3), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        if let Some(permit) = limit.enter() {
                            most.fetch_max(permit.in_flight(), Ordering::Relaxed);
                            most.fetch_max(limit.in_flight(), Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert!((1..=3).contains(&most.into_inner()));
        assert_eq!(limit.in_flight(), 0);
    }
}
