//! `DECLARE`, `FETCH`, `MOVE` and `CLOSE`. A cursor's rows are computed when it is declared, so it shows what was there then.

use std::sync::Arc;

use bole_sql_dialect::plan::Output;
use bole_sql_types::{Error, Result, SqlState};

use super::tokens::{Cursor, Token};
use super::{Command, How};
use crate::protocol::frontend::Format;
use crate::session::{
    Declared, Done, Fields, Halt, Portal, Progress, Session, State, Statement, ToPortal, now,
};

struct Declare {
    name: String,
    binary: bool,
    hold: bool,
    statement: Statement,
    text: String,
}

pub(super) fn declare(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["declare"])?;
    let name = cursor.name()?;
    let mut binary = false;
    loop {
        if cursor.accept(&["binary"]) {
            binary = true;
        } else if cursor.accept(&["no", "scroll"])
            || cursor.accept(&["insensitive"])
            || cursor.accept(&["asensitive"])
        {
            // Which is what cursors here are.
        } else if cursor.accept(&["scroll"]) {
            return Err(Error::unsupported("SCROLL"));
        } else {
            break;
        }
    }
    cursor.expect(&["cursor"])?;
    let hold = cursor.accept(&["with", "hold"]);
    if !hold {
        cursor.accept(&["without", "hold"]);
    }
    cursor.expect(&["for"])?;
    let (text, start) = cursor.rest();
    let statement = Statement::part(cursor.text(), text, start)?;
    let text = text.to_owned();
    while cursor.take().is_some() {}
    Ok(Some(Arc::new(Declare { name, binary, hold, statement, text })))
}

impl Command for Declare {
    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        if session.transaction.state != State::Block && !self.hold {
            let message = "DECLARE CURSOR can only be used in transaction blocks";
            return Err(Error::new(SqlState::NO_ACTIVE_SQL_TRANSACTION, message).into());
        }
        if session.portals.contains_key(&self.name) {
            let message = format!("cursor \"{}\" already exists", self.name);
            return Err(Error::new(SqlState::DUPLICATE_CURSOR, message).into());
        }
        session.check_portals()?;
        let prepared = session.prepare_statement(&self.text, Some(self.statement.clone()), &[])?;
        if prepared.columns.is_none() || !prepared.is_query() {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "DECLARE CURSOR must be over a query").into());
        }
        if !prepared.parameters.is_empty() {
            return Err(Error::new(SqlState::UNDEFINED_PARAMETER, "there is no parameter $1").into());
        }
        let formats = if self.binary { vec![Format::Binary] } else { Vec::new() };
        let mut to = ToPortal { formats: formats.clone(), ..ToPortal::default() };
        session.execute(&prepared, &[], &mut to)?;
        let portal = Portal {
            prepared,
            parameters: Vec::new(),
            formats,
            progress: Progress::Waiting(Box::new(to.spool)),
            cursor: Some(Declared { hold: self.hold, held: false, at: now() }),
        };
        session.portals.insert(self.name.clone(), portal);
        Ok(Done::Tag("DECLARE CURSOR".to_owned()))
    }
}

/// `FETCH` or `MOVE`: so many rows, all without a number.
struct Fetch {
    name: String,
    count: Option<u64>,
    shows: bool,
}

pub(super) fn fetch(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    let shows = cursor.accept(&["fetch"]);
    if !shows {
        cursor.expect(&["move"])?;
    }
    let count = direction(cursor)?;
    let _noise = cursor.accept_any(&["from", "in"]);
    Ok(Some(Arc::new(Fetch { name: cursor.name()?, count, shows })))
}

/// How many rows forward. What goes back is refused.
fn direction(cursor: &mut Cursor<'_>) -> Result<Option<u64>> {
    let backward = ["prior", "first", "last", "absolute", "relative", "backward"];
    // A word alone at the end is the cursor's name.
    let mut ahead = cursor.clone();
    let _word = ahead.take();
    if ahead.is_end() {
        return Ok(Some(1));
    }
    if let Some(word) = cursor.accept_any(&backward) {
        return Err(Error::unsupported(format!("FETCH {}", word.to_uppercase())));
    }
    if cursor.accept(&["next"]) {
        return Ok(Some(1));
    }
    if cursor.accept(&["all"]) {
        return Ok(None);
    }
    let forward = cursor.accept(&["forward"]);
    if forward && cursor.accept(&["all"]) {
        return Ok(None);
    }
    match cursor.peek() {
        Some(Token::Number(_) | Token::Symbol('-' | '+')) => match u64::try_from(cursor.integer()?) {
            Ok(0) => Err(Error::unsupported("FETCH 0")),
            Ok(count) => Ok(Some(count)),
            Err(_) => Err(Error::unsupported("FETCH BACKWARD")),
        },
        _ => Ok(Some(1)),
    }
}

fn no_cursor(name: &str) -> Error {
    Error::new(SqlState::INVALID_CURSOR_NAME, format!("cursor \"{name}\" does not exist"))
}

impl Command for Fetch {
    fn columns(&self, session: &mut Session) -> Result<Option<Vec<Output>>> {
        let portal = session.portals.get(&self.name).ok_or_else(|| no_cursor(&self.name))?;
        Ok(if self.shows { portal.prepared.columns.clone() } else { None })
    }

    fn run(&self, session: &mut Session, how: &How) -> Result<Done, Halt> {
        let mut portal = session.portals.remove(&self.name).ok_or_else(|| no_cursor(&self.name))?;
        let moved = self.take(session, &mut portal, how);
        session.portals.insert(self.name.clone(), portal);
        let word = if self.shows { "FETCH" } else { "MOVE" };
        Ok(Done::Tag(format!("{word} {}", moved?)))
    }
}

impl Fetch {
    fn take(&self, session: &mut Session, portal: &mut Portal, how: &How) -> Result<u64> {
        let Progress::Waiting(spool) = &mut portal.progress else {
            let message = format!("portal \"{}\" cannot be run", self.name);
            return Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
        };
        if self.shows && how.describe {
            let columns = portal.prepared.columns.as_deref().unwrap_or_default();
            Fields { columns, formats: &portal.formats }.write(&mut session.out.buffer);
        }
        if self.shows && !how.describe && how.formats.contains(&Format::Binary) && portal.formats.is_empty() {
            return Err(Error::unsupported("FETCH in binary format from a cursor that is not BINARY"));
        }
        let mut moved = 0;
        while self.count.is_none_or(|count| moved < count) {
            let out = if self.shows { Some(&mut session.out.buffer) } else { None };
            if !spool.take(out)? {
                break;
            }
            moved += 1;
            session.out.relieve()?;
        }
        Ok(moved)
    }
}

struct Close(Option<String>);

pub(super) fn close(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["close"])?;
    if cursor.accept(&["all"]) {
        return Ok(Some(Arc::new(Close(None))));
    }
    Ok(Some(Arc::new(Close(Some(cursor.name()?)))))
}

impl Command for Close {
    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        let Some(name) = &self.0 else {
            session.portals.clear();
            return Ok(Done::Tag("CLOSE CURSOR ALL".to_owned()));
        };
        session.portals.remove(name).ok_or_else(|| no_cursor(name))?;
        Ok(Done::Tag("CLOSE CURSOR".to_owned()))
    }
}
