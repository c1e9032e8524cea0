//! The write ticket, and a transaction that has it.

mod constraints;
mod own;
mod savepoints;
mod schema;

use std::sync::Arc;
use std::time::Duration;

use bole_shard::participant::{Committed, Outbox, Participants, Request};
use bole_sql_dialect::Catalog;
use bole_sql_functions::Context;
use bole_sql_types::{Error, Result, SqlState};
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::OwnedMutexGuard;

use super::books::Seen;
use super::capture::{Capture, Mark};
use super::commit::Commit;
use super::connection::{Register, Role};
use super::database::{Database, register};
use super::error::{from_shard, from_sqlite};
use super::files::Files;
use super::preupdate::Recorded;
use super::sequences::{Standing, write_row};
use super::snapshots::Frames;
use super::temporary::{Space, Temporary};
use super::undurable::Changes;
pub use constraints::Deferral;
use own::{data_version, writing_mut};
use savepoints::Savepoint;

/// The writing connection.
pub(crate) struct Writing {
    recorded: Recorded<Capture>,
    context: Context,
}

impl Writing {
    pub(crate) fn open(
        files: &Files,
        registers: &[Register],
        frames: &Arc<Frames>,
    ) -> rusqlite::Result<Self> {
        let (mut connection, context) = (files.connect(Role::Writer)?, Context::default());
        let frames = Arc::clone(frames);
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, count: std::ffi::c_int| {
            frames.note(count.max(0) as u32);
            Ok(())
        }))?;
        let limit = crate::limits::WAL_BYTES_MAX as i64;
        connection.pragma_update(None, "journal_size_limit", limit)?;
        register(registers, &connection, &context)?;
        Ok(Self { recorded: Recorded::new(connection, Capture::default()), context })
    }

    pub(crate) const fn connection(&self) -> &Connection {
        self.recorded.connection()
    }

    pub(crate) const fn connection_mut(&mut self) -> &mut Connection {
        self.recorded.connection_mut()
    }

    pub(crate) const fn context(&self) -> &Context {
        &self.context
    }

    pub(crate) const fn capture(&self) -> &Arc<Mutex<Capture>> {
        self.recorded.recorder()
    }

    /// Ends what is open without a trace.
    fn roll_back(&self) {
        let connection = self.connection();
        if !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
        self.capture().lock().reset(None);
    }
}

/// A transaction that may write. Dropping it rolls back and gives the ticket on.
pub struct Writer {
    database: Arc<Database>,
    /// The ticket, with the connection that goes with it.
    ticket: OwnedMutexGuard<Writing>,
    /// The session's temporary objects.
    temporary: Option<Arc<Temporary>>,
    /// The connection with them, which is used in place of the ticket's.
    own: Option<Space>,
    catalog: Arc<Catalog>,
    /// The version of the catalog that the transaction found.
    version: u64,
    savepoints: Vec<Savepoint>,
    /// Where sequences stood before the transaction set them anew.
    sequences: Vec<(u32, Option<Standing>)>,
    /// SQLite had rolled everything back by itself, and it was put in again.
    restored: bool,
    /// Who commits waits by [`Database::durable`], which asks for the fsync.
    awaited: bool,
}

/// A statement that runs: dropping it forgets what was recorded of it, because SQLite undoes a statement that fails.
pub struct Statement {
    capture: Arc<Mutex<Capture>>,
    mark: Mark,
    kept: bool,
}

impl Statement {
    /// The statement ended well. Errors: the transaction has become too large (54000).
    pub fn keep(mut self) -> Result<()> {
        if let Some(error) = self.failure() {
            return Err(error);
        }
        self.kept = true;
        Ok(())
    }

    /// Why the statement was interrupted, if the store did it.
    pub fn failure(&self) -> Option<Error> {
        self.capture.lock().error().cloned()
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        if !self.kept {
            self.capture.lock().truncate(self.mark);
        }
    }
}

impl Database {
    /// The write ticket: waits its turn, at most `wait` (`Duration::MAX`: for ever). May be dropped while it waits. Errors: 55P03.
    pub async fn writer(self: &Arc<Self>, wait: Duration) -> Result<Writer> {
        let turn = Arc::clone(&self.writing).lock_owned();
        let ticket = if wait == Duration::MAX {
            turn.await
        } else {
            tokio::time::timeout(wait, turn).await.map_err(|_| {
                let text = "canceling statement due to lock timeout";
                Error::new(SqlState::LOCK_NOT_AVAILABLE, text)
            })?
        };
        let catalog = self.catalog();
        Ok(Writer {
            database: Arc::clone(self),
            ticket,
            temporary: None,
            own: None,
            version: catalog.version,
            catalog,
            savepoints: Vec::new(),
            sequences: Vec::new(),
            restored: false,
            awaited: false,
        })
    }
}

impl Writer {
    /// Begins SQLite's transaction. Errors: the database is stopped (57P03), the files.
    pub fn begin(&mut self) -> Result<()> {
        self.database.books.check().map_err(|error| from_shard(&error))?;
        self.ticket.roll_back();
        self.writing().roll_back();
        self.catalog = self.overlaid(&self.database.catalog());
        self.version = self.catalog.version;
        let mut begin =
            self.connection().prepare_cached("BEGIN IMMEDIATE").map_err(|error| from_sqlite(&error))?;
        begin.execute([]).map(drop).map_err(|error| from_sqlite(&error))
    }

    /// Whether something was committed that is not in the snapshot.
    pub fn is_behind(&self, seen: &Seen) -> bool {
        self.database.books.is_behind(seen)
    }

    /// Which commits its statements may show: all so far.
    pub fn seen(&self) -> Seen {
        let books = &self.database.books;
        books.seen(books.low(), self.database.class())
    }

    /// The database.
    pub const fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// What the database contains, with the transaction's own changes.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog)
    }

    /// The connection. Whoever runs a statement that changes rows takes [`Writer::statement`] before.
    pub fn connection(&self) -> &Connection {
        self.writing().connection()
    }

    /// The connection, for what rusqlite wants alone: a progress handler.
    pub fn connection_mut(&mut self) -> &mut Connection {
        writing_mut(&mut self.own, &mut self.ticket).recorded.connection_mut()
    }

    /// What the connection's functions know.
    pub fn context(&self) -> &Context {
        &self.writing().context
    }

    /// To be taken before a statement and kept after it.
    pub fn statement(&self) -> Statement {
        let capture = Arc::clone(self.writing().capture());
        let mark = capture.lock().mark();
        Statement { capture, mark, kept: false }
    }

    /// Whether the transaction has changed anything that is to be logged.
    pub fn has_changes(&self) -> bool {
        !self.writing().capture().lock().is_empty() || !self.database.sequences().is_written()
    }

    /// Commits the transaction and `effects` on other services as one batch, and gives the ticket on. It is visible when this returns, and appended; the reply waits
    /// for [`Database::durable`]. Short work on the files happens in the calling thread. Dropped while it waits for journal space: rolled back.
    ///
    /// Errors, after which nothing happened and all is rolled back: a constraint that is checked here (23503), effects that are refused, no space (53100), the
    /// files. Errors after which it may have happened: the journal failed (58030), and then the database is stopped.
    pub async fn commit(mut self, effects: Vec<(String, Request)>) -> Result<Seen> {
        self.awaited = true;
        let database = Arc::clone(&self.database);
        let nobody = Participants::new(Arc::clone(database.journal()));
        let among = database.shared.participants.get().map_or(&nobody, |all| &**all);
        let committed = self.commit_among(among, effects).await?;
        let books = &database.books;
        let seen = books.seen(books.low(), committed.class.max(database.class()));
        let position = seen.position.map(|position| position.max(committed.position));
        Ok(Seen { position, ..seen })
    }

    /// As [`Writer::commit`], with effects on these services; the reply waits until the batch is durable in the database's class, or its own where that is stronger.
    pub async fn commit_among(
        mut self,
        among: &Participants,
        effects: Vec<(String, Request)>,
    ) -> Result<Committed> {
        self.check()?;
        let written = self.write_sequences()?;
        self.flush_own(!effects.is_empty())?;
        let database = Arc::clone(&self.database);
        let mut outbox = among.outbox();
        for (service, request) in effects {
            outbox.send(&service, request).map_err(|error| from_shard(&error))?;
        }
        let committed = self.commit_batch(&outbox).await?;
        self.keep_own();
        database.sequences().written(&written);
        self.sequences.clear();
        database.after_commit();
        Ok(committed)
    }

    /// What would make COMMIT fail, and what must not be committed.
    fn check(&mut self) -> Result<()> {
        if let Some(error) = self.writing().capture().lock().error().cloned() {
            return Err(error);
        }
        if self.connection().is_autocommit() {
            let text = "the transaction was rolled back by an earlier failure";
            return Err(Error::new(SqlState::IN_FAILED_SQL_TRANSACTION, text));
        }
        self.check_at_commit()
    }

    /// Writes what sequences have given out since the last commit. Which ones.
    fn write_sequences(&self) -> Result<Vec<u32>> {
        let unwritten = self.database.sequences().unwritten();
        for (oid, standing) in &unwritten {
            if let Err(error) = write_row(self.connection(), *oid, *standing) {
                // A transaction that is too large stops SQLite, which only says that it was interrupted.
                let why = self.writing().capture().lock().error().cloned();
                return Err(why.unwrap_or_else(|| from_sqlite(&error)));
            }
        }
        Ok(unwritten.into_iter().map(|(oid, _)| oid).collect())
    }

    async fn commit_batch(&mut self, outbox: &Outbox<'_>) -> Result<Committed> {
        let database = &*self.database;
        let runtime = database.runtime()?;
        if self.writing().capture().lock().is_empty() {
            // Nothing of its own that others see. Temporary rows come last: where the effects are refused, they are rolled back.
            let committed = outbox.commit(&runtime, &mut runtime.transaction()).await;
            let committed = committed.map_err(|error| from_shard(&error))?;
            self.connection().execute_batch("COMMIT").map_err(|error| from_sqlite(&error))?;
            return Ok(committed);
        }
        let payload = self.writing().capture().lock().take();
        let witness = if self.own.is_some() { Some(data_version(&self.ticket)?) } else { None };
        let writing = writing_mut(&mut self.own, &mut self.ticket);
        let mut commit = Commit {
            database,
            connection: writing.recorded.connection_mut(),
            payload: &payload,
            alters: self.catalog.version != self.version,
            changes: Some(Changes::of(&self.catalog, &payload)),
            refused: None,
            committed: false,
        };
        let mut transaction = runtime.transaction();
        if self.awaited {
            transaction.set_awaited();
        }
        let altering = commit.alters.then(|| database.altering.begin());
        let outcome = outbox.commit_for(Some(&mut commit), &runtime, &mut transaction).await;
        let (refused, committed) = (commit.refused, commit.committed);
        if committed {
            database.set_catalog(self.permanent());
        }
        drop(altering);
        self.writing().capture().lock().reset(Some(payload));
        if let (Some(before), Some(_)) = (witness, &refused) {
            self.check_witness(before);
        }
        match (outcome, refused) {
            (Ok(committed), _) => Ok(committed),
            (Err(_), Some(error)) => Err(from_sqlite(&error)),
            (Err(error), None) => Err(from_shard(&error)),
        }
    }

    /// Rolls back and gives the ticket on.
    pub fn rollback(self) {
        drop(self);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.writing().roll_back();
        self.writing().context.leave();
        self.undo_sequences(0);
        self.give_back();
    }
}

impl Database {
    /// Tells whoever looks after it when the `-wal` has become large.
    pub(super) fn after_commit(&self) {
        if self.checkpoints.is_due(self.frames.last()) || self.is_over() {
            self.shared.large.notify_one();
        }
    }
}
