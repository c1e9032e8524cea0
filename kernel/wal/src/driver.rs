//! The threads of a journal: one fsyncs, one wakes who waited for that while the next fsync runs, one prepares spares. All only call
//! into [`Wal`], which holds all the rules.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use parking_lot::Mutex;

use crate::wal::Hooks;
use crate::{Error, Wal};

/// How long the space thread waits before it looks again at a full disk or at segments that readers held.
const SPACE_INTERVAL: Duration = Duration::from_secs(1);

/// The thread that wakes is rung for each of its tasks; this only bounds its sleep.
const WAKE_INTERVAL: Duration = Duration::from_mins(1);

/// Drives a journal until it is stopped or dropped.
pub struct Driver {
    wal: Arc<Wal>,
    bells: Arc<Bells>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Wakes a thread that sleeps, or is about to. What is rung for must be visible before the ring.
#[derive(Default)]
struct Bell {
    rung: AtomicBool,
    thread: Mutex<Option<Thread>>,
}

#[derive(Default)]
struct Bells {
    stop: AtomicBool,
    sync: Bell,
    wake: Bell,
    space: Bell,
}

impl Bell {
    fn ring(&self) {
        if !self.rung.swap(true, Ordering::SeqCst)
            && let Some(thread) = self.thread.lock().as_ref()
        {
            thread.unpark();
        }
    }

    /// Sleeps until the bell rings or `timeout` is over; not at all if it rang since the last call.
    fn sleep(&self, timeout: Duration) {
        if !self.rung.load(Ordering::SeqCst) {
            thread::park_timeout(timeout);
        }
        self.rung.store(false, Ordering::SeqCst);
    }
}

impl Hooks for Bells {
    fn sync_wanted(&self) {
        self.sync.ring();
    }

    fn wake_wanted(&self) {
        self.wake.ring();
    }

    fn space_wanted(&self) {
        self.space.ring();
    }
}

impl Driver {
    /// Starts the threads. A failure of the journal ends them; `Wal::set_on_failure` learns of it.
    pub fn start(wal: Arc<Wal>) -> Result<Self, Error> {
        let bells = Arc::new(Bells::default());
        wal.set_hooks(Arc::clone(&bells) as Arc<dyn Hooks>);
        let driver = Self { wal, bells, threads: Mutex::new(Vec::new()) };
        driver.spawn("wal-sync", run_sync)?;
        driver.spawn("wal-wake", run_wake)?;
        driver.spawn("wal-space", run_space)?;
        Ok(driver)
    }

    fn spawn(&self, name: &str, run: fn(&Wal, &Bells)) -> Result<(), Error> {
        let (wal, bells) = (Arc::clone(&self.wal), Arc::clone(&self.bells));
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || run(&wal, &bells));
        let thread = thread.map_err(|error| Error::io(self.wal.dir(), "cannot start a thread", &error))?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// Ends the threads and makes everything that was appended durable. Idempotent.
    pub fn stop(&self) -> Result<(), Error> {
        self.bells.stop.store(true, Ordering::SeqCst);
        self.bells.sync.ring();
        self.bells.wake.ring();
        self.bells.space.ring();
        let threads = std::mem::take(&mut *self.threads.lock());
        if threads.is_empty() {
            return Ok(());
        }
        for thread in threads {
            // A panic in a thread was reported by the panic hook already.
            let _ = thread.join();
        }
        let closed = self.wal.close();
        // The thread that would do it is gone.
        self.wal.wake_synced();
        closed
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Who wants to know about errors calls `stop` first.
        let _ = self.stop();
    }
}

fn run_sync(wal: &Wal, bells: &Bells) {
    *bells.sync.thread.lock() = Some(thread::current());
    while !bells.stop.load(Ordering::SeqCst) {
        let Ok(idle) = wal.sync_due() else { return };
        if !idle.is_zero() {
            bells.sync.sleep(idle);
        }
    }
}

fn run_wake(wal: &Wal, bells: &Bells) {
    *bells.wake.thread.lock() = Some(thread::current());
    while !bells.stop.load(Ordering::SeqCst) {
        wal.wake_synced();
        bells.wake.sleep(WAKE_INTERVAL);
    }
    wal.wake_synced();
}

fn run_space(wal: &Wal, bells: &Bells) {
    *bells.space.thread.lock() = Some(thread::current());
    while !bells.stop.load(Ordering::SeqCst) {
        if wal.make_space().is_err() {
            return;
        }
        bells.space.sleep(SPACE_INTERVAL);
    }
}
