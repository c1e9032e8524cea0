//! Transactions: their blocks, their snapshots, their savepoints, and what happens at their end.

use std::sync::Arc;
use std::time::Duration;

use bole_sql_dialect::Catalog;
use bole_sql_types::{Error, Result, SqlState};

use super::{Granted, Halt, Session, Wait, effects};
use crate::error::in_failed_block;
use crate::metrics::count;
use crate::store::{Deferral, Parked, Reader, Writer};

/// Savepoints of one transaction.
const SAVEPOINTS_MAX: usize = 10_000;

/// Where a session stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// No transaction.
    #[default]
    Idle,
    /// One that ends with the query or at `Sync`.
    Implicit,
    /// One that was begun.
    Block,
    /// A block in which a statement failed.
    Failed,
}

/// What a transaction sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// Each statement what was committed before it.
    #[default]
    ReadCommitted,
    /// All statements what was committed before the first; that is serializable, as one transaction at a time writes.
    Snapshot,
}

/// The transaction of a session.
#[derive(Default)]
pub(crate) struct Transaction {
    pub(crate) state: State,
    pub(crate) isolation: Isolation,
    pub(crate) read_only: bool,
    /// Microseconds since 2000-01-01 UTC when it began.
    pub(crate) began: i64,
    pub(crate) writer: Option<Writer>,
    /// The snapshot of [`Isolation::Snapshot`], once a statement has run.
    pub(crate) reader: Option<Parked>,
    /// A statement has run, so that the isolation level cannot change any more.
    pub(crate) started: bool,
    /// It changed the schema: plans are of no use to others.
    pub(crate) schema_changed: bool,
    savepoints: Vec<Savepoint>,
    /// Which constraints are checked at its end.
    pub(crate) deferral: Deferral,
    /// What to do with listening when it commits.
    pub(crate) listening: Vec<Listening>,
}

/// A change of what a session listens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listening {
    Start(String),
    Stop(String),
    StopAll,
}

struct Savepoint {
    name: String,
    settings: usize,
    notifications: usize,
    requests: usize,
    bytes: usize,
    listening: usize,
    deferral: Deferral,
}

/// SQLite's name of the savepoint at a depth.
fn level(depth: usize) -> String {
    format!("s{depth}")
}

impl Session {
    /// Begins a transaction unless one is open.
    pub(crate) fn begin_implicit(&mut self) {
        if self.transaction.state != State::Idle {
            return;
        }
        let mut settings = self.shared.settings.lock();
        settings.begin_transaction();
        let derived = settings.derived();
        self.transaction = Transaction {
            state: State::Implicit,
            isolation: isolation(&derived.default_isolation),
            read_only: derived.default_read_only,
            began: effects::now(),
            ..Transaction::default()
        };
    }

    /// Makes what is open a block, or begins one.
    pub(crate) fn begin_block(&mut self) {
        self.begin_implicit();
        self.transaction.state = State::Block;
    }

    /// The modes as `SHOW` gives them.
    pub(crate) fn shown_modes(&self) -> (String, bool) {
        let settings = self.shared.settings.lock();
        let level = settings.get("transaction_isolation").unwrap_or_default().to_owned();
        (level, self.transaction.read_only)
    }

    /// Makes `SHOW` give these modes until the transaction ends.
    pub(crate) fn show_modes(&self, (level, read_only): &(String, bool)) -> Result<()> {
        let mut settings = self.shared.settings.lock();
        let value = if *read_only { "on" } else { "off" };
        for (name, value) in [("transaction_isolation", level.as_str()), ("transaction_read_only", value)] {
            if settings.get(name)? != value {
                settings.set(name, Some(value), true)?;
            }
        }
        Ok(())
    }

    /// Errors: the block failed, and this is not its end.
    pub(crate) fn check_not_failed(&self) -> Result<()> {
        if self.transaction.state == State::Failed { Err(in_failed_block()) } else { Ok(()) }
    }

    /// Errors: a block is open, or statements came before in this query.
    pub(crate) fn check_no_block(&self, what: &str) -> Result<()> {
        let message = match self.transaction.state {
            State::Block | State::Failed => format!("{what} cannot run inside a transaction block"),
            _ if self.transaction.started => format!("{what} cannot be executed within a pipeline"),
            _ => return Ok(()),
        };
        Err(Error::new(SqlState::ACTIVE_SQL_TRANSACTION, message))
    }

    /// What the next statement will see, as far as that is known without a snapshot.
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        match (&self.transaction.writer, &self.transaction.reader) {
            (Some(writer), _) => {
                self.consult();
                writer.catalog()
            }
            (None, Some(reader)) => reader.catalog(),
            (None, None) => {
                let catalog = self.database.catalog();
                self.consult();
                self.temporary.overlaid(&catalog)
            }
        }
    }

    /// A reader with the snapshot of the next statement. To be given back by [`Session::put_reader`].
    pub(crate) fn take_reader(&mut self) -> Result<Reader, Halt> {
        if let Some(parked) = &self.transaction.reader {
            // One that was ended stays, so that whatever comes later in this transaction fails, too.
            return Ok(parked.resume()?);
        }
        let mut reader = match (self.database.own_reader(&self.temporary), self.granted.take()) {
            (Some(reader), _) => reader,
            (None, Some(Granted::Reader(reader))) => reader?,
            (None, other) => {
                self.granted = other;
                match self.database.reader_now() {
                    Some(reader) => reader?,
                    None => return Err(Halt::Wait(Wait::Reader)),
                }
            }
        };
        reader.begin()?;
        Ok(reader)
    }

    /// Ends the statement's snapshot, or keeps it for the transaction. All that it has counts as shown.
    pub(crate) fn put_reader(&mut self, reader: Reader) {
        self.out.saw(reader.seen());
        self.keep_reader(reader);
    }

    /// As [`Session::put_reader`], after what was shown is noted.
    pub(super) fn keep_reader(&mut self, reader: Reader) {
        if self.transaction.isolation == Isolation::Snapshot && self.transaction.state != State::Idle {
            match &self.transaction.reader {
                Some(parked) => parked.put(reader),
                None => self.transaction.reader = reader.park(),
            }
        }
    }

    /// Errors: the transaction reads only.
    pub(crate) fn check_writes(&self, what: &str) -> Result<()> {
        if self.transaction.read_only {
            let message = format!("cannot execute {what} in a read-only transaction");
            return Err(Error::new(SqlState::READ_ONLY_SQL_TRANSACTION, message));
        }
        Ok(())
    }

    /// Takes the write ticket unless the transaction has it.
    pub(crate) fn take_ticket(&mut self, nowait: bool) -> Result<(), Halt> {
        if self.transaction.writer.is_some() {
            return Ok(());
        }
        let writer = self.ticket(nowait)?;
        Ok(self.adopt(writer)?)
    }

    /// The write ticket, when it is this session's turn. Errors: 55P03 after `lock_timeout`.
    pub(crate) fn ticket(&mut self, nowait: bool) -> Result<Writer, Halt> {
        let timeout = self.shared.settings.lock().derived().lock_timeout;
        let wait = if nowait { Duration::ZERO } else { timeout.unwrap_or(Duration::MAX) };
        match self.granted.take() {
            Some(Granted::Writer(writer)) => Ok(writer?),
            other => {
                self.granted = other;
                let writer = now_or_never(self.database.writer(wait));
                Ok(writer.ok_or(Halt::Wait(Wait::Writer(wait)))??)
            }
        }
    }

    fn adopt(&mut self, writer: Writer) -> Result<()> {
        if let Some(parked) = &self.transaction.reader {
            parked.check()?;
        }
        // Nobody commits while the ticket is held. The snapshot stays where this fails: what comes after a rollback to a savepoint is judged by it again.
        if self.transaction.reader.as_ref().is_some_and(|reader| writer.is_behind(&reader.seen())) {
            let message = "could not serialize access due to concurrent update";
            return Err(Error::new(SqlState::SERIALIZATION_FAILURE, message));
        }
        // With temporary tables there is one connection for both, so its snapshot ends first.
        let ended = self.transaction.reader.take_if(|reader| reader.is_own());
        if let Some(reader) = &ended {
            self.out.saw(reader.seen());
        }
        let has_ended = ended.is_some();
        drop(ended);
        let begun = self.begin_writing(writer);
        if begun.is_err() && has_ended {
            // It cannot be had again, so nothing of the transaction may go on.
            self.transaction.savepoints.clear();
        }
        begun
    }

    fn begin_writing(&mut self, mut writer: Writer) -> Result<()> {
        writer.join(&self.temporary)?;
        writer.begin()?;
        for depth in 0..self.transaction.savepoints.len() {
            writer.savepoint(&level(depth))?;
        }
        // Each statement so far noted what it showed of the snapshot; what comes sees just as many commits.
        drop(self.transaction.reader.take());
        self.begin_showing(writer.seen());
        self.transaction.writer = Some(writer);
        Ok(())
    }

    /// Commits what is open. Errors: it was rolled back.
    pub(crate) fn commit(&mut self) -> Result<()> {
        let pending = std::mem::take(&mut *self.shared.pending.lock());
        if self.transaction.writer.is_none() && !pending.requests.is_empty() {
            // Cannot be: who sends requests has the ticket.
            self.rollback();
            return Err(Error::new(SqlState::INTERNAL_ERROR, "effects without the write ticket"));
        }
        if let Some(reader) = self.transaction.reader.take() {
            self.out.saw(reader.seen());
        }
        if let Err(error) = self.change_temporary_at_commit() {
            self.rollback();
            return Err(error);
        }
        if let Some(writer) = self.transaction.writer.take() {
            let committed = self.service.handle.block_on(writer.commit(pending.requests));
            match committed {
                Ok(seen) => {
                    self.out.saw(seen);
                    count(&self.service.metrics.commits, 1);
                }
                Err(error) => {
                    self.rollback();
                    return Err(error);
                }
            }
        }
        let listening = std::mem::take(&mut self.transaction.listening);
        self.listen(listening);
        self.deliver.extend(pending.notifications);
        self.shared.settings.lock().commit();
        self.ended(true);
        Ok(())
    }

    fn listen(&mut self, changes: Vec<Listening>) {
        if changes.is_empty() {
            return;
        }
        let (hub, database) = (&self.service.hub, self.database.name());
        for change in changes {
            match change {
                Listening::Start(channel) => hub.listen(self.process_id, database, &channel),
                Listening::Stop(channel) => hub.unlisten(self.process_id, database, &channel),
                Listening::StopAll => hub.unlisten_all(self.process_id),
            }
        }
        self.listens = self.channels() > 0;
    }

    /// Channels that the session listens to.
    pub(crate) fn channels(&self) -> usize {
        self.service.hub.channels_of(self.process_id)
    }

    /// Rolls back what is open.
    pub(crate) fn rollback(&mut self) {
        if self.transaction.state == State::Idle {
            return;
        }
        *self.shared.pending.lock() = effects::Pending::default();
        self.give_up();
        self.shared.settings.lock().rollback_to(0);
        count(&self.service.metrics.rollbacks, 1);
        self.ended(false);
    }

    /// Lets the ticket and the snapshot go, without a change.
    fn give_up(&mut self) {
        if let Some(reader) = self.transaction.reader.take() {
            self.out.saw(reader.seen());
        }
        if let Some(writer) = self.transaction.writer.take() {
            writer.rollback();
        }
    }

    fn ended(&mut self, committed: bool) {
        self.transaction = Transaction::default();
        self.granted = None;
        self.portals.retain(|_, portal| portal.survives(committed));
        self.service.advisory.release_transaction(self.process_id);
    }

    /// A statement failed.
    pub(crate) fn fail_transaction(&mut self) {
        match self.transaction.state {
            State::Idle => {}
            State::Implicit => self.rollback(),
            State::Block | State::Failed => {
                self.transaction.state = State::Failed;
                if self.transaction.savepoints.is_empty() {
                    // Nothing of it can come back, so others need not wait for its end.
                    self.give_up();
                }
            }
        }
    }

    /// `SAVEPOINT`.
    pub(crate) fn savepoint(&mut self, name: &str) -> Result<()> {
        let depth = self.transaction.savepoints.len();
        if depth >= SAVEPOINTS_MAX {
            return Err(Error::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                format!("{SAVEPOINTS_MAX} savepoints are open"),
            ));
        }
        if let Some(writer) = &mut self.transaction.writer {
            writer.savepoint(&level(depth))?;
        }
        let pending = self.shared.pending.lock();
        self.transaction.savepoints.push(Savepoint {
            name: name.to_owned(),
            settings: self.shared.settings.lock().mark(),
            notifications: pending.notifications.len(),
            requests: pending.requests.len(),
            bytes: pending.bytes,
            listening: self.transaction.listening.len(),
            deferral: self.transaction.deferral.clone(),
        });
        Ok(())
    }

    fn find_savepoint(&self, name: &str) -> Result<usize> {
        let found = self.transaction.savepoints.iter().rposition(|savepoint| savepoint.name == name);
        found.ok_or_else(|| {
            let message = format!("savepoint \"{name}\" does not exist");
            Error::new(SqlState::INVALID_SAVEPOINT_SPECIFICATION, message)
        })
    }

    /// `RELEASE`.
    pub(crate) fn release(&mut self, name: &str) -> Result<()> {
        let depth = self.find_savepoint(name)?;
        if let Some(writer) = &mut self.transaction.writer {
            writer.release(&level(depth))?;
        }
        self.transaction.savepoints.truncate(depth);
        Ok(())
    }

    /// `ROLLBACK TO`.
    pub(crate) fn rollback_to(&mut self, name: &str) -> Result<()> {
        let depth = self.find_savepoint(name)?;
        if let Some(writer) = &mut self.transaction.writer {
            writer.rollback_to(&level(depth))?;
        }
        self.transaction.savepoints.truncate(depth + 1);
        let Some(savepoint) = self.transaction.savepoints.last() else { return Ok(()) };
        let mut pending = self.shared.pending.lock();
        pending.notifications.truncate(savepoint.notifications);
        pending.requests.truncate(savepoint.requests);
        pending.bytes = savepoint.bytes;
        self.shared.settings.lock().rollback_to(savepoint.settings);
        self.transaction.listening.truncate(savepoint.listening);
        self.transaction.deferral = savepoint.deferral.clone();
        self.transaction.state = State::Block;
        Ok(())
    }
}

/// The level of a name, as settings have it.
pub(crate) fn isolation(name: &str) -> Isolation {
    match name {
        "serializable" | "repeatable read" => Isolation::Snapshot,
        _ => Isolation::ReadCommitted,
    }
}

/// The result of a future that is ready at once.
fn now_or_never<F: Future>(future: F) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}
