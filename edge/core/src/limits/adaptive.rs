//! A concurrency limit that finds itself: how many requests a back end can work on before they only queue.
//!
//! [`Aimd`] grows until something is dropped and then backs off, as TCP does; it needs drops or a latency that is called
//! too long. [`Gradient`] compares latency with what it is without a queue, and shrinks when requests begin to queue, before
//! anything is dropped (after the gradient algorithm of Netflix's concurrency-limits, and BBR's way to measure).

use crate::limits::concurrency::{Concurrency, Permit};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// What one finished request shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// How long it took.
    pub latency: Duration,
    /// How many were in flight when it began, itself included.
    pub in_flight: u32,
    /// Whether it was dropped: refused for overload or timed out.
    pub dropped: bool,
}

/// Turns samples into a limit.
pub trait Controller: Send {
    /// The limit after this sample.
    fn sample(&mut self, sample: Sample) -> u32;
}

/// The bounds of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Where it begins.
    pub start: u32,
    /// At least.
    pub least: u32,
    /// At most.
    pub most: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { start: 20, least: 1, most: 1_000 }
    }
}

impl Bounds {
    fn clamp(&self, limit: f64) -> f64 {
        limit.clamp(f64::from(self.least), f64::from(self.most.max(self.least)))
    }
}

/// Additive increase, multiplicative decrease.
#[derive(Clone, Debug)]
pub struct Aimd {
    bounds: Bounds,
    limit: f64,
    /// What a drop leaves of the limit.
    backoff: f64,
    /// A longer latency counts as a drop.
    too_long: Duration,
    /// Drops among requests that began before the last decrease was felt say nothing new.
    ignore: u32,
}

impl Aimd {
    /// Begins at the bounds' start; a drop leaves `backoff` (0.5 to 1) of the limit.
    pub fn new(bounds: Bounds, backoff: f64, too_long: Duration) -> Self {
        let limit = bounds.clamp(f64::from(bounds.start));
        Self { bounds, limit, backoff: backoff.clamp(0.5, 1.0), too_long, ignore: 0 }
    }
}

impl Controller for Aimd {
    fn sample(&mut self, sample: Sample) -> u32 {
        let in_doubt = self.ignore > 0;
        self.ignore = self.ignore.saturating_sub(1);
        if sample.dropped || sample.latency > self.too_long {
            if !in_doubt {
                self.limit = self.bounds.clamp(self.limit * self.backoff);
                self.ignore = self.limit as u32;
            }
        } else if f64::from(sample.in_flight) * 2.0 >= self.limit {
            // One more for each limit's worth of good answers, and none if the limit is not what holds back.
            self.limit = self.bounds.clamp(self.limit + 1.0 / self.limit);
        }
        self.limit as u32
    }
}

/// By the gradient between the latency without a queue and the present one.
///
/// Under a steady overload the latency with a queue is all that is ever seen. So now and then the limit is halved for a few
/// requests to measure again; if there is a queue at half the limit as well, the next measurement finds less of it.
#[derive(Clone, Debug)]
pub struct Gradient {
    bounds: Bounds,
    limit: f64,
    /// Latency without a queue, in seconds; 0 before it was measured.
    unqueued: f64,
    /// How much longer than that is still no queue.
    tolerance: f64,
    phase: Phase,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Samples until the next measurement.
    Working(u32),
    /// The sum in seconds and the number of those measured.
    Measuring(f64, u32),
}

/// How much of a new value a step takes.
const SMOOTHING: f64 = 0.2;
/// Requests that may queue, so that the limit can grow.
const QUEUE: f64 = 4.0;
/// Samples between measurements, and samples of one.
const MEASURE_EVERY: u32 = 2_000;
const MEASURE: u32 = 20;

impl Gradient {
    /// Begins at the bounds' start; latencies up to `tolerance` (at least 1) times that without a queue are no queue.
    pub fn new(bounds: Bounds, tolerance: f64) -> Self {
        let limit = bounds.clamp(f64::from(bounds.start));
        let phase = Phase::Measuring(0.0, 0);
        Self { bounds, limit, unqueued: 0.0, tolerance: tolerance.max(1.0), phase }
    }

    fn halved(&self) -> u32 {
        self.bounds.clamp(self.limit / 2.0) as u32
    }

    fn measure(&mut self, latency: f64, in_flight: u32) {
        self.phase = match self.phase {
            Phase::Working(0) => Phase::Measuring(0.0, 0),
            Phase::Working(left) => Phase::Working(left - 1),
            Phase::Measuring(sum, MEASURE..) => {
                self.unqueued = sum / f64::from(MEASURE);
                Phase::Working(MEASURE_EVERY)
            }
            Phase::Measuring(sum, count) if in_flight <= self.halved() => {
                Phase::Measuring(sum + latency, count + 1)
            }
            measuring @ Phase::Measuring(..) => measuring,
        };
    }
}

impl Controller for Gradient {
    fn sample(&mut self, sample: Sample) -> u32 {
        let latency = sample.latency.as_secs_f64().max(1e-9);
        if sample.dropped {
            self.limit = self.bounds.clamp(self.limit * 0.9);
        } else {
            self.measure(latency, sample.in_flight);
        }
        if let Phase::Measuring(..) = self.phase {
            return self.halved();
        }
        if !sample.dropped && f64::from(sample.in_flight) * 2.0 >= self.limit {
            let gradient = (self.tolerance * self.unqueued / latency).clamp(0.5, 1.0);
            let target = self.limit * gradient + QUEUE;
            self.limit = self.bounds.clamp(self.limit + (target - self.limit) * SMOOTHING);
        }
        self.limit as u32
    }
}

/// A concurrency limit with what moves it.
pub struct Adaptive {
    concurrency: Arc<Concurrency>,
    controller: Mutex<Box<dyn Controller>>,
}

impl Adaptive {
    /// A limit that begins at `start` and is moved by `controller`.
    pub fn new(start: u32, controller: Box<dyn Controller>) -> Self {
        Self { concurrency: Concurrency::new(start), controller: Mutex::new(controller) }
    }

    /// Lets one in, if there is room. A permit that is dropped says nothing of the back end.
    pub fn enter(&self) -> Option<Permit> {
        self.concurrency.enter()
    }

    /// A request ended.
    pub fn finish(&self, permit: Permit, latency: Duration, dropped: bool) {
        let sample = Sample { latency, in_flight: permit.in_flight(), dropped };
        let mut controller = self.controller.lock();
        self.concurrency.set_max(controller.sample(sample).max(1));
        drop(controller);
        drop(permit);
    }

    /// The limit now, and how many are in.
    pub fn standing(&self) -> (u32, u32) {
        (self.concurrency.max(), self.concurrency.in_flight())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;

    const BOUNDS: Bounds = Bounds { start: 20, least: 2, most: 500 };

    /// A back end that works on `capacity` at a time in 10 ms each, give or take a tenth; more share it. Fully loaded;
    /// the limits after each of the last tenth of the samples.
    fn drive(controller: &mut dyn Controller, capacity: f64, samples: u32) -> Vec<u32> {
        let mut random = Random::new(3);
        let mut limit = BOUNDS.start;
        let mut limits = Vec::new();
        for n in 0..samples {
            let load = (f64::from(limit) / capacity).max(1.0);
            let latency = random.jittered(Duration::from_millis(10), 0.1).mul_f64(load);
            limit = controller.sample(Sample { latency, in_flight: limit, dropped: load > 3.0 });
            if n > samples - samples / 10 {
                limits.push(limit);
            }
        }
        limits
    }

    #[test]
    fn limits_settle_near_what_the_back_end_can_do() {
        for capacity in [10.0, 40.0, 150.0] {
            let mut controllers: [(&str, Box<dyn Controller>); 2] = [
                ("aimd", Box::new(Aimd::new(BOUNDS, 0.9, Duration::from_millis(20)))),
                ("gradient", Box::new(Gradient::new(BOUNDS, 1.5))),
            ];
            for (name, controller) in &mut controllers {
                let mut limits = drive(&mut **controller, capacity, 60_000);
                limits.sort_unstable();
                // The middle, because a measurement halves the limit for a moment; and the highest.
                let (middle, most) =
                    (f64::from(limits[limits.len() / 2]), f64::from(limits[limits.len() - 1]));
                assert!(
                    middle > capacity * 0.9 && most < capacity * 2.3,
                    "{name}, {capacity}: {middle}, {most}"
                );
            }
        }
    }

    #[test]
    fn limits_keep_their_bounds_and_grow_only_where_they_are_felt() {
        let good = |in_flight| Sample { latency: Duration::from_millis(5), in_flight, dropped: false };
        let bad = Sample { dropped: true, ..good(500) };
        let controllers: [fn() -> Box<dyn Controller>; 2] = [
            || Box::new(Aimd::new(BOUNDS, 0.5, Duration::from_secs(1))),
            || Box::new(Gradient::new(BOUNDS, 2.0)),
        ];
        for make in controllers {
            let mut controller = make();
            assert_eq!((0..10_000).map(|_| controller.sample(good(3))).max(), Some(20));
            let limits = (0..200_000).map(|n| controller.sample(good(if n % 100 == 0 { 1 } else { 500 })));
            assert_eq!(limits.max(), Some(500));
            assert_eq!((0..10_000).map(|_| controller.sample(bad)).last(), Some(2));
        }
    }

    #[test]
    fn permits_follow_the_limit() {
        let adaptive =
            Adaptive::new(4, Box::new(Aimd::new(Bounds { start: 4, ..BOUNDS }, 0.5, Duration::from_secs(1))));
        let permits: Vec<_> = (0..4).map(|_| adaptive.enter().unwrap()).collect();
        assert!(adaptive.enter().is_none());
        permits.into_iter().for_each(|permit| adaptive.finish(permit, Duration::from_secs(2), false));
        assert_eq!(adaptive.standing(), (2, 0), "halved once for one overload");
    }
}
