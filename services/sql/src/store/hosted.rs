//! Recovery: the log is replayed from the stand of `main.db` on, in one transaction of SQLite.

use std::panic::AssertUnwindSafe;

use bole_base::{Clock, Epoch, LogId, Offset};
use bole_log::{EntryRef, Journal, PayloadKind};
use bole_shard::checkpoint::{PassReport, Store};
use bole_shard::durable::Stand;
use bole_shard::hosted::BoxFuture;
use bole_shard::transaction::{effects, payload};
use bole_shard::{Error, Hosted, Place, ShardStatus, Transaction};

use super::apply::Applier;
use super::connection::check_rows;
use super::database::{Database, write_stand};
use crate::entry;

impl Database {
    /// Takes in an entry of recovery; it is fsynced already. The error says why the shard cannot go on.
    fn take_in(&self, entry: &EntryRef<'_>) -> Result<(), String> {
        let header = &entry.header;
        let mut core = self.books.core();
        if core.quarantine.is_some() {
            return Ok(());
        }
        if header.offset > core.next {
            return Err(format!(
                "the log goes on at offset {} where the files expect {}; entries are missing",
                header.offset, core.next
            ));
        }
        let epoch = core.seen.map_or(header.epoch, |seen| seen.epoch.max(header.epoch));
        core.seen = Some(Stand { epoch, next: header.offset.next() });
        if header.offset < core.next {
            if header.offset.next() == core.next && epoch != core.epoch {
                return Err(format!(
                    "the files stand at offset {} in epoch {}, where the log has epoch {epoch}; they do not belong together",
                    core.next, core.epoch
                ));
            }
            return Ok(());
        }
        let ignored = header.epoch < core.epoch || header.kind == PayloadKind::EPOCH;
        core.epoch = core.epoch.max(header.epoch);
        core.next = header.offset.next();
        drop(core);
        if ignored {
            return Ok(());
        }
        let applied = std::panic::catch_unwind(AssertUnwindSafe(|| self.apply(entry)));
        applied
            .unwrap_or_else(|_| Err("a panic while it was applied".to_owned()))
            .map_err(|reason| format!("entry at offset {}: {reason}", header.offset))
    }

    /// Keeps what an entry did to the catalog, for feeds; also one that the files have already.
    fn remember_replayed(&self, entry: &EntryRef<'_>) -> Result<(), String> {
        let header = &entry.header;
        let is_ignored = self.books.core().seen.is_some_and(|seen| header.epoch < seen.epoch);
        if !self.is_fed() || is_ignored || header.kind == PayloadKind::EPOCH {
            return Ok(());
        }
        // An attachment is read here only where nobody else had to.
        let next = self.books.core().persisted.next;
        let held = if header.offset < next {
            payload(&**self.journal(), entry).map_err(|error| error.to_string())?
        } else {
            None
        };
        let entry = match (&held, header.offset < next) {
            (Some(payload), _) => EntryRef { payload, ..*entry },
            (None, false) => *entry,
            // It was trimmed, and came back with a crash.
            (None, true) => return Ok(()),
        };
        for part in effects(&entry) {
            self.history.note(header.offset, part?.2)?;
        }
        Ok(())
    }

    /// Applies an entry in the transaction of the replay, which the first one begins.
    fn apply(&self, entry: &EntryRef<'_>) -> Result<(), String> {
        let writing = self.writing.try_lock().map_err(|_| "somebody writes while the log is replayed")?;
        let connection = writing.connection();
        let mut replaying = self.replaying.lock();
        let applier = if let Some(applier) = &mut *replaying {
            applier
        } else {
            writing.capture().lock().switch(false);
            let begun =
                check_rows(connection, false).and_then(|()| connection.execute_batch("BEGIN IMMEDIATE"));
            begun.map_err(|error| error.to_string())?;
            replaying.insert(Applier::default())
        };
        for part in effects(entry) {
            let (kind, version, payload) = part?;
            if !entry::is_known(kind, version) {
                return Err(format!(
                    "payload kind {} version {version} is not known to this version; start the version that wrote it",
                    kind.0
                ));
            }
            applier.apply(connection, payload)?;
        }
        Ok(())
    }

    /// Ends the transaction of the replay, and takes the catalog from what is there now.
    fn end_replay(&self) -> Result<(), String> {
        if self.replaying.lock().take().is_some() {
            let writing = self.writing.try_lock().map_err(|_| "somebody writes while the log is replayed")?;
            let connection = writing.connection();
            let stand = {
                let core = self.books.core();
                Stand { epoch: core.epoch, next: core.next }
            };
            let ended = write_stand(connection, stand)
                .and_then(|()| connection.execute_batch("COMMIT"))
                .and_then(|()| check_rows(connection, true));
            writing.capture().lock().switch(true);
            ended.map_err(|error| error.to_string())?;
        }
        self.load().map_err(|error| error.to_string())?;
        self.after_commit();
        Ok(())
    }

    fn give_up_replay(&self, reason: String) {
        if self.replaying.lock().take().is_some()
            && let Ok(writing) = self.writing.try_lock()
            && let Err(error) = writing.connection().execute_batch("ROLLBACK")
        {
            tracing::warn!(shard = %self.books.name(), %error, "what was replayed could not be rolled back");
        }
        self.books.quarantine(reason);
    }
}

impl Hosted for Database {
    fn id(&self) -> LogId {
        self.log()
    }

    fn next(&self) -> Offset {
        self.books.lock().map_or(Offset(u64::MAX), |locked| locked.core.next)
    }

    fn quarantine(&self, reason: String) {
        self.books.quarantine(reason);
    }

    /// The files came with their own bytes.
    fn restore(&self, _store: &Store) -> Result<(), String> {
        Ok(())
    }

    fn replay(&self, entry: &EntryRef<'_>) {
        if let Err(reason) = self.take_in(entry) {
            self.give_up_replay(reason);
        } else if let Err(reason) = self.remember_replayed(entry) {
            self.history.note_unread(entry.header.offset);
            self.tell_unknown(&reason);
        }
    }

    fn finish_replay(&self, _end: Offset, tail: Offset) {
        self.history.trim(self.journal().first(self.log()));
        let Ok(next) = self.books.lock().map(|locked| locked.core.next) else { return };
        if tail != Offset::ZERO && tail < next {
            self.give_up_replay(format!(
                "the files stand at offset {next}, but the log ends at {tail}: acknowledged entries are missing"
            ));
        } else if let Err(reason) = self.end_replay() {
            self.books.quarantine(format!("what was replayed cannot be kept: {reason}"));
        }
    }

    fn announce(&self, transaction: &mut Transaction) -> Result<(), Error> {
        let Ok(mut locked) = self.books.lock() else { return Ok(()) };
        let core = &mut *locked.core;
        let epoch = Epoch(core.epoch.0 + 1);
        let place = Place { log: self.log(), offset: core.next, epoch };
        transaction.push(place, bole_base::Durability::Sync, PayloadKind::EPOCH, 1, |_| {})?;
        core.epoch = epoch;
        core.next = core.next.next();
        Ok(())
    }

    fn checkpoint<'a>(
        &'a self,
        _store: &'a mut Store,
        journal: &'a dyn Journal,
        clock: &'a dyn Clock,
    ) -> BoxFuture<'a, Result<PassReport, Error>> {
        Box::pin(self.checkpoint_pass(journal, clock))
    }

    fn checkpointed(&self) -> Offset {
        self.books.core().persisted.next
    }

    fn status(&self) -> ShardStatus {
        let memory_bytes = self.memory_bytes();
        let core = self.books.core();
        ShardStatus {
            id: self.log(),
            name: self.books.name().to_string(),
            next: core.next,
            checkpoint: core.persisted.next,
            memory_bytes,
            quarantined: core.quarantine.clone(),
        }
    }
}
