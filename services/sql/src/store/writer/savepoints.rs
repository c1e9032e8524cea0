//! Savepoints, and what is done when SQLite has rolled back more than it should have.

use std::sync::Arc;

use super::Writer;
use crate::store::apply::Applier;
use crate::store::capture::Mark;
use crate::store::connection::check_rows;
use crate::store::error::from_sqlite;
use bole_sql_dialect::Catalog;
use bole_sql_types::{Error, Result, SqlState};

/// A savepoint that is open. In SQLite it is `s` and its place among them, because SQLite's names know no case.
pub(super) struct Savepoint {
    name: String,
    mark: Mark,
    catalog: Arc<Catalog>,
    /// How many sequences were set anew before.
    sequences: usize,
}

impl Writer {
    /// Opens a savepoint. Errors: the files.
    pub fn savepoint(&mut self, name: &str) -> Result<()> {
        self.run(&format!("SAVEPOINT s{}", self.savepoints.len()))?;
        let mark = self.writing().capture().lock().mark();
        let catalog = Arc::clone(&self.catalog);
        let sequences = self.sequences.len();
        self.savepoints.push(Savepoint { name: name.to_owned(), mark, catalog, sequences });
        Ok(())
    }

    /// Undoes what came after the savepoint, which stays open. Errors: 3B001 if there is none of this name; the files.
    pub fn rollback_to(&mut self, name: &str) -> Result<()> {
        let place = self.find(name)?;
        self.savepoints.truncate(place + 1);
        let Savepoint { mark, catalog, sequences, .. } = &self.savepoints[place];
        let (mark, sequences) = (*mark, *sequences);
        if self.is_lost() && self.has_temporary_changes() {
            let text = "temporary tables cannot be brought back to the savepoint after a statement that was interrupted";
            return Err(Error::new(SqlState(*b"40000"), text).with_hint("Roll the transaction back."));
        }
        self.catalog = Arc::clone(catalog);
        self.writing().capture().lock().truncate(mark);
        self.undo_sequences(sequences);
        if self.connection().is_autocommit() {
            return self.restore();
        }
        self.run(&format!("ROLLBACK TO s{place}"))
    }

    /// Forgets the savepoint and those after it; what was done stays. Errors: 3B001, the files.
    pub fn release(&mut self, name: &str) -> Result<()> {
        let place = self.find(name)?;
        self.savepoints.truncate(place);
        self.run(&format!("RELEASE s{place}"))
    }

    /// The newest of its name.
    fn find(&self, name: &str) -> Result<usize> {
        self.savepoints.iter().rposition(|savepoint| savepoint.name == name).ok_or_else(|| {
            let text = format!("savepoint \"{name}\" does not exist");
            Error::new(SqlState::INVALID_SAVEPOINT_SPECIFICATION, text)
        })
    }

    fn run(&self, sql: &str) -> Result<()> {
        self.connection().execute_batch(sql).map_err(|error| from_sqlite(&error))
    }

    /// Whether SQLite has rolled the whole transaction back: it does so when a statement that writes is interrupted, or a file fails. What the client
    /// can do then is what it can do after any error: roll back, also to a savepoint.
    pub fn is_lost(&self) -> bool {
        self.connection().is_autocommit()
    }

    /// Does again what was recorded, with the savepoints in it. Nobody else has had the ticket meanwhile, so it meets the rows that it met before.
    fn restore(&mut self) -> Result<()> {
        self.restored = true;
        let capture = Arc::clone(self.writing().capture());
        let (recorded, places) = {
            let capture = capture.lock();
            let end = capture.mark();
            let places: Vec<Mark> = self.savepoints.iter().map(|savepoint| savepoint.mark).collect();
            let starts = std::iter::once(Mark::START).chain(places.iter().copied());
            let ends = places.iter().copied().chain([end]);
            let pieces: Vec<Vec<u8>> =
                starts.zip(ends).map(|(from, to)| capture.between(from, to).to_vec()).collect();
            (pieces, places.len())
        };
        capture.lock().switch(false);
        let restored = self.replay(&recorded, places);
        capture.lock().switch(true);
        let foreign_keys = check_rows(self.connection(), true);
        restored?;
        foreign_keys.map_err(|error| from_sqlite(&error))
    }

    fn replay(&self, pieces: &[Vec<u8>], savepoints: usize) -> Result<()> {
        let connection = self.connection();
        check_rows(connection, false).map_err(|error| from_sqlite(&error))?;
        self.run("BEGIN IMMEDIATE")?;
        let mut applier = Applier::default();
        for (place, piece) in pieces.iter().enumerate() {
            applier.apply(connection, piece).map_err(|reason| {
                let text = format!("the transaction cannot be done again up to the savepoint: {reason}");
                Error::new(SqlState::INTERNAL_ERROR, text)
            })?;
            if place < savepoints {
                self.run(&format!("SAVEPOINT s{place}"))?;
            }
        }
        Ok(())
    }
}
