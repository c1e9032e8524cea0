//! Checkpoints: frames of the `-wal` go into `main.db`, once they and the log are fsynced as far.
//!
//! # Invariants
//! - A frame is moved only when the log is fsynced beyond what it shows, the `-wal` is, and so is a marker that names it.
//! - The marker goes when `main.db` is fsynced with all of its frames, and before the snapshot that keeps them in place. Where that fails, neither goes.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bole_base::{Clock, Kind, Position};
use bole_log::{Journal, wait};
use bole_shard::Error;
use bole_shard::checkpoint::PassReport;
use bole_shard::durable::Stand;
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::OwnedMutexGuard;

use super::connection::Role;
use super::database::{Database, write_stand};
use super::files::{Files, move_frames};
use super::writer::Writing;
use crate::limits::{CHECKPOINT_TRIES_MAX, SNAPSHOT_WAIT_MAX};

/// Bytes of a frame of the `-wal`: a page and its head.
pub(crate) const FRAME_BYTES: u64 = 4_096 + 24;
/// Between two looks whether a reader has gone.
const TRY_INTERVAL: Duration = Duration::from_millis(20);
/// How often it looks while writers wait, where the `-wal` is beyond its bound.
const OVER_TRIES_MAX: u32 = 10;
/// How long a checkpoint waits for its turn to write the stand. Then the next one tries.
const TURN_MAX: Duration = Duration::from_secs(10);

/// The connections that checkpoints use.
pub(crate) struct Checkpoints {
    /// Moves the frames.
    mover: Mutex<Connection>,
    /// Keeps the snapshot.
    holder: Mutex<Connection>,
    /// Frames at which one is due.
    frames_max: u32,
    /// Frames at which the next one is due: more, where readers keep the `-wal` from starting over.
    due: AtomicU32,
}

impl Checkpoints {
    pub(crate) fn open(files: &Files, wal_bytes_max: u64) -> rusqlite::Result<Self> {
        let [mover, holder] =
            [files.connect(Role::Checkpoint)?, files.connect(Role::Checkpoint)?].map(Mutex::new);
        let frames_max = u32::try_from(wal_bytes_max / FRAME_BYTES).unwrap_or(u32::MAX);
        Ok(Self { mover, holder, frames_max, due: AtomicU32::new(frames_max) })
    }

    pub(crate) fn is_due(&self, frames: u32) -> bool {
        frames > self.due.load(Ordering::Relaxed)
    }
}

/// A stand that is written, and whose snapshot is held.
struct Held {
    stand: Stand,
    position: Position,
    frames: u32,
}

impl Database {
    /// Whether the `-wal` has grown so much that it is to be checkpointed now.
    pub fn is_large(&self) -> bool {
        self.checkpoints.is_due(self.frames.last())
    }

    /// One pass; where the `-wal` is large, a second one under the ticket, after which the next writer starts the file over.
    pub(crate) async fn checkpoint_pass(
        &self,
        journal: &dyn Journal,
        clock: &dyn Clock,
    ) -> Result<PassReport, Error> {
        self.books.check()?;
        let mut report = PassReport::default();
        let is_over = self.is_over();
        let large = self.is_large() || is_over;
        let Some(turn) = self.turn().await else { return Ok(report) };
        if !self.has_news() && !large {
            return Ok(report);
        }
        let start = clock.monotonic();
        let held = self.hold(&turn)?;
        drop(turn);
        report.lock_max = clock.monotonic().saturating_sub(start);
        let frames = u64::from(held.frames);
        let complete = self.complete(held, journal, CHECKPOINT_TRIES_MAX).await?;
        if complete
            && large
            && let Some(turn) = self.turn().await
        {
            let start = clock.monotonic();
            let held = self.hold(&turn)?;
            // Writers wait: where a reader is in the way, a later pass comes back.
            let tries = if is_over { OVER_TRIES_MAX } else { 1 };
            if self.complete(held, journal, tries).await? && is_over {
                self.outlast_snapshots(SNAPSHOT_WAIT_MAX, TRY_INTERVAL).await;
            }
            // The next writer finds everything moved, and starts over.
            drop(turn);
            report.lock_max = report.lock_max.max(clock.monotonic().saturating_sub(start));
        }
        // Where readers keep it from starting over, it has to grow a good deal more before the next look.
        let left = self.frames.last();
        self.checkpoints
            .due
            .store(self.checkpoints.frames_max.max(left.saturating_add(left / 4)), Ordering::Relaxed);
        report.sections = usize::from(complete);
        report.bytes = frames * FRAME_BYTES;
        Ok(report)
    }

    /// The ticket, or nothing for now. Where there is no clock to wait by, as in a simulation, it waits as long as it takes.
    async fn turn(&self) -> Option<OwnedMutexGuard<Writing>> {
        let turn = std::sync::Arc::clone(&self.writing).lock_owned();
        match tokio::runtime::Handle::try_current() {
            Ok(_) => tokio::time::timeout(TURN_MAX, turn).await.ok(),
            Err(_) => Some(turn.await),
        }
    }

    fn has_news(&self) -> bool {
        let core = self.books.core();
        core.next != core.persisted.next
    }

    /// Writes the stand and holds a snapshot of it. Nobody else can write meanwhile, so the frames end there.
    fn hold(&self, turn: &Writing) -> Result<Held, Error> {
        let (stand, position) = {
            let locked = self.books.lock()?;
            (Stand { epoch: locked.core.epoch, next: locked.core.next }, locked.core.position)
        };
        let connection = turn.connection();
        turn.capture().lock().switch(false);
        let written = connection
            .execute_batch("BEGIN IMMEDIATE")
            .and_then(|()| write_stand(connection, stand))
            .and_then(|()| connection.execute_batch("COMMIT"));
        turn.capture().lock().switch(true);
        if written.is_err() && !connection.is_autocommit() {
            let _failed_already = connection.execute_batch("ROLLBACK");
        }
        let held = written.and_then(|()| {
            let holder = self.checkpoints.holder.lock();
            if !holder.is_autocommit() {
                // The pass before this one was cancelled.
                holder.execute_batch("ROLLBACK")?;
            }
            holder.execute_batch("BEGIN")?;
            holder.query_row("SELECT next FROM main.bole_stand", [], |_| Ok(()))
        });
        held.map_err(|error| self.failed_sqlite(&error))?;
        Ok(Held { stand, position, frames: self.frames.last() })
    }

    /// The rest of a checkpoint; `false` if readers held it up, and it is to be tried again. Blocks.
    async fn complete(&self, held: Held, journal: &dyn Journal, tries: u32) -> Result<bool, Error> {
        let outcome = match wait::synced(journal, held.position).await {
            Ok(()) => self.move_up_to(&held, tries).await,
            Err(error) => Err(error.into()),
        };
        // After an error the snapshot stays until the process ends. The marker may be durable, and what was moved may not: without the snapshot the next
        // writer would start the `-wal` over, and the frames that the marker names would be gone.
        let complete = outcome?;
        let released = self.checkpoints.holder.lock().execute_batch("ROLLBACK");
        released.map_err(|error| self.failed_sqlite(&error))?;
        if complete {
            self.books.core().persisted = held.stand;
        }
        Ok(complete)
    }

    async fn move_up_to(&self, held: &Held, tries: u32) -> Result<bool, Error> {
        let marker = self.files.mark(held.frames).map_err(|error| self.failed(&error))?;
        for attempt in 1..=tries {
            let moved = move_frames(&self.checkpoints.mover.lock());
            if moved.map_err(|error| self.failed_sqlite(&error))? >= held.frames {
                self.files.unmark(&marker).map_err(|error| self.failed(&error))?;
                return Ok(true);
            }
            // A reader still needs what is there. Where there is no clock to wait by, the next pass comes anyway.
            if attempt == tries || tokio::runtime::Handle::try_current().is_err() {
                break;
            }
            tokio::time::sleep(TRY_INTERVAL).await;
        }
        // The marker stays until some later pass has moved as much and more.
        Ok(false)
    }

    /// Always final: an fsync is among what may have failed, and one that said that the disk is full has lost what it was asked to keep.
    fn failed(&self, error: &std::io::Error) -> Error {
        Error::Checkpoint { shard: self.books.name().to_string(), reason: error.to_string(), kind: Kind::Io }
    }

    fn failed_sqlite(&self, error: &rusqlite::Error) -> Error {
        let full = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull);
        let kind = if full { Kind::Full } else { Kind::Io };
        Error::Checkpoint { shard: self.books.name().to_string(), reason: error.to_string(), kind }
    }
}
