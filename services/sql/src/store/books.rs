//! A database's place in its log: what the next entry gets, which commits are appended, and why the database is stopped, if it is.
//!
//! # Invariants
//! - From a commit's begin to its end the core is locked: commits have the order of their offsets.
//! - A commit has begun before SQLite shows its rows, and is done when its batch is appended (or SQLite refused it). Where the two numbers are the same, all
//!   that can be seen is appended.
//! - What SQLite has and the log has not, quarantines the shard as the lock goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bole_base::{Durability, Epoch, Offset, Position};
use bole_shard::Error;
use bole_shard::durable::Stand;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

/// Which commits a snapshot may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// All up to this one are in it.
    pub(crate) low: u64,
    /// None after this one is.
    pub(crate) high: u64,
    /// Where the journal must be before they may be shown; `None` while one of them is on its way there.
    pub(crate) position: Option<Position>,
    /// In the sense of which class.
    pub(crate) class: Durability,
}

/// The commits that are appended.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    number: u64,
    position: Position,
}

/// See the module.
pub(crate) struct Books {
    name: Arc<str>,
    core: Mutex<Core>,
    begun: AtomicU64,
    done: Mutex<Done>,
    /// Whether the core says so.
    quarantined: AtomicBool,
    /// A commit is done, or none will ever be.
    changed: Notify,
}

pub(crate) struct Core {
    pub(crate) next: Offset,
    pub(crate) epoch: Epoch,
    /// Where the last batch that touched the shard ends in the journal.
    pub(crate) position: Position,
    /// Below this the log is not needed any more.
    pub(crate) persisted: Stand,
    /// In recovery: the highest epoch of the log so far, to compare with that of the files.
    pub(crate) seen: Option<Stand>,
    /// SQLite has a commit whose batch is not appended.
    pub(crate) unappended: bool,
    pub(crate) quarantine: Option<String>,
}

/// The core, locked.
pub(crate) struct Locked<'a> {
    books: &'a Books,
    pub(crate) core: MutexGuard<'a, Core>,
}

impl Books {
    /// For files that stand at `stand`.
    pub(crate) fn new(name: Arc<str>, stand: Stand) -> Self {
        let core = Core {
            next: stand.next,
            epoch: stand.epoch,
            position: Position::ZERO,
            persisted: stand,
            seen: None,
            unappended: false,
            quarantine: None,
        };
        let (core, done) = (Mutex::new(core), Mutex::default());
        Self {
            name,
            core,
            begun: AtomicU64::new(0),
            done,
            quarantined: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    /// `namespace/service/dataset#number`.
    pub(crate) const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Locks, whatever the state.
    pub(crate) fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock()
    }

    /// Errors: `Quarantined`.
    pub(crate) fn lock(&self) -> Result<Locked<'_>, Error> {
        let core = self.core.lock();
        match &core.quarantine {
            None => Ok(Locked { books: self, core }),
            Some(reason) => Err(Error::Quarantined { shard: self.name.to_string(), reason: reason.clone() }),
        }
    }

    /// As `lock`, without waiting for a commit. Errors: `Quarantined`.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.quarantined.load(Ordering::SeqCst) { self.lock().map(drop) } else { Ok(()) }
    }

    /// Stops the shard, because it cannot go on.
    pub(crate) fn quarantine(&self, reason: String) {
        self.fail(&mut self.core.lock(), reason);
    }

    /// Stops the shard, because it is not wanted any more.
    pub(crate) fn close(&self, reason: &str) {
        self.stop(&mut self.core.lock(), reason.to_owned());
    }

    fn fail(&self, core: &mut Core, reason: String) {
        tracing::error!(shard = %self.name, reason, "the shard is quarantined");
        self.stop(core, reason);
    }

    fn stop(&self, core: &mut Core, reason: String) {
        core.quarantine.get_or_insert(reason);
        self.quarantined.store(true, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    /// The commits that are appended: to be asked before a snapshot is opened.
    pub(crate) fn low(&self) -> u64 {
        self.done.lock().number
    }

    /// What a snapshot may show that was opened after `low` was asked for and before this.
    pub(crate) fn seen(&self, low: u64, class: Durability) -> Seen {
        let high = self.begun.load(Ordering::SeqCst);
        let done = *self.done.lock();
        Seen { low, high, position: (done.number >= high).then_some(done.position), class }
    }

    /// Whether something was committed, or is about to be, that a snapshot may not show.
    pub(crate) fn is_behind(&self, seen: &Seen) -> bool {
        self.begun.load(Ordering::SeqCst) > seen.low
    }

    /// Whether all that `seen` covers is appended.
    pub(crate) fn is_appended(&self, seen: &Seen) -> bool {
        seen.position.is_some() || self.done.lock().number >= seen.high
    }

    /// Waits until all that `seen` covers is appended; where. Errors: `Quarantined`.
    pub(crate) async fn appended(&self, seen: &Seen) -> Result<Position, Error> {
        if let Some(position) = seen.position {
            return Ok(position);
        }
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let done = *self.done.lock();
            if done.number >= seen.high {
                return Ok(done.position);
            }
            // Only looked at when the commit is over, one way or the other: it holds the lock.
            drop(self.lock()?);
            if self.done.lock().number < seen.high {
                changed.await;
            }
        }
    }
}

impl Locked<'_> {
    /// A commit begins: SQLite is about to show its rows.
    pub(crate) fn begin(&mut self) {
        self.books.begun.fetch_add(1, Ordering::SeqCst);
    }

    /// SQLite has it.
    pub(crate) fn committed(&mut self) {
        self.core.unappended = true;
    }

    /// SQLite has refused it, or its batch is appended.
    pub(crate) fn done(&mut self, position: Option<Position>) {
        self.core.unappended = false;
        self.core.position = self.core.position.max(position.unwrap_or_default());
        let number = self.books.begun.load(Ordering::SeqCst);
        *self.books.done.lock() = Done { number, position: self.core.position };
        self.books.changed.notify_waiters();
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        if !self.core.unappended {
            return;
        }
        let reason = format!(
            "rows were committed whose batch never reached the log, before offset {}; a restart continues from the log",
            self.core.next
        );
        self.books.fail(&mut self.core, reason);
    }
}
