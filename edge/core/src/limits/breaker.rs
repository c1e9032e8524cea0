//! A circuit breaker: when too many of the last requests failed, none are sent for a while; then a few are, and if they go
//! well, all are again.
//!
//! ```text
//! closed ── failures ≥ share of at least volume ──► open ── time is over ──► half open ── probes go well ──► closed
//!                                                    ▲                          │
//!                                                    └──── one fails: longer ◄──┘
//! ```

use crate::Random;
use crate::limits::rolling::Rolling;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// When it opens and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Over which time requests are counted.
    pub window: Duration,
    /// With fewer requests than this in the window it stays closed.
    pub volume: u64,
    /// The share of failures that opens it.
    pub failure_share: f64,
    /// How long it is open at first; each time that probes fail twice as long.
    pub open_for: Duration,
    /// At most so long.
    pub open_max: Duration,
    /// How much that varies.
    pub jitter: f64,
    /// How many probes go through half open at a time, and must go well in a row.
    pub probes: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(10),
            volume: 20,
            failure_share: 0.5,
            open_for: Duration::from_secs(5),
            open_max: Duration::from_mins(2),
            jitter: 0.1,
            probes: 3,
        }
    }
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All go through.
    Closed,
    /// None do.
    Open,
    /// Probes do.
    HalfOpen,
}

#[derive(Debug)]
enum Core {
    Closed,
    Open { until: Duration },
    HalfOpen { under_way: u32, good: u32 },
}

#[derive(Debug)]
struct Inner {
    core: Core,
    counts: Rolling,
    /// How often it opened without having closed in between.
    times: u32,
    /// Rises with every change of state: what began before says nothing about now.
    generation: u64,
}

/// A breaker. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Breaker {
    settings: Arc<Settings>,
    inner: Arc<Mutex<Inner>>,
}

/// A request that went through. Dropped without [`Pass::ended`] it counts for nothing.
#[derive(Debug)]
pub struct Pass {
    of: Breaker,
    generation: u64,
    counted: bool,
}

impl Breaker {
    /// A closed one.
    pub fn new(settings: Settings) -> Self {
        let counts = Rolling::new(settings.window);
        let inner = Inner { core: Core::Closed, counts, times: 0, generation: 0 };
        Self { settings: Arc::new(settings), inner: Arc::new(Mutex::new(inner)) }
    }

    /// Lets a request through, or says after which time to ask again.
    pub fn admit(&self, now: Duration) -> Result<Pass, Duration> {
        let mut inner = self.inner.lock();
        if let Core::Open { until } = inner.core {
            let wait = until.saturating_sub(now);
            if !wait.is_zero() {
                return Err(wait);
            }
            inner.turn(Core::HalfOpen { under_way: 0, good: 0 });
        }
        if let Core::HalfOpen { under_way, good } = &mut inner.core {
            if *under_way + *good >= self.settings.probes.max(1) {
                // Probes are under way: they decide soon.
                return Err(Duration::from_millis(100));
            }
            *under_way += 1;
        }
        Ok(Pass { of: self.clone(), generation: inner.generation, counted: false })
    }

    /// How it stands.
    pub fn state(&self) -> State {
        match self.inner.lock().core {
            Core::Closed => State::Closed,
            Core::Open { .. } => State::Open,
            Core::HalfOpen { .. } => State::HalfOpen,
        }
    }

    fn ended(&self, generation: u64, good: bool, now: Duration, random: &mut Random) {
        let mut inner = self.inner.lock();
        if generation != inner.generation {
            return;
        }
        match &mut inner.core {
            Core::Open { .. } => {}
            Core::Closed => {
                inner.counts.add(usize::from(!good), now);
                let [well, bad] = inner.counts.sums(now);
                let share = bad as f64 / (well + bad) as f64;
                if well + bad >= self.settings.volume && share >= self.settings.failure_share {
                    inner.open(&self.settings, now, random);
                }
            }
            Core::HalfOpen { .. } if !good => inner.open(&self.settings, now, random),
            Core::HalfOpen { under_way, good } => {
                *under_way -= 1;
                *good += 1;
                if *good >= self.settings.probes.max(1) {
                    inner.times = 0;
                    inner.turn(Core::Closed);
                }
            }
        }
    }

    fn cancelled(&self, generation: u64) {
        let mut inner = self.inner.lock();
        if generation == inner.generation
            && let Core::HalfOpen { under_way, .. } = &mut inner.core
        {
            *under_way -= 1;
        }
    }
}

impl Inner {
    fn turn(&mut self, core: Core) {
        self.core = core;
        self.generation += 1;
        self.counts.clear();
    }

    fn open(&mut self, settings: &Settings, now: Duration, random: &mut Random) {
        let doubled = settings.open_for.saturating_mul(1 << self.times.min(20));
        self.times += 1;
        let until = now + random.jittered(doubled.min(settings.open_max), settings.jitter);
        self.turn(Core::Open { until });
    }
}

impl Pass {
    /// The request ended, well or not.
    pub fn ended(mut self, good: bool, now: Duration, random: &mut Random) {
        self.counted = true;
        self.of.ended(self.generation, good, now, random);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.counted {
            self.of.cancelled(self.generation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn breaker() -> (Breaker, Random) {
        (Breaker::new(Settings { jitter: 0.0, ..Settings::default() }), Random::new(1))
    }

    fn send(breaker: &Breaker, good: bool, at: u64, random: &mut Random) {
        breaker.admit(secs(at)).unwrap().ended(good, secs(at), random);
    }

    #[test]
    fn it_opens_at_the_share_of_failures_and_not_below_the_volume() {
        // Good and bad requests, evenly mixed; whether it is open after them.
        for (good, bad, open) in
            [(100, 0, false), (0, 19, false), (0, 20, true), (60, 40, false), (20, 20, true)]
        {
            let (breaker, mut random) = breaker();
            for n in 0..good + bad {
                let is_bad = (n + 1) * bad / (good + bad) > n * bad / (good + bad);
                if breaker.state() == State::Closed {
                    send(&breaker, !is_bad, 1, &mut random);
                }
            }
            assert_eq!(breaker.state() == State::Open, open, "{good} good, {bad} bad");
        }
    }

    #[test]
    fn it_lets_probes_through_and_closes_or_waits_longer() {
        let (breaker, mut random) = breaker();
        (0..20).for_each(|_| send(&breaker, false, 1, &mut random));
        assert_eq!(breaker.admit(secs(3)).unwrap_err(), secs(3));
        let mut now = 6;
        for wait in [10, 20, 40, 80, 120, 120] {
            let probe = breaker.admit(secs(now)).unwrap();
            assert_eq!(breaker.state(), State::HalfOpen);
            probe.ended(false, secs(now), &mut random);
            assert_eq!(breaker.admit(secs(now)).unwrap_err(), secs(wait));
            now += wait;
        }
        let probes: Vec<_> = (0..3).map(|_| breaker.admit(secs(now)).unwrap()).collect();
        assert!(breaker.admit(secs(now)).is_err(), "three at a time");
        for (n, probe) in probes.into_iter().enumerate() {
            assert_eq!(breaker.state(), State::HalfOpen, "after {n}");
            probe.ended(true, secs(now), &mut random);
        }
        assert_eq!(breaker.state(), State::Closed);
        (0..20).for_each(|_| send(&breaker, false, now, &mut random));
        assert_eq!(breaker.admit(secs(now)).unwrap_err(), secs(5), "it closed, so it begins anew");
    }

    #[test]
    fn what_was_cancelled_or_began_before_counts_for_nothing() {
        let (breaker, mut random) = breaker();
        let old = breaker.admit(secs(1)).unwrap();
        (0..20).for_each(|_| send(&breaker, false, 1, &mut random));
        drop((0..9).map(|_| breaker.admit(secs(7))).collect::<Vec<_>>());
        old.ended(false, secs(7), &mut random);
        assert_eq!(breaker.state(), State::HalfOpen);
        (0..3).for_each(|_| send(&breaker, true, 7, &mut random));
        assert_eq!(breaker.state(), State::Closed);
    }

    #[test]
    fn old_failures_are_forgotten() {
        let (breaker, mut random) = breaker();
        for at in 0..60 {
            (0..5).for_each(|_| send(&breaker, true, at, &mut random));
            if at < 3 {
                (0..6).for_each(|_| {
                    if breaker.state() == State::Closed {
                        send(&breaker, at > 0, at, &mut random);
                    }
                });
            }
        }
        assert_eq!(breaker.state(), State::Closed);
    }
}
