//! The session's own connection in a transaction: how it comes, what it adds to the catalog, and where it goes afterwards.

use std::sync::Arc;

use bole_sql_dialect::Catalog;
use bole_sql_types::{Error, Result, SqlState};

use super::{Writer, Writing};
use crate::store::error::from_sqlite;
use crate::store::temporary::{Space, Temporary};

/// The connection that is used.
pub(super) fn writing_mut<'a>(own: &'a mut Option<Space>, ticket: &'a mut Writing) -> &'a mut Writing {
    match own {
        Some(space) => &mut space.writing,
        None => ticket,
    }
}

/// Changes when another connection commits to `main.db`.
pub(super) fn data_version(ticket: &Writing) -> Result<i64> {
    let version = ticket.connection().query_row("PRAGMA main.data_version", [], |row| row.get(0));
    version.map_err(|error| from_sqlite(&error))
}

impl Writer {
    /// The connection that is used: the session's own, or the one of the ticket.
    pub(super) fn writing(&self) -> &Writing {
        self.own.as_ref().map_or(&*self.ticket, |space| &space.writing)
    }

    /// Whose transaction it is; before [`Writer::begin`]. Errors: the files.
    pub fn join(&mut self, temporary: &Arc<Temporary>) -> Result<()> {
        self.temporary = Some(Arc::clone(temporary));
        self.own = temporary.take();
        self.own.as_mut().map_or(Ok(()), Space::begin_writing)
    }

    /// The database's catalog with the session's objects.
    pub(super) fn overlaid(&self, base: &Arc<Catalog>) -> Arc<Catalog> {
        self.temporary.as_ref().map_or_else(|| Arc::clone(base), |temporary| temporary.overlaid(base))
    }

    /// The catalog as the database has it.
    pub(super) fn permanent(&self) -> Arc<Catalog> {
        if self.catalog.version == self.version {
            return self.database.catalog();
        }
        if self.catalog.temporary_version() == 0 {
            return Arc::clone(&self.catalog);
        }
        Arc::new(self.catalog.permanent())
    }

    /// From now on the connection is the session's own, and the ticket's is a new one. Errors: nobody is there to own it, too many sessions do (53400), the files.
    pub(super) fn own(&mut self) -> Result<()> {
        if self.own.is_some() {
            return Ok(());
        }
        if self.temporary.is_none() {
            return Err(Error::new(SqlState::INTERNAL_ERROR, "temporary objects without a session"));
        }
        let (shared, database) = (&self.database.shared, &self.database);
        let fresh = Writing::open(&database.files, &shared.registers, &database.frames)
            .map_err(|error| from_sqlite(&error))?;
        // Where there is no room for another, the fresh one goes with the error.
        let mut space = Space::new(fresh, &shared.quota)?;
        std::mem::swap(&mut space.writing, &mut *self.ticket);
        self.own.insert(space).begin_writing()
    }

    /// Writes down what COMMIT would have to write of temporary tables, where `main.db` or effects on other services are committed before them: it must not
    /// fail after that. Errors: no space.
    pub(super) fn flush_own(&self, has_effects: bool) -> Result<()> {
        let is_last = {
            let capture = self.writing().capture().lock();
            capture.has_temporary() && (has_effects || !capture.is_empty())
        };
        if self.own.is_none() || !is_last {
            return Ok(());
        }
        self.connection().cache_flush().map_err(|error| self.full(from_sqlite(&error)))
    }

    /// SQLite refused a commit of two files. The first may have been committed all the same; then the log and the file are no longer the same.
    pub(super) fn check_witness(&self, before: i64) {
        if data_version(&self.ticket).ok() != Some(before) {
            let reason = "a commit failed after its rows were visible; a restart continues from the log";
            self.database.books.quarantine(reason.to_owned());
        }
    }

    /// The transaction was committed.
    pub(super) fn keep_own(&self) {
        if let Some(temporary) = &self.temporary
            && self.own.is_some()
        {
            temporary.keep(self.catalog.temporary_objects());
        }
    }

    /// Puts the connection back where it belongs.
    pub(super) fn give_back(&mut self) {
        if let (Some(mut space), Some(temporary)) = (self.own.take(), &self.temporary) {
            space.end_writing();
            temporary.put(space);
        }
    }

    /// Whether temporary tables were changed in the transaction.
    pub fn has_temporary_changes(&self) -> bool {
        self.writing().capture().lock().has_temporary()
    }

    /// What an error means to who has changed temporary tables: there may be no room for them. One with a hint says already what there is no room for.
    pub fn full(&self, error: Error) -> Error {
        let is_told = error.more.as_ref().is_some_and(|more| more.hint.is_some());
        match &self.own {
            Some(space) if error.state == SqlState::DISK_FULL && !is_told && self.has_temporary_changes() => {
                space.full()
            }
            _ => error,
        }
    }
}
