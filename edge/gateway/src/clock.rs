//! The one monotonic clock of a gateway, as the pure parts want it: a time since the process began.

use bole_edge_core::Random;
use std::cell::RefCell;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

static BEGAN: OnceLock<Instant> = OnceLock::new();

/// Before all times of [`now`], so that none of them is zero.
const HEAD_START: Duration = Duration::from_secs(1);

/// The time.
pub fn now() -> Duration {
    BEGAN.get_or_init(Instant::now).elapsed() + HEAD_START
}

/// The same time for timers.
pub fn instant(at: Duration) -> tokio::time::Instant {
    let began = *BEGAN.get_or_init(Instant::now);
    tokio::time::Instant::from_std(began + at.saturating_sub(HEAD_START))
}

/// The time since 1970, for states that several gateways share.
pub fn wall() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

/// What is added to [`now`] to have the time since 1970.
pub fn epoch() -> Duration {
    wall().saturating_sub(now())
}

thread_local! {
    static RANDOM: RefCell<Random> = RefCell::new(Random::new(rand::random()));
}

/// This thread's randomness: for decisions, not for secrets.
pub fn with_random<T>(draw: impl FnOnce(&mut Random) -> T) -> T {
    RANDOM.with_borrow_mut(draw)
}

/// How late timers are: how long whatever is ready waits until it is worked on.
#[derive(Debug, Default)]
pub struct Lag(std::sync::atomic::AtomicU64);

/// How often it is measured.
const MEASURE_EVERY: Duration = Duration::from_millis(20);

impl Lag {
    /// As last measured.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(std::sync::atomic::Ordering::Relaxed))
    }

    /// Measures until it is aborted.
    pub async fn measure(self: std::sync::Arc<Self>) {
        loop {
            let wanted = tokio::time::Instant::now() + MEASURE_EVERY;
            tokio::time::sleep_until(wanted).await;
            // Timers have a grain of a millisecond, which is no wait.
            let late = wanted.elapsed().saturating_sub(Duration::from_millis(1));
            self.0.store(late.as_nanos() as u64, std::sync::atomic::Ordering::Relaxed);
        }
    }
}
