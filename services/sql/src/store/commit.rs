//! The moment of a commit: SQLite's COMMIT between the reservation of journal space and the first push.

use bole_base::{LogId, Position};
use bole_log::entry::ENTRY_HEADER_BYTES;
use bole_shard::participant::{Initiator, LockedParticipant, Request};
use bole_shard::{Error, Place, Transaction};
use rusqlite::Connection;

use super::books::Locked;
use super::database::Database;
use super::undurable::Changes;
use crate::entry;

/// Journal space of an entry besides its payload: its head, and that of an effect in a large transaction.
const SPACE: usize = ENTRY_HEADER_BYTES + 16;

/// A transaction of the writing connection at its COMMIT.
pub(crate) struct Commit<'a> {
    pub(crate) database: &'a Database,
    pub(crate) connection: &'a mut Connection,
    pub(crate) payload: &'a [u8],
    /// Whether it changes the catalog.
    pub(crate) alters: bool,
    /// What it changes; `None` once that is noted.
    pub(crate) changes: Option<Changes>,
    /// What SQLite said against it.
    pub(crate) refused: Option<rusqlite::Error>,
    /// Whether SQLite took it.
    pub(crate) committed: bool,
}

impl Initiator for Commit<'_> {
    fn log(&self) -> LogId {
        self.database.log()
    }

    fn lock(&mut self) -> Result<Box<dyn LockedParticipant + '_>, Error> {
        Ok(Box::new(LockedCommit { locked: self.database.books.lock()?, commit: self }))
    }
}

struct LockedCommit<'a, 'b> {
    locked: Locked<'a>,
    commit: &'a mut Commit<'b>,
}

impl LockedParticipant for LockedCommit<'_, '_> {
    fn validate(&mut self, _requests: &[Request]) -> Result<usize, Error> {
        Ok(self.commit.payload.len() + SPACE)
    }

    fn make_final(&mut self) -> Result<(), Error> {
        self.locked.begin();
        if let Err(error) =
            self.commit.connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]))
        {
            self.locked.done(None);
            let text = format!("SQLite cannot commit: {error}");
            self.commit.refused = Some(error);
            return Err(Error::Refused(text));
        }
        self.commit.committed = true;
        self.locked.committed();
        Ok(())
    }

    fn push(&mut self, _requests: &[Request], transaction: &mut Transaction) -> Result<(), Error> {
        let core = &mut self.locked.core;
        let place = Place { log: self.commit.database.log(), offset: core.next, epoch: core.epoch };
        let payload = self.commit.payload;
        if self.commit.alters
            && self.commit.database.is_fed()
            && let Err(reason) = self.commit.database.remember(core.next, payload)
        {
            self.commit.database.tell_unknown(&reason);
        }
        let class = self.commit.database.class();
        transaction.push(place, class, entry::KIND, entry::VERSION, |out| out.extend_from_slice(payload))?;
        core.next = core.next.next();
        Ok(())
    }

    fn appended(&mut self, position: Position) {
        if let Some(changes) = self.commit.changes.take() {
            self.commit.database.note_undurable(changes, position);
        }
        self.locked.done(Some(position));
    }
}
