//! `ANALYZE`, `VACUUM`, `CHECKPOINT` and `LOCK`.

use std::sync::Arc;

use bole_sql_types::{Error, Result, SqlState};

use super::tokens::{Cursor, Token};
use super::{Command, How};
use crate::protocol::backend::Severity;
use crate::session::{Done, Halt, Session, State, Statement};

/// Names of tables with commas between, each with or without columns, up to the end.
fn tables(cursor: &mut Cursor<'_>) -> Result<Vec<String>> {
    let mut names = Vec::new();
    while !cursor.is_end() {
        if !names.is_empty() {
            cursor.expect_symbol(',')?;
        }
        let mut name = super::tokens::quote(&cursor.name()?);
        while cursor.accept_symbol('.') {
            name = format!("{name}.{}", super::tokens::quote(&cursor.name()?));
        }
        if cursor.peek() == Some(&Token::Symbol('(')) {
            let _columns = cursor.group()?;
        }
        names.push(name);
    }
    Ok(names)
}

/// Errors: a table does not exist.
fn check_tables(session: &mut Session, names: &[String]) -> Result<()> {
    let catalog = session.catalog();
    for name in names {
        let statement = Statement::part(name, &format!("SELECT FROM {name}"), 0)?;
        session.bind_statement(&statement, &catalog, &[]).map_err(|mut error| {
            if let Some(more) = &mut error.more {
                more.position = None;
            }
            error
        })?;
    }
    Ok(())
}

/// Options that ask for what happens anyway, or for nothing that could be seen. Whether ANALYZE is among them.
fn options(cursor: &mut Cursor<'_>, known: &[&str]) -> Result<bool> {
    let mut analyze = false;
    if !cursor.accept_symbol('(') {
        return Ok(analyze);
    }
    loop {
        let name = cursor.name()?;
        if !known.contains(&name.as_str()) {
            return Err(Error::unsupported(format!("the option {}", name.to_uppercase())));
        }
        analyze |= name == "analyze";
        if !matches!(cursor.peek(), Some(Token::Symbol(',' | ')'))) {
            let _value = cursor.take();
        }
        if cursor.accept_symbol(')') {
            return Ok(analyze);
        }
        cursor.expect_symbol(',')?;
    }
}

/// `VACUUM`: nothing is left to do for it, since SQLite reuses the space of rows that are gone at once. `FULL` is refused.
struct Vacuum {
    tables: Vec<String>,
    analyze: bool,
}

pub(super) fn vacuum(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["vacuum"])?;
    let mut analyze = options(
        cursor,
        &[
            "analyze",
            "verbose",
            "freeze",
            "skip_locked",
            "truncate",
            "parallel",
            "process_toast",
            "index_cleanup",
        ],
    )?;
    if cursor.accept(&["full"]) {
        return Err(Error::unsupported("VACUUM FULL"));
    }
    for word in ["freeze", "verbose"] {
        cursor.accept(&[word]);
    }
    analyze |= cursor.accept_any(&["analyze", "analyse"]).is_some();
    Ok(Some(Arc::new(Vacuum { tables: tables(cursor)?, analyze })))
}

impl Command for Vacuum {
    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        session.check_no_block("VACUUM")?;
        check_tables(session, &self.tables)?;
        if self.analyze {
            tell_without_statistics(session);
        }
        Ok(Done::Tag("VACUUM".to_owned()))
    }
}

/// What a client is told that asks for statistics.
fn tell_without_statistics(session: &mut Session) {
    let text = "ANALYZE has no effect: plans are made without statistics";
    session.report(Severity::Notice, &Error::new(SqlState::SUCCESSFUL_COMPLETION, text));
}

/// `ANALYZE`: plans are made without statistics, and the client is told so.
struct Analyze {
    tables: Vec<String>,
}

pub(super) fn analyze(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    let _analyze = cursor.take();
    options(cursor, &["verbose", "skip_locked"])?;
    cursor.accept(&["verbose"]);
    Ok(Some(Arc::new(Analyze { tables: tables(cursor)? })))
}

impl Command for Analyze {
    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        check_tables(session, &self.tables)?;
        tell_without_statistics(session);
        Ok(Done::Tag("ANALYZE".to_owned()))
    }
}

/// `CHECKPOINT`: moves what is durable in the log into the file of the session's database.
struct Checkpoint;

pub(super) fn checkpoint(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["checkpoint"])?;
    Ok(Some(Arc::new(Checkpoint)))
}

impl Command for Checkpoint {
    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        session.check_no_block("CHECKPOINT")?;
        session.allow("write", || format!("permission denied for database {}", session.database.name()))?;
        // Its turn comes as a writer's does; then it is the next one to have it again.
        drop(session.ticket(false)?);
        let _blocked = session.service.pool.blocked();
        session.service.checkpoint(&session.database)?;
        Ok(Done::Tag("CHECKPOINT".to_owned()))
    }
}

/// `LOCK TABLE`: whatever the table and mode, it takes the write ticket, which is stronger than all of them among those who write. Readers
/// wait for nobody: they see what was committed before the lock, as if they had come first. `ACCESS SHARE` is what every reader has: it
/// takes nothing.
struct Lock {
    tables: Vec<String>,
    shares: bool,
    nowait: bool,
}

pub(super) fn lock(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["lock"])?;
    cursor.accept(&["table"]);
    cursor.accept(&["only"]);
    let mut tables = Vec::new();
    loop {
        let mut name = super::tokens::quote(&cursor.name()?);
        while cursor.accept_symbol('.') {
            name = format!("{name}.{}", super::tokens::quote(&cursor.name()?));
        }
        cursor.accept_symbol('*');
        tables.push(name);
        if !cursor.accept_symbol(',') {
            break;
        }
    }
    let modes: [&[&str]; 8] = [
        &["access", "share"],
        &["access", "exclusive"],
        &["row", "share"],
        &["row", "exclusive"],
        &["share", "update", "exclusive"],
        &["share", "row", "exclusive"],
        &["share"],
        &["exclusive"],
    ];
    let mut shares = false;
    if cursor.accept(&["in"]) {
        let mode = modes.iter().position(|words| cursor.accept(words));
        shares = mode.ok_or_else(|| cursor.unexpected())? == 0;
        cursor.expect(&["mode"])?;
    }
    let nowait = cursor.accept(&["nowait"]);
    Ok(Some(Arc::new(Lock { tables, shares, nowait })))
}

impl Command for Lock {
    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        if session.transaction.state != State::Block {
            let message = "LOCK TABLE can only be used in transaction blocks";
            return Err(Error::new(SqlState::NO_ACTIVE_SQL_TRANSACTION, message).into());
        }
        let denied = || format!("permission denied for database {}", session.database.name());
        session.allow(if self.shares { "read" } else { "write" }, denied)?;
        if !self.shares {
            session.check_writes("LOCK TABLE")?;
        }
        check_tables(session, &self.tables)?;
        if !self.shares {
            session.take_ticket(self.nowait)?;
        }
        Ok(Done::Tag("LOCK TABLE".to_owned()))
    }
}
