//! Threads for what blocks: files of chunks, and the digests of what goes into them. They are made when work waits, up to a bound, and end
//! when they have nothing to do.
//!
//! How much work may wait is bounded by who gives it: an upload or a download has one piece of work at a time, and a place in a
//! [`crate::bodies::gate::Gate`].
//!
//! # Invariants
//! - Work that was taken is run, whether or not somebody still waits for its result; a panic in it harms nothing else.

use std::collections::VecDeque;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

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
}

/// The work panicked, or no thread could be made for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

impl Pool {
    /// At most so many threads; none yet.
    pub fn new(threads_max: usize) -> Self {
        let threads_max = threads_max.max(1);
        Self { shared: Arc::new(Shared { threads_max, state: Mutex::default(), work: Condvar::new() }) }
    }

    /// Runs `work` and gives its result. Cancel safe in the sense that the work goes on.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Lost> {
        let (done, result) = oneshot::channel();
        self.spawn(move || drop(done.send(work())));
        result.await.map_err(|_| Lost)
    }

    /// Runs `work`, for whose end nobody waits.
    pub fn spawn(&self, work: impl FnOnce() + Send + 'static) {
        let mut state = self.shared.state.lock();
        state.jobs.push_back(Box::new(work));
        if state.idle >= state.jobs.len() || state.threads >= self.shared.threads_max {
            drop(state);
            self.shared.work.notify_one();
            return;
        }
        state.threads += 1;
        drop(state);
        if let Err(error) = self.start() {
            let mut state = self.shared.state.lock();
            state.threads -= 1;
            tracing::warn!(%error, "no thread can be started for blobs");
            if state.threads == 0 {
                // Nobody would ever run them: dropping tells those who wait.
                state.jobs.clear();
            }
        }
    }

    /// Threads that there are.
    pub fn threads(&self) -> usize {
        self.shared.state.lock().threads
    }

    fn start(&self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        std::thread::Builder::new().name("bole-blobs".to_owned()).spawn(move || shared.work_on()).map(drop)
    }
}

impl Shared {
    fn work_on(&self) {
        while let Some(job) = self.next() {
            if std::panic::catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("work on a body panicked; its request fails");
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
