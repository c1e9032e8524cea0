//! `BEGIN`, `START TRANSACTION`, `COMMIT`, `END`, `ROLLBACK`, `ABORT`, `SAVEPOINT`, `RELEASE`, and `SET TRANSACTION`.

use std::sync::Arc;

use bole_sql_types::{Error, Result, SqlState};

use super::tokens::Cursor;
use super::{Command, How};
use crate::session::{Done, Halt, Isolation, Session, State};

/// What `BEGIN` and `SET TRANSACTION` may say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Modes {
    pub(super) isolation: Option<&'static str>,
    pub(super) read_only: Option<bool>,
}

const LEVELS: [&[&str]; 4] =
    [&["serializable"], &["repeatable", "read"], &["read", "committed"], &["read", "uncommitted"]];
const NAMES: [&str; 4] = ["serializable", "repeatable read", "read committed", "read uncommitted"];

/// Reads modes, with or without commas between, up to the end.
pub(super) fn modes(cursor: &mut Cursor<'_>) -> Result<Modes> {
    let mut modes = Modes::default();
    let mut first = true;
    while !cursor.is_end() {
        if !first {
            cursor.accept_symbol(',');
        }
        first = false;
        if cursor.accept(&["isolation", "level"]) {
            let level = LEVELS.iter().position(|words| cursor.accept(words));
            modes.isolation = Some(NAMES[level.ok_or_else(|| cursor.unexpected())?]);
        } else if cursor.accept(&["read", "only"]) {
            modes.read_only = Some(true);
        } else if cursor.accept(&["read", "write"]) {
            modes.read_only = Some(false);
        } else if cursor.accept(&["deferrable"]) {
            return Err(Error::unsupported("DEFERRABLE"));
        } else if !cursor.accept(&["not", "deferrable"]) {
            return Err(cursor.unexpected());
        }
    }
    Ok(modes)
}

impl Modes {
    /// Applies them to the transaction that is open.
    pub(super) fn apply(&self, session: &mut Session) -> Result<()> {
        let active = |message: &str| Err(Error::new(SqlState::ACTIVE_SQL_TRANSACTION, message));
        if let Some(level) = self.isolation {
            let isolation = match level {
                "serializable" | "repeatable read" => Isolation::Snapshot,
                _ => Isolation::ReadCommitted,
            };
            if session.transaction.started && isolation != session.transaction.isolation {
                return active("SET TRANSACTION ISOLATION LEVEL must be called before any query");
            }
            session.transaction.isolation = isolation;
            session.shared.settings.lock().set("transaction_isolation", Some(level), true)?;
        }
        if let Some(read_only) = self.read_only {
            if session.transaction.read_only && !read_only && session.transaction.started {
                return active("transaction read-write mode must be set before any query");
            }
            session.transaction.read_only = read_only;
            let value = if read_only { "on" } else { "off" };
            session.shared.settings.lock().set("transaction_read_only", Some(value), true)?;
        }
        Ok(())
    }
}

struct Begin {
    modes: Modes,
    tag: &'static str,
}

pub(super) fn begin(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["begin"])?;
    let _noise = cursor.accept_any(&["work", "transaction"]);
    Ok(Some(Arc::new(Begin { modes: modes(cursor)?, tag: "BEGIN" })))
}

pub(super) fn start(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["start", "transaction"])?;
    Ok(Some(Arc::new(Begin { modes: modes(cursor)?, tag: "START TRANSACTION" })))
}

impl Command for Begin {
    fn accounts(&self) -> bool {
        true
    }

    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        if session.transaction.state == State::Block {
            session.warn(SqlState::ACTIVE_SQL_TRANSACTION, "there is already a transaction in progress");
        } else {
            session.begin_block();
        }
        self.modes.apply(session)?;
        Ok(Done::Tag(self.tag.to_owned()))
    }
}

/// `COMMIT` or `ROLLBACK`.
struct End {
    commit: bool,
    chain: bool,
}

/// `[WORK | TRANSACTION] [AND [NO] CHAIN]`.
fn chain(cursor: &mut Cursor<'_>) -> bool {
    let _noise = cursor.accept_any(&["work", "transaction"]);
    if cursor.accept(&["and", "no", "chain"]) {
        return false;
    }
    cursor.accept(&["and", "chain"])
}

pub(super) fn commit(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    let _word = cursor.take();
    if cursor.accept(&["prepared"]) {
        return Err(Error::unsupported("COMMIT PREPARED"));
    }
    Ok(Some(Arc::new(End { commit: true, chain: chain(cursor) })))
}

pub(super) fn rollback(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    let _word = cursor.take();
    if cursor.accept(&["prepared"]) {
        return Err(Error::unsupported("ROLLBACK PREPARED"));
    }
    let before = cursor.clone();
    let _noise = cursor.accept_any(&["work", "transaction"]);
    if cursor.accept(&["to"]) {
        cursor.accept(&["savepoint"]);
        return Ok(Some(Arc::new(Savepoint { name: cursor.name()?, what: What::RollbackTo })));
    }
    *cursor = before;
    Ok(Some(Arc::new(End { commit: false, chain: chain(cursor) })))
}

impl Command for End {
    fn accounts(&self) -> bool {
        true
    }

    fn ends_block(&self) -> bool {
        true
    }

    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        let state = session.transaction.state;
        if !matches!(state, State::Block | State::Failed) {
            if self.chain {
                let what = if self.commit { "COMMIT AND CHAIN" } else { "ROLLBACK AND CHAIN" };
                let message = format!("{what} can only be used in transaction blocks");
                return Err(Error::new(SqlState::NO_ACTIVE_SQL_TRANSACTION, message).into());
            }
            session.warn(SqlState::NO_ACTIVE_SQL_TRANSACTION, "there is no transaction in progress");
        }
        let (isolation, read_only) = (session.transaction.isolation, session.transaction.read_only);
        let levels = session.shown_modes();
        let commit = self.commit && state != State::Failed;
        if commit {
            session.commit()?;
        } else {
            session.rollback();
        }
        if self.chain {
            session.begin_block();
            session.transaction.isolation = isolation;
            session.transaction.read_only = read_only;
            session.show_modes(&levels)?;
        }
        Ok(Done::Tag(if commit { "COMMIT" } else { "ROLLBACK" }.to_owned()))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Define,
    Release,
    RollbackTo,
}

struct Savepoint {
    name: String,
    what: What,
}

pub(super) fn savepoint(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["savepoint"])?;
    Ok(Some(Arc::new(Savepoint { name: cursor.name()?, what: What::Define })))
}

pub(super) fn release(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["release"])?;
    cursor.accept(&["savepoint"]);
    Ok(Some(Arc::new(Savepoint { name: cursor.name()?, what: What::Release })))
}

impl Command for Savepoint {
    fn accounts(&self) -> bool {
        true
    }

    fn ends_block(&self) -> bool {
        self.what == What::RollbackTo
    }

    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        let (name, tag) = match self.what {
            What::Define => ("SAVEPOINT", "SAVEPOINT"),
            What::Release => ("RELEASE SAVEPOINT", "RELEASE"),
            What::RollbackTo => ("ROLLBACK TO SAVEPOINT", "ROLLBACK"),
        };
        if !matches!(session.transaction.state, State::Block | State::Failed) {
            let message = format!("{name} can only be used in transaction blocks");
            return Err(Error::new(SqlState::NO_ACTIVE_SQL_TRANSACTION, message).into());
        }
        match self.what {
            What::Define => session.savepoint(&self.name)?,
            What::Release => session.release(&self.name)?,
            What::RollbackTo => session.rollback_to(&self.name)?,
        }
        Ok(Done::Tag(tag.to_owned()))
    }
}
