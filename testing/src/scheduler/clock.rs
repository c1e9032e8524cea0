//! Virtual time: a clock that stands until the scheduler moves it, and the timers that wait for it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bole_base::clock::ManualClock;
use bole_base::{Clock, Timestamp};

/// The clock of a simulation. Starts at 2026-01-01T00:00:00Z and moves only when its [`Scheduler`](super::Scheduler)
/// does a step or has nothing else to do.
#[derive(Debug, Default)]
pub struct SimClock {
    time: ManualClock,
    timers: Mutex<Timers>,
}

#[derive(Debug, Default)]
struct Timers {
    waiting: BTreeMap<(Duration, u64), Waker>,
    next: u64,
}

impl SimClock {
    /// A future that is ready when the clock has moved by `duration`. Dropping it gives up the wait.
    pub fn sleep(self: &Arc<Self>, duration: Duration) -> Sleep {
        Sleep { deadline: self.monotonic() + duration, clock: Arc::clone(self), timer: None }
    }

    fn timers(&self) -> std::sync::MutexGuard<'_, Timers> {
        self.timers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the clock and wakes the timers that are due.
    pub fn advance(&self, by: Duration) {
        self.time.advance(by);
        let now = self.monotonic();
        let due = {
            let mut timers = self.timers();
            let later = timers.waiting.split_off(&(now + Duration::from_nanos(1), 0));
            std::mem::replace(&mut timers.waiting, later)
        };
        due.into_values().for_each(Waker::wake);
    }

    /// When the next timer is due.
    pub(super) fn next_timer(&self) -> Option<Duration> {
        self.timers().waiting.first_key_value().map(|((deadline, _), _)| *deadline)
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.time.now()
    }

    fn now_micros(&self) -> u64 {
        self.time.now_micros()
    }

    fn monotonic(&self) -> Duration {
        self.time.monotonic()
    }
}

/// A wait for virtual time.
#[derive(Debug)]
pub struct Sleep {
    clock: Arc<SimClock>,
    deadline: Duration,
    timer: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.clock.monotonic() >= self.deadline {
            return Poll::Ready(());
        }
        let clock = Arc::clone(&self.clock);
        let mut timers = clock.timers();
        let timer = *self.timer.get_or_insert_with(|| {
            timers.next += 1;
            timers.next
        });
        timers.waiting.insert((self.deadline, timer), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            self.clock.timers().waiting.remove(&(self.deadline, timer));
        }
    }
}
