//! Flushes, compactions and the reserve: what a store does on the disk, one thing at a time, never in a write.
//!
//! A step that finds the disk full leaves the store as it was: tables that it began are removed, and the next step tries again. That
//! cannot be told from a list of tables that was replaced and then not made durable, other than by looking at the file; if it was, or
//! anything else failed, the store is at its end (promise P4).

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use bole_base::Kind;
use bole_shard::durable::Stand;
use lsm_tree::AbstractTree;
use lsm_tree::compaction::Leveled;
use parking_lot::{Condvar, Mutex};

use super::{Inner, Store, Upkeep, files};
use crate::Error;

/// Young tables at which they are merged with the others, if they are worth it.
const YOUNG_TABLES_MIN: usize = 4;
/// Young tables at which they are merged in any case: each is looked at by every read.
const YOUNG_TABLES_MAX: usize = 12;
/// Young tables are worth a merge when the others are no more than so many times as large: that is what the merge writes anew.
const MERGE_COST_MAX: u64 = 8;
/// Young tables at which a flush merges them first, whoever else should have: the tree's list counts those of a level in one byte.
const YOUNG_TABLES_BOUND: usize = 64;
/// Between two looks whether a full disk has room again.
const FULL_RETRY: Duration = Duration::from_millis(250);

/// Wakes whoever does the upkeep.
#[derive(Default)]
pub(super) struct Work {
    flags: Mutex<Flags>,
    changed: Condvar,
}

#[derive(Default)]
struct Flags {
    wanted: bool,
    stopped: bool,
}

impl Work {
    pub(super) fn wake(&self) {
        let mut flags = self.flags.lock();
        if !flags.wanted {
            flags.wanted = true;
            self.changed.notify_all();
        }
    }

    /// Waits until there is something to do, or for `at_most`. Whether it goes on.
    fn wait(&self, at_most: Option<Duration>) -> bool {
        let mut flags = self.flags.lock();
        if !flags.wanted && !flags.stopped {
            match at_most {
                None => self.changed.wait(&mut flags),
                Some(time) => {
                    let _timed_out = self.changed.wait_for(&mut flags, time);
                }
            }
        }
        flags.wanted = false;
        !flags.stopped
    }

    fn stop(&self, stopped: bool) {
        self.flags.lock().stopped = stopped;
        self.changed.notify_all();
    }
}

impl Store {
    /// Makes everything durable that was written before this call, and returns where the disk stands then. Blocks.
    /// Errors: `Full`, after which it may be tried again; `Io` and `Damaged`, which are final.
    pub fn persist(&self) -> Result<Stand, Error> {
        let inner = &*self.0;
        let mut upkeep = inner.upkeep.lock();
        inner.check_failure()?;
        inner.flush(&mut upkeep)?;
        {
            let mut writing = inner.writing.lock();
            if writing.sealed.is_none() && writing.stand != writing.durable {
                inner.seal(&mut writing);
            }
        }
        inner.flush(&mut upkeep)?;
        let durable = inner.writing.lock().durable;
        drop(upkeep);
        inner.work.wake();
        Ok(durable)
    }

    /// One step: a flush, the reserve, or a compaction. Whether there may be more to do. Blocks, for as long as merging tables takes.
    /// Errors as [`Store::persist`].
    pub fn maintain(&self) -> Result<bool, Error> {
        let inner = &*self.0;
        let mut upkeep = inner.upkeep.lock();
        inner.check_failure()?;
        if inner.writing.lock().sealed.is_some() {
            inner.flush(&mut upkeep)?;
            return Ok(true);
        }
        inner.restore_reserve(&mut upkeep)?;
        inner.compact()
    }
}

impl Inner {
    /// Makes a table of the sealed memtable, if there is one.
    fn flush(&self, upkeep: &mut Upkeep) -> Result<(), Error> {
        let Some(sealed) = self.writing.lock().sealed else { return Ok(()) };
        let failed = |error: io::Error| {
            let error = Error::io(&self.folder, &error);
            if error.kind() == Kind::Full { error } else { self.fail(error) }
        };
        while self.tree.l0_run_count() >= YOUNG_TABLES_BOUND {
            if !self.compact()? {
                let reason = format!("{} young tables cannot be merged", self.tree.l0_run_count());
                return Err(self.fail(Error::Io { folder: self.folder.clone(), reason }));
            }
        }
        upkeep.reserve.give_way(&*self.disk).map_err(failed)?;
        self.reserved.store(upkeep.reserve.is_whole(), Ordering::Relaxed);
        self.attempt(|| {
            let lock = self.tree.get_flush_lock();
            self.tree.flush(&lock, self.snapshots.watermark()).map(drop)
        })?;
        let mut writing = self.writing.lock();
        writing.durable = sealed.stand;
        writing.sealed = None;
        // No batch is half written now. What was flushed goes from memory when reads see the new list of tables.
        self.snapshots.publish(self.numbers.get());
        drop(writing);
        self.release_old_lists();
        self.wake_waiting();
        self.give_birth(upkeep).map_err(failed)?;
        self.restore_reserve(upkeep)
    }

    /// Notes, once, that the disk has a stand. After it has, so that a crash in between leaves a store that may be empty, and is not.
    fn give_birth(&self, upkeep: &mut Upkeep) -> io::Result<()> {
        if !upkeep.born {
            files::give_birth(&*self.disk, &self.folder, self.log)?;
            upkeep.born = true;
        }
        Ok(())
    }

    fn restore_reserve(&self, upkeep: &mut Upkeep) -> Result<(), Error> {
        let restored = upkeep.reserve.restore(&*self.disk);
        restored.map_err(|error| self.fail(Error::io(&self.folder, &error)))?;
        self.reserved.store(upkeep.reserve.is_whole(), Ordering::Relaxed);
        Ok(())
    }

    /// Merges tables if there are too many. Whether it did.
    fn compact(&self) -> Result<bool, Error> {
        let before = self.tree.current_version().id();
        if !self.wants_compaction() {
            return Ok(false);
        }
        self.attempt(|| self.tree.compact(Arc::new(Leveled::default()), self.snapshots.watermark()))?;
        let writing = self.writing.lock();
        self.snapshots.publish(self.numbers.get());
        drop(writing);
        self.release_old_lists();
        Ok(self.tree.current_version().id() != before)
    }

    /// Few small tables beside large ones are left alone: the strategy would write the large ones anew for them.
    fn wants_compaction(&self) -> bool {
        let version = self.tree.current_version();
        let young = version.l0();
        let (count, bytes) = (young.table_count(), young.size());
        if count == 0 || count >= YOUNG_TABLES_MAX {
            return true;
        }
        let mut others = 0;
        for level in version.iter_levels().skip(1) {
            others += level.size();
        }
        count >= YOUNG_TABLES_MIN && bytes.saturating_mul(MERGE_COST_MAX) >= others
    }

    fn release_old_lists(&self) {
        let watermark = self.snapshots.watermark();
        let released =
            self.tree.get_version_history_lock().maintenance(&files::tree(&self.folder), watermark);
        if let Err(error) = released {
            tracing::warn!(folder = %self.folder.display(), %error, "an old list of tables stays until the next start");
        }
    }

    /// Does what changes the tree's files. Errors: `Full` if everything is as before; what is final has ended the store.
    fn attempt(&self, work: impl FnOnce() -> lsm_tree::Result<()>) -> Result<(), Error> {
        let io = |error: io::Error| self.fail(Error::io(&self.folder, &error));
        let before = files::read_current(&self.folder).map_err(io)?;
        let first = files::next_table(&self.tree);
        let error = match std::panic::catch_unwind(AssertUnwindSafe(work)) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => Error::tree(&self.folder, &error),
            Err(_) => {
                let reason = "a panic while tables were written".to_owned();
                Error::Io { folder: self.folder.clone(), reason }
            }
        };
        if error.kind() == Kind::Full && files::read_current(&self.folder).map_err(io)? == before {
            files::remove_begun(&self.folder, first).map_err(io)?;
            return Err(error);
        }
        Err(self.fail(error))
    }

    /// Does the upkeep until it is stopped.
    fn run(self: &Arc<Self>) {
        let store = Store(Arc::clone(self));
        let mut full = false;
        loop {
            let outcome = store.maintain();
            match &outcome {
                Ok(true) => full = false,
                Ok(false) => {}
                Err(error) if error.kind() == Kind::Full => {
                    if !std::mem::replace(&mut full, true) {
                        tracing::warn!(%error, "an ordered store waits for room on the disk");
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "an ordered store takes no more writes");
                    return;
                }
            }
            let waits = outcome.is_err() || !self.reserved.load(Ordering::Relaxed);
            let stopped = self.work.flags.lock().stopped;
            let goes_on = match outcome {
                Ok(true) => !stopped,
                _ => self.work.wait(waits.then_some(FULL_RETRY)),
            };
            if !goes_on {
                return;
            }
            if waits && !stopped {
                // Those who ask for room wake this all the time.
                std::thread::sleep(FULL_RETRY / 10);
            }
        }
    }
}

/// A thread of low priority that does a store's upkeep until this is dropped. One a store.
pub struct Maintenance {
    store: Store,
    thread: Option<JoinHandle<()>>,
}

impl Maintenance {
    /// Starts the thread. Errors: there can be no further thread.
    pub fn start(store: &Store) -> io::Result<Self> {
        store.0.work.stop(false);
        let inner = Arc::clone(&store.0);
        let thread = bole_base::background::spawn("ordered", move || inner.run())?;
        Ok(Self { store: store.clone(), thread: Some(thread) })
    }
}

impl Drop for Maintenance {
    fn drop(&mut self) {
        self.store.0.work.stop(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(folder = %self.store.folder().display(), "the upkeep of an ordered store panicked");
        }
    }
}
