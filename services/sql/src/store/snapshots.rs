//! The snapshots that are open, and what ends those that keep the `-wal` from starting over.
//!
//! # Invariants
//! - A snapshot is known from before it is opened until after it has ended.
//! - One that was ended fails its statement, and every later one that would read in it; it never becomes another snapshot silently.
//! - Between statements a snapshot is [`Parked`], where it can be ended without its session.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bole_sql_dialect::Catalog;
use bole_sql_types::{Error, Result, SqlState};
use parking_lot::Mutex;

use super::books::Seen;
use super::database::Database;
use super::reader::Reader;
use crate::limits::SNAPSHOT_AGE_MIN;

/// Stops the statement that reads in a snapshot.
pub trait Stop: Send + Sync {
    /// The snapshot is to end. Called while it is in use, any number of times.
    fn snapshot_is_too_old(&self);
}

/// What a statement is told whose snapshot was ended.
pub(crate) fn too_old() -> Error {
    let text = "the snapshot is too old: it kept the file of recent changes from starting over, which has reached its bound";
    Error::new(SqlState::SNAPSHOT_TOO_OLD, text)
        .with_hint("Try again with shorter statements and transactions, or raise sql.overlay_bytes_max.")
}

/// How many frames the `-wal` has, and how many were ever written.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    last: AtomicU32,
    total: AtomicU64,
}

impl Frames {
    /// After a commit the `-wal` has so many. One at a time.
    pub(crate) fn note(&self, count: u32) {
        let before = self.last.swap(count, Ordering::Relaxed);
        // With fewer it has started over.
        let more = count.checked_sub(before).unwrap_or(count);
        self.total.fetch_add(more.into(), Ordering::Relaxed);
    }

    pub(crate) fn last(&self) -> u32 {
        self.last.load(Ordering::Relaxed)
    }

    fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

/// One that is open.
pub(crate) struct Snapshot {
    since: Instant,
    /// Frames that had been written when it was opened.
    frames: u64,
    ended: AtomicBool,
    /// Who reads in it.
    stop: Mutex<Option<Arc<dyn Stop>>>,
    parked: Mutex<Option<Reader>>,
}

impl Snapshot {
    /// Errors: it was ended (72000).
    pub(crate) fn check(&self) -> Result<()> {
        if self.ended.load(Ordering::SeqCst) { Err(too_old()) } else { Ok(()) }
    }

    pub(crate) fn set_stop(&self, stop: Option<Arc<dyn Stop>>) {
        *self.stop.lock() = stop;
    }

    /// Whether this call was the first.
    fn end(&self) -> bool {
        let first = !self.ended.swap(true, Ordering::SeqCst);
        // Under the lock, so that who has withdrawn is not told any more.
        if let Some(stop) = &*self.stop.lock() {
            stop.snapshot_is_too_old();
        }
        self.release();
        first
    }

    fn release(&self) {
        let reader = self.parked.lock().take();
        drop(reader);
    }
}

/// A snapshot between two statements, with what is known of it.
pub(crate) struct Parked {
    snapshot: Arc<Snapshot>,
    catalog: Arc<Catalog>,
    seen: Seen,
    own: bool,
}

impl Parked {
    /// `snapshot` is the reader's.
    pub(super) fn new(reader: Reader, snapshot: Arc<Snapshot>) -> Self {
        let parked = Self { snapshot, catalog: reader.catalog(), seen: reader.seen(), own: reader.is_own() };
        parked.put(reader);
        parked
    }

    /// The reader that was resumed, after its statement.
    pub(crate) fn put(&self, reader: Reader) {
        self.snapshot.set_stop(None);
        *self.snapshot.parked.lock() = Some(reader);
        if self.check().is_err() {
            self.snapshot.release();
        }
    }

    /// What the database contains in the snapshot.
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog)
    }

    /// As [`Reader::seen`].
    pub(crate) const fn seen(&self) -> Seen {
        self.seen
    }

    /// As [`Reader::is_own`].
    pub(crate) const fn is_own(&self) -> bool {
        self.own
    }

    /// Errors: it was ended (72000).
    pub(crate) fn check(&self) -> Result<()> {
        self.snapshot.check()
    }

    /// The reader, for the next statement. To be parked again. Errors: the snapshot was ended (72000).
    pub(crate) fn resume(&self) -> Result<Reader> {
        self.check()?;
        self.snapshot.parked.lock().take().ok_or_else(too_old)
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        self.snapshot.release();
    }
}

/// The snapshots of one database.
#[derive(Default)]
pub(crate) struct Snapshots {
    open: Mutex<BTreeMap<u64, Arc<Snapshot>>>,
    next: AtomicU64,
    ended: AtomicU64,
}

impl Snapshots {
    /// One is about to be opened.
    pub(crate) fn add(&self, frames: &Frames) -> (u64, Arc<Snapshot>) {
        let snapshot = Arc::new(Snapshot {
            since: Instant::now(),
            frames: frames.total(),
            ended: AtomicBool::new(false),
            stop: Mutex::new(None),
            parked: Mutex::new(None),
        });
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.open.lock().insert(number, Arc::clone(&snapshot));
        (number, snapshot)
    }

    /// One has ended.
    pub(crate) fn remove(&self, number: u64) {
        self.open.lock().remove(&number);
    }

    /// Those that a condition holds for. They are not told under the lock, which their end takes.
    fn those(&self, is_one: impl Fn(&Snapshot) -> bool) -> Vec<Arc<Snapshot>> {
        self.open.lock().values().filter(|snapshot| is_one(snapshot)).cloned().collect()
    }

    fn end(&self, those: &[Arc<Snapshot>]) {
        let ended = those.iter().filter(|snapshot| snapshot.end()).count();
        self.ended.fetch_add(ended as u64, Ordering::Relaxed);
    }
}

/// What is told of snapshots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// How many are open.
    pub count: usize,
    /// The age of the oldest one.
    pub age_max: Duration,
    /// How many were ended since the start because they were too old.
    pub ended: u64,
}

impl Database {
    /// What there is of snapshots.
    pub fn snapshots(&self) -> Open {
        let snapshots = &self.readers.snapshots;
        let open = snapshots.open.lock();
        Open {
            count: open.len(),
            age_max: open.values().next().map_or(Duration::ZERO, |oldest| oldest.since.elapsed()),
            ended: snapshots.ended.load(Ordering::Relaxed),
        }
    }

    /// Whether the `-wal` is larger than snapshots may make it.
    pub(super) fn is_over(&self) -> bool {
        u64::from(self.frames.last()) > self.shared.overlay_frames_max
    }

    /// Where the `-wal` is too large: ends the snapshots in whose time half of what it may be was written, and where it has grown by another quarter, all that have
    /// lasted for [`SNAPSHOT_AGE_MIN`].
    pub(super) fn end_old_snapshots(&self) {
        if !self.is_over() {
            return;
        }
        let (max, total) = (self.shared.overlay_frames_max, self.frames.total());
        let is_far_over = u64::from(self.frames.last()) > max + max / 4;
        let old = self.readers.snapshots.those(|snapshot| {
            total.saturating_sub(snapshot.frames) >= max / 2
                || is_far_over && snapshot.since.elapsed() >= SNAPSHOT_AGE_MIN
        });
        if old.is_empty() {
            return;
        }
        self.readers.snapshots.end(&old);
        let (count, name, bytes) = (old.len(), self.name(), self.wal_bytes());
        tracing::info!(
            database = name,
            count,
            bytes,
            "snapshots were ended that kept the overlay from starting over"
        );
    }

    /// With the ticket held and all frames moved: waits until no snapshot is left that began before, so that the next writer can start the `-wal` over. Those
    /// that are still there after a while are ended.
    pub(super) async fn outlast_snapshots(&self, wait: Duration, step: Duration) {
        let (began, snapshots) = (Instant::now(), &self.readers.snapshots);
        loop {
            let older = snapshots.those(|snapshot| snapshot.since < began);
            if older.is_empty() || tokio::runtime::Handle::try_current().is_err() {
                return;
            }
            if began.elapsed() >= wait {
                return snapshots.end(&older);
            }
            tokio::time::sleep(step).await;
        }
    }
}
