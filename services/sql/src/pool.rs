//! Threads for work that blocks: parsing, binding and SQLite. They are made when work waits, up to a bound, and end when they have
//! nothing to do; their stacks are deep enough for nested expressions.
//!
//! # Invariants
//! - Work that was taken is run, whether or not somebody still waits for its result; a panic in it harms nothing else.
//! - What runs here never waits for a place of another session that needs a thread to give it up: such waits are the connection's.

use std::collections::VecDeque;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::limits::STACK_BYTES;

type Job = Box<dyn FnOnce() + Send>;

/// How long a thread waits for work before it ends.
const IDLE: Duration = Duration::from_secs(10);

/// The threads. Cheap to clone; they end after the last clone is gone.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    threads_max: usize,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    /// Threads whose work waits for something outside.
    blocked: usize,
    /// Threads that stay with a client.
    staying: usize,
}

/// How many times the bound of threads there may be, where work waits for clients, locks and sleeps.
const BLOCKED_FACTOR: usize = 8;

/// How many times the bound of threads may wait for locks and sleeps.
const WAITS_FACTOR: usize = 4;

/// While it lives, another thread may take the place of the one that waits.
pub struct Blocked(Arc<Shared>);

impl Drop for Blocked {
    fn drop(&mut self) {
        self.0.state.lock().blocked -= 1;
    }
}

/// A place for work that stays with one client, and waits for it as well: another thread may take the place among those that do not.
pub struct Stay(Arc<Shared>);

impl Drop for Stay {
    fn drop(&mut self) {
        self.0.state.lock().staying -= 1;
    }
}

/// The work panicked, or no thread could be made for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

impl Pool {
    /// At most so many threads; none yet.
    pub fn new(threads_max: usize) -> Self {
        let shared =
            Shared { threads_max: threads_max.max(1), state: Mutex::default(), work: Condvar::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Runs `work` and gives its result. Cancel safe in the sense that the work goes on.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Lost> {
        let (done, result) = oneshot::channel();
        self.push(Box::new(move || drop(done.send(work()))));
        result.await.map_err(|_| Lost)
    }

    /// Says that the work that calls waits for something outside until the answer is dropped.
    pub fn blocked(&self) -> Blocked {
        let mut state = self.shared.state.lock();
        state.blocked += 1;
        let waiting = !state.jobs.is_empty()
            && state.idle == 0
            && state.threads < self.shared.threads_max * BLOCKED_FACTOR;
        state.threads += usize::from(waiting);
        drop(state);
        if waiting && self.start().is_err() {
            self.shared.state.lock().threads -= 1;
        }
        Blocked(Arc::clone(&self.shared))
    }

    /// As [`Pool::blocked`], for waits that only another statement or a time may end. `None`: as many wait as may; others keep their threads.
    pub fn wait(&self) -> Option<Blocked> {
        let room = self.shared.state.lock().blocked < self.shared.threads_max * WAITS_FACTOR;
        room.then(|| self.blocked())
    }

    /// A place for work that is about to be [`Pool::run`] and stays with a client. `None`: as many stay as there may be other threads.
    pub fn stay(&self) -> Option<Stay> {
        let mut state = self.shared.state.lock();
        let room = state.staying < self.shared.threads_max;
        state.staying += usize::from(room);
        room.then(|| Stay(Arc::clone(&self.shared)))
    }

    /// Threads that there are.
    pub fn threads(&self) -> usize {
        self.shared.state.lock().threads
    }

    fn push(&self, job: Job) {
        let mut state = self.shared.state.lock();
        state.jobs.push_back(job);
        let max = self.shared.threads_max;
        let max = (max + state.blocked + state.staying).min(max * BLOCKED_FACTOR);
        if state.idle >= state.jobs.len() || state.threads >= max {
            drop(state);
            self.shared.work.notify_one();
            return;
        }
        state.threads += 1;
        drop(state);
        if let Err(error) = self.start() {
            let mut state = self.shared.state.lock();
            state.threads -= 1;
            tracing::warn!(%error, "no thread can be started for SQL");
            if state.threads == 0 {
                // Nobody would ever run them: dropping tells those who wait.
                state.jobs.clear();
            }
        }
    }

    fn start(&self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let builder = std::thread::Builder::new().name("bole-sql".to_owned()).stack_size(STACK_BYTES);
        builder.spawn(move || shared.work_on()).map(drop)
    }
}

impl Shared {
    fn work_on(&self) {
        while let Some(job) = self.next() {
            if std::panic::catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("a statement panicked; its connection is closed");
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            state.idle += 1;
            let waited = self.work.wait_for(&mut state, IDLE);
            state.idle -= 1;
            if waited.timed_out() && state.jobs.is_empty() {
                state.threads -= 1;
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_in_bounded_threads_and_a_panic_is_contained() {
        let pool = Pool::new(2);
        let all = (0..50).map(|n: usize| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.run(move || n * 2).await })
        });
        for (n, done) in all.collect::<Vec<_>>().into_iter().enumerate() {
            assert_eq!(done.await.ok(), Some(Ok(n * 2)));
        }
        assert_eq!(pool.run(|| -> usize { panic!("on purpose") }).await, Err(Lost));
        assert_eq!(pool.run(|| 7).await, Ok(7));
        assert!(pool.threads() <= 2);
    }
}
