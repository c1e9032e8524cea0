//! One client's session, without its connection: messages go in, bytes come out. It runs on a thread of the pool and moves to another with
//! every group of messages.
//!
//! # Invariants
//! - Nothing here waits for another session: where the write ticket or a reader is not free, the session stops before the statement with
//!   [`Halt::Wait`], its connection waits, and the statement begins again.
//! - What a transaction has seen is in [`Session::seen`] before a byte of it leaves.
//! - An error ends the transaction, or fails its block; what a failed block may still do is rollback and commit.

pub(crate) mod advisory;
pub(crate) mod cancel;
pub(crate) mod copy;
mod detail;
mod effects;
mod execute;
mod extended;
mod notices;
pub(crate) mod notify;
mod out;
mod plan;
mod portal;
mod rows;
pub(crate) mod settings;
mod shapes;
mod shown;
mod simple;
mod spool;
mod statement;
mod temporary;
mod transaction;
pub(crate) mod values;
mod vectors;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bole_sql_dialect::plan::Output;
use bole_sql_types::{Error, Result, SqlState, Value};
use parking_lot::Mutex;

use crate::commands::How;
use crate::metrics::count;
use crate::protocol::backend::{self, Severity, Status};
use crate::protocol::{Message, frontend};
use crate::service::Service;
use crate::spill::Account;
use crate::store::{Database, Reader, Seen, Temporary, Writer};
use cancel::Canceller;
pub(crate) use copy::CopyIn;
pub(crate) use effects::{Shared, now};
pub(crate) use execute::{Bound, ToPortal, ToSession};
use notify::Notification;
pub(crate) use out::Out;
pub(crate) use plan::Prepared;
pub(crate) use portal::{Declared, Portal, Progress};
pub(crate) use rows::Fields;
pub(crate) use settings::find as find_setting;
pub(crate) use settings::{Kind, SETTINGS, Settings};
pub(crate) use spool::{Scroll, Spool};
pub(crate) use statement::Statement;
pub(crate) use transaction::{Isolation, Listening, State, Transaction};
pub(crate) use values::type_length;

/// Why a message is not done with.
#[derive(Debug)]
pub(crate) enum Halt {
    /// It failed.
    Error(Error),
    /// Something has to be waited for first; then it begins again.
    Wait(Wait),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// What a session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// A reading connection.
    Reader,
    /// The write ticket, for so long.
    Writer(Duration),
}

/// What was waited for.
pub(crate) enum Granted {
    /// A reading connection.
    Reader(Result<Reader>),
    /// The ticket.
    Writer(Result<Writer>),
}

/// What became of the messages.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All are done.
    Done,
    /// To go on, this has to be [`Session::grant`]ed.
    Wait(Wait),
    /// The client left, or was told that it has to.
    End,
}

/// How a statement of a simple query ends.
pub(crate) enum Done {
    /// With this tag.
    Tag(String),
    /// It takes rows from the client first.
    Copy(Box<CopyIn>),
}

/// See the module.
pub(crate) struct Session {
    pub(crate) service: Arc<Service>,
    pub(crate) database: Arc<Database>,
    pub(crate) user: Arc<str>,
    pub(crate) process_id: i32,
    pub(crate) shared: Arc<Shared>,
    /// Temporary objects.
    pub(crate) temporary: Arc<Temporary>,
    pub(crate) transaction: Transaction,
    pub(crate) portals: BTreeMap<String, Portal>,
    /// The memory of rows of portals.
    pub(crate) account: Arc<Account>,
    pub(crate) copy: Option<Box<CopyIn>>,
    pub(crate) out: Out,
    pub(crate) messages: VecDeque<Message>,
    simple: Option<simple::Simple>,
    shapes: shapes::Shapes,
    /// An error happened within a group: what comes before its `Sync` is skipped.
    skipping: bool,
    /// A `ReadyForQuery` is due.
    ready: bool,
    granted: Option<Granted>,
    /// Notifications of committed transactions, for the connection to hand out once they are durable.
    pub(crate) deliver: Vec<Notification>,
    /// Arguments of an EXECUTE that waits for something.
    pub(crate) evaluated: Vec<Value>,
    /// What the client was told of reported settings, and at which generation.
    announced: (u64, BTreeMap<&'static str, String>),
    /// Commits that the catalog may have told of, when it was asked without a snapshot of its own.
    consulted: Mutex<Option<Seen>>,
    showing: shown::Showing,
    /// See [`Session::listens`].
    listens: bool,
}

impl Session {
    pub(crate) fn new(
        service: Arc<Service>,
        database: Arc<Database>,
        user: &str,
        process_id: i32,
        settings: Settings,
        canceller: Arc<Canceller>,
        out: Out,
    ) -> Self {
        let shared = Arc::new(Shared::new(&service, &database, (user, process_id), settings, canceller));
        let temporary = Arc::clone(&shared.temporary);
        let account = Account::new(service.databases.spill());
        Self {
            service,
            database,
            user: Arc::from(user),
            process_id,
            shared,
            temporary,
            transaction: Transaction::default(),
            portals: BTreeMap::new(),
            account,
            copy: None,
            out,
            messages: VecDeque::new(),
            simple: None,
            shapes: shapes::Shapes::default(),
            skipping: false,
            ready: false,
            granted: None,
            deliver: Vec::new(),
            evaluated: Vec::new(),
            announced: (0, BTreeMap::new()),
            consulted: Mutex::default(),
            showing: shown::Showing::default(),
            listens: false,
        }
    }

    /// What was waited for is there, or will not be.
    pub(crate) fn grant(&mut self, granted: Granted) {
        self.granted = Some(granted);
    }

    /// What to wait for until it is durable, before what is in [`Session::out`] may leave.
    pub(crate) fn take_seen(&mut self) -> Vec<Seen> {
        std::mem::take(&mut self.out.seen)
    }

    /// What `ReadyForQuery` says.
    pub(crate) fn status(&self) -> Status {
        match self.transaction.state {
            State::Idle | State::Implicit => Status::Idle,
            State::Block => Status::InTransaction,
            State::Failed => Status::Failed,
        }
    }

    /// Whether rows are expected from the client.
    pub(crate) const fn is_copying(&self) -> bool {
        self.copy.is_some()
    }

    /// Whether notifications may come for it.
    pub(crate) const fn listens(&self) -> bool {
        self.listens
    }

    /// `statement_timeout`.
    pub(crate) fn statement_timeout(&self) -> Option<Duration> {
        self.shared.settings.lock().derived().statement_timeout
    }

    /// Handles the messages, until there are none or one has to wait. Blocks.
    pub(crate) fn run(&mut self) -> Outcome {
        loop {
            self.forget_account();
            let mark;
            let outcome = if self.simple.is_some() && self.copy.is_none() {
                self.write_ready();
                mark = self.out.mark();
                self.go_on()
            } else {
                let Some(message) = self.messages.pop_front() else { return Outcome::Done };
                if message == Message::Terminate {
                    return Outcome::End;
                }
                self.write_ready();
                mark = self.out.mark();
                let outcome = self.handle(&message);
                if matches!(outcome, Err(Halt::Wait(_))) {
                    self.messages.push_front(message);
                }
                outcome
            };
            let consulted = self.consulted.lock().take();
            consulted.into_iter().for_each(|seen| self.out.saw(seen));
            match outcome {
                Ok(()) => {}
                Err(Halt::Wait(wait)) => {
                    self.out.back_to(mark);
                    return Outcome::Wait(wait);
                }
                Err(Halt::Error(error)) => self.failed(&error),
            }
            self.end_account();
            // The connection finds out why.
            if self.out.relieve().is_err() {
                return Outcome::End;
            }
        }
    }

    fn handle(&mut self, message: &Message) -> Result<(), Halt> {
        if self.copy.is_some() {
            self.account(false);
            return self.copy_message(message);
        }
        // Statements account for what they show when they run, whatever message has them do so.
        self.account(true);
        if self.skipping && !matches!(message, Message::Sync) {
            return Ok(());
        }
        match message {
            Message::Query(text) => self.begin_simple(text),
            Message::Parse { name, text, types } => self.parse(name, text, types),
            Message::Bind(bind) => self.bind(bind),
            Message::Describe(target) => self.describe(target),
            Message::Execute { portal, rows_max } => self.execute_portal(portal, *rows_max),
            Message::Close(target) => {
                self.close(target);
                Ok(())
            }
            Message::Sync => {
                self.sync();
                Ok(())
            }
            // What a COPY left behind that failed.
            Message::Flush
            | Message::CopyData(_)
            | Message::CopyDone
            | Message::CopyFail(_)
            | Message::Terminate => Ok(()),
            Message::Password(_) => {
                Err(Error::new(SqlState::PROTOCOL_VIOLATION, "unexpected password message").into())
            }
            Message::Bad(tag, error) => {
                if *tag == b'Q' || *tag == b'F' {
                    self.simple = Some(simple::Simple::default());
                }
                Err(error.clone().into())
            }
        }
    }

    /// Ends a group: commits what is no block.
    fn sync(&mut self) {
        self.skipping = false;
        let outcome = if self.transaction.state == State::Implicit { self.commit() } else { Ok(()) };
        if let Err(error) = outcome {
            self.failed(&error);
            self.skipping = false;
        }
        self.ready = true;
    }

    /// Tells the client and ends or fails the transaction.
    fn failed(&mut self, error: &Error) {
        self.show_all();
        let error = &self.shared.canceller.explain(error);
        count(&self.service.metrics.errors, 1);
        count(&self.service.metrics.cancelled, u64::from(error.state == SqlState::QUERY_CANCELED));
        self.report(Severity::Error, error);
        self.copy = None;
        self.granted = None;
        self.evaluated = Vec::new();
        self.fail_transaction();
        if self.simple.take().is_some() {
            self.ready = true;
        } else {
            self.skipping = true;
        }
        self.shared.canceller.statement_ended();
    }

    /// Writes the `ReadyForQuery` that is due.
    pub(crate) fn write_ready(&mut self) {
        if std::mem::take(&mut self.ready) {
            self.announce();
            let status = self.status();
            backend::ready(&mut self.out.buffer, status);
        }
    }

    /// Whether a `ReadyForQuery` is due: what the client may be told outside of statements goes before it.
    pub(crate) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// Asks for a `ReadyForQuery`, as at the start.
    pub(crate) fn set_ready(&mut self) {
        self.ready = true;
    }

    /// Tells the client of settings that changed and that it is told of.
    pub(crate) fn announce(&mut self) {
        let settings = self.shared.settings.lock();
        if self.announced.0 == settings.generation() {
            return;
        }
        self.announced.0 = settings.generation();
        for (setting, value) in settings.all().filter(|(setting, _)| setting.reported) {
            let told = self.announced.1.get(setting.name);
            if told.map(String::as_str) != Some(value) {
                backend::parameter_status(&mut self.out.buffer, setting.name, value);
                self.announced.1.insert(setting.name, value.to_owned());
            }
        }
    }

    /// Whether the client may do `action` on this database. Errors: 42501.
    pub(crate) fn allow(&self, action: &str, what: impl FnOnce() -> String) -> Result<()> {
        if self.service.allowed(&self.user, action, self.database.name()) {
            return Ok(());
        }
        Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, what()))
    }

    /// Whether the client may do `action` on a database of this name. Errors: 42501.
    pub(crate) fn allow_database(
        &self,
        action: &str,
        name: &str,
        what: impl FnOnce() -> String,
    ) -> Result<()> {
        if self.service.allowed(&self.user, action, name) {
            return Ok(());
        }
        Err(Error::new(SqlState::INSUFFICIENT_PRIVILEGE, what()))
    }

    /// Sends rows of texts that the session made up itself.
    pub(crate) fn reply(
        &mut self,
        how: &How,
        columns: &[Output],
        rows: &[Vec<Option<String>>],
    ) -> Result<()> {
        if how.describe {
            Fields { columns, formats: &how.formats }.write(&mut self.out.buffer);
        }
        for row in rows {
            let texts: Vec<Option<&str>> = row.iter().map(Option::as_deref).collect();
            rows::text_row(&mut self.out.buffer, &texts);
            self.out.relieve()?;
        }
        Ok(())
    }

    /// The rows of a query that the session asks itself, in storage form.
    pub(crate) fn rows_of(&mut self, text: &str) -> Result<Vec<Vec<Value>>, Halt> {
        let prepared = self.prepare(text, &[])?;
        let mut to = execute::ToValues::default();
        self.execute(&prepared, &[], &mut to)?;
        Ok(to.0.rows)
    }

    /// Ends the session: what is open is rolled back, locks are given back.
    pub(crate) fn end(&mut self) {
        self.copy = None;
        self.rollback();
        self.temporary.clear();
        self.service.advisory.release_session(self.process_id);
        self.service.hub.unlisten_all(self.process_id);
    }
}

/// The formats of a result's columns, or text for all.
pub(crate) type Formats = Vec<frontend::Format>;
