//! The seam to time. The kernel and every state read time through a [`Clock`], so that tests can drive it; apply never
//! reads time at all (an entry carries its own).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

/// A source of wall-clock and monotonic time.
pub trait Clock: Send + Sync + 'static {
    /// Wall-clock time. May step backwards when the operator sets the clock.
    fn now(&self) -> Timestamp;
    /// Wall-clock time in microseconds since the Unix epoch.
    fn now_micros(&self) -> u64 {
        self.now().0 * 1_000
    }
    /// Time since an arbitrary start. Never steps backwards.
    fn monotonic(&self) -> Duration;
}

/// The operating system's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now_micros() / 1_000)
    }

    fn now_micros(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_micros() as u64)
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A clock that moves only when a test says so. Starts at 2026-01-01T00:00:00Z.
#[derive(Debug)]
pub struct ManualClock {
    micros: AtomicU64,
}

impl ManualClock {
    const START_MICROS: u64 = 1_767_225_600_000_000;

    /// A clock that stands at its start.
    pub const fn new() -> Self {
        Self { micros: AtomicU64::new(Self::START_MICROS) }
    }

    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        self.micros.fetch_add(by.as_micros() as u64, Ordering::Relaxed);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now_micros() / 1_000)
    }

    fn now_micros(&self) -> u64 {
        self.micros.load(Ordering::Relaxed)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.now_micros() - Self::START_MICROS)
    }
}

/// Hybrid logical clock (Kulkarni et al., 2014): the upper 48 bits are milliseconds since the Unix epoch, the lower 16
/// a counter. Successive calls of [`Hlc::tick`] give rising values even when the wall clock stands still or steps back.
#[derive(Debug, Default)]
pub struct Hlc {
    last: AtomicU64,
}

impl Hlc {
    /// A clock that has given no value yet.
    pub const fn new() -> Self {
        Self { last: AtomicU64::new(0) }
    }

    /// The next value at wall-clock time `now`: greater than all that this clock gave or observed.
    pub fn tick(&self, now: Timestamp) -> u64 {
        let physical = now.0 << 16;
        let update = |last: u64| Some(physical.max(last + 1));
        let previous = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
        physical.max(previous.unwrap_or(0) + 1)
    }

    /// Makes every later value greater than `seen`, a value from the log or from another node.
    pub fn observe(&self, seen: u64) {
        self.last.fetch_max(seen, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hlc_rises_when_the_wall_clock_does_not() {
        let hlc = Hlc::new();
        let first = hlc.tick(Timestamp(1_000));
        let second = hlc.tick(Timestamp(1_000));
        let stepped_back = hlc.tick(Timestamp(10));
        assert!(first < second && second < stepped_back);
        hlc.observe(u64::MAX >> 1);
        assert!(hlc.tick(Timestamp(1_000)) > u64::MAX >> 1);
    }

    #[test]
    fn manual_clock_moves_only_by_hand() {
        let clock = ManualClock::new();
        let before = clock.now();
        assert_eq!(clock.now(), before);
        clock.advance(Duration::from_millis(7));
        assert_eq!(clock.now().0, before.0 + 7);
        assert_eq!(clock.monotonic(), Duration::from_millis(7));
    }
}
