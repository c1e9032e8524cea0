//! `DECLARE`, `FETCH`, `MOVE` and `CLOSE`. A cursor's rows are computed when it is declared, so it shows what was there then.

use std::sync::Arc;

use bole_sql_dialect::plan::Output;
use bole_sql_types::{Error, Result, SqlState, Type};

use super::tokens::{Cursor, Token};
use super::{Command, How};
use crate::protocol::frontend::Format;
use crate::session::{
    Declared, Done, Fields, Halt, Portal, Prepared, Progress, Scroll, Session, Spool, State, Statement,
    ToPortal, now,
};

struct Declare {
    name: String,
    binary: bool,
    scroll: Option<bool>,
    hold: bool,
    statement: Statement,
    text: String,
}

pub(super) fn declare(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["declare"])?;
    let name = cursor.name()?;
    let (mut binary, mut scroll) = (false, None);
    loop {
        if cursor.accept(&["binary"]) {
            binary = true;
        } else if cursor.accept(&["insensitive"]) || cursor.accept(&["asensitive"]) {
            // Which is what cursors here are.
        } else if cursor.accept(&["no", "scroll"]) {
            scroll = Some(false);
        } else if cursor.accept(&["scroll"]) {
            scroll = Some(true);
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
    let text = cursor.text().to_owned();
    while cursor.take().is_some() {}
    Ok(Some(Arc::new(Declare { name, binary, scroll, hold, statement, text })))
}

impl Declare {
    /// The query, with the types of its parameters.
    fn prepare(&self, session: &mut Session, types: &[Type]) -> Result<Arc<Prepared>> {
        let types: Vec<u32> = types.iter().map(|ty| ty.0).collect();
        session.prepare_statement(&self.text, Some(self.statement.clone()), &types)
    }
}

impl Command for Declare {
    fn parameters(&self, session: &mut Session, named: &[Type]) -> Result<Vec<Type>> {
        Ok(self.prepare(session, named)?.parameters.clone())
    }

    fn run(&self, session: &mut Session, how: &How) -> Result<Done, Halt> {
        if session.transaction.state != State::Block && !self.hold {
            let message = "DECLARE CURSOR can only be used in transaction blocks";
            return Err(Error::new(SqlState::NO_ACTIVE_SQL_TRANSACTION, message).into());
        }
        if session.portals.contains_key(&self.name) {
            let message = format!("cursor \"{}\" already exists", self.name);
            return Err(Error::new(SqlState::DUPLICATE_CURSOR, message).into());
        }
        session.check_portals()?;
        let prepared = self.prepare(session, &how.types)?;
        if prepared.columns.is_none() || !prepared.is_query() {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "DECLARE CURSOR must be over a query").into());
        }
        if prepared.parameters.len() > how.parameters.len() {
            return Err(Error::new(SqlState::UNDEFINED_PARAMETER, "there is no parameter $1").into());
        }
        let formats = if self.binary { vec![Format::Binary] } else { Vec::new() };
        let mut to = ToPortal::new(session, formats.clone());
        session.execute(&prepared, &how.parameters, &mut to)?;
        let portal = Portal {
            prepared,
            parameters: Vec::new(),
            formats,
            progress: match self.scroll {
                Some(true) => Progress::Scroll(Box::new(to.into_spool().into_scroll()?)),
                _ => Progress::Waiting(Box::new(to.into_spool())),
            },
            cursor: Some(Declared { scroll: self.scroll, hold: self.hold, held: false, at: now() }),
        };
        session.portals.insert(self.name.clone(), portal);
        Ok(Done::Tag("DECLARE CURSOR".to_owned()))
    }
}

/// `FETCH` or `MOVE`.
struct Fetch {
    name: String,
    direction: Direction,
    shows: bool,
}

/// Where to go. Without a number, as far as there are rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Forward(Option<u64>),
    Backward(Option<u64>),
    Absolute(i64),
    Relative(i64),
}

pub(super) fn fetch(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    let shows = cursor.accept(&["fetch"]);
    if !shows {
        cursor.expect(&["move"])?;
    }
    let direction = direction(cursor)?;
    let _noise = cursor.accept_any(&["from", "in"]);
    Ok(Some(Arc::new(Fetch { name: cursor.name()?, direction, shows })))
}

/// Directions of one word.
const WORDS: &[(&str, Direction)] = &[
    ("next", Direction::Forward(Some(1))),
    ("prior", Direction::Backward(Some(1))),
    ("first", Direction::Absolute(1)),
    ("last", Direction::Absolute(-1)),
    ("all", Direction::Forward(None)),
];

fn direction(cursor: &mut Cursor<'_>) -> Result<Direction> {
    // A word alone at the end is the cursor's name.
    let mut ahead = cursor.clone();
    let _word = ahead.take();
    if ahead.is_end() {
        return Ok(Direction::Forward(Some(1)));
    }
    if let Some((_, direction)) = WORDS.iter().find(|(word, _)| cursor.accept(&[word])) {
        return Ok(*direction);
    }
    if cursor.accept(&["absolute"]) {
        return cursor.integer().map(Direction::Absolute);
    }
    if cursor.accept(&["relative"]) {
        return cursor.integer().map(Direction::Relative);
    }
    let backward = cursor.accept(&["backward"]);
    let all = (backward || cursor.accept(&["forward"])) && cursor.accept(&["all"]);
    let count = match cursor.peek() {
        _ if all => None,
        Some(Token::Number(_) | Token::Symbol('-' | '+')) => Some(cursor.integer()?),
        _ => Some(1),
    };
    let backward = backward != count.is_some_and(|count| count < 0);
    let count = count.map(i64::unsigned_abs);
    Ok(if backward { Direction::Backward(count) } else { Direction::Forward(count) })
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
        if self.shows && how.describe {
            let columns = portal.prepared.columns.as_deref().unwrap_or_default();
            Fields { columns, formats: &portal.formats }.write(&mut session.out.buffer);
        }
        if self.shows && !how.describe && how.formats.contains(&Format::Binary) && portal.formats.is_empty() {
            return Err(Error::unsupported("FETCH in binary format from a cursor that is not BINARY"));
        }
        match &mut portal.progress {
            Progress::Waiting(spool) => {
                let refused = portal.cursor.is_some_and(|declared| declared.scroll == Some(false));
                let (skipped, count) = self.forward(spool, refused)?;
                for _ in 0..skipped {
                    spool.take(None)?;
                }
                self.next(session, spool, count)
            }
            Progress::Scroll(scroll) => self.scroll(session, scroll),
            Progress::Fresh | Progress::Over => {
                let message = format!("portal \"{}\" cannot be run", self.name);
                Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message))
            }
        }
    }

    /// How many rows to pass over and to give, where rows are forgotten once they were given. Errors: it would have to go back. `refused`:
    /// that was excluded; else PostgreSQL may be able to, which depends on its plan.
    fn forward(&self, spool: &Spool, refused: bool) -> Result<(u64, Option<u64>)> {
        let taken = spool.taken();
        match self.direction {
            Direction::Forward(count) if count != Some(0) => return Ok((0, count)),
            Direction::Relative(count) if count > 0 => return Ok((count.unsigned_abs() - 1, Some(1))),
            // PostgreSQL begins anew if that is nearer.
            Direction::Absolute(place) if place > 0 => {
                let before = place.unsigned_abs() - 1;
                if taken == 0 || before > taken / 2 && before >= taken {
                    return Ok((before - taken, Some(1)));
                }
            }
            _ if taken == 0 && !matches!(self.direction, Direction::Absolute(_)) => return Ok((0, Some(0))),
            _ => {}
        }
        if !refused {
            return Err(Error::unsupported("a cursor without SCROLL that goes back"));
        }
        let message = "cursor can only scan forward";
        Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
            .with_hint("Declare it with SCROLL option to enable backward scan."))
    }

    fn next(&self, session: &mut Session, spool: &mut Spool, count: Option<u64>) -> Result<u64> {
        let mut moved = 0;
        while count.is_none_or(|count| moved < count) {
            let out = if self.shows { Some(&mut session.out.buffer) } else { None };
            if !spool.take(out)? {
                break;
            }
            moved += 1;
            session.out.relieve()?;
        }
        Ok(moved)
    }

    fn scroll(&self, session: &mut Session, scroll: &mut Scroll) -> Result<u64> {
        let end = scroll.rows() + 1;
        let (count, backward) = match self.direction {
            Direction::Forward(count) => (count.unwrap_or(u64::MAX), false),
            Direction::Backward(count) => (count.unwrap_or(u64::MAX), true),
            Direction::Absolute(place) => {
                let place_from_end = end.checked_add_signed(place).unwrap_or(0);
                scroll.position = if place < 0 { place_from_end } else { end.min(place.unsigned_abs()) };
                (0, false)
            }
            Direction::Relative(by) => {
                let to = scroll.position.checked_add_signed(by);
                scroll.position = to.unwrap_or(if by < 0 { 0 } else { end }).min(end);
                (0, false)
            }
        };
        if count == 0 {
            // The row where it stands.
            return self.show(session, scroll);
        }
        let mut moved = 0;
        while moved < count {
            scroll.position =
                if backward { scroll.position.saturating_sub(1) } else { end.min(scroll.position + 1) };
            if self.show(session, scroll)? == 0 {
                break;
            }
            moved += 1;
        }
        Ok(moved)
    }

    /// Gives the row where the cursor stands, if there is one: 1, else 0.
    fn show(&self, session: &mut Session, scroll: &Scroll) -> Result<u64> {
        if !scroll.is_on_row() {
            return Ok(0);
        }
        if self.shows {
            scroll.row(&mut session.out.buffer)?;
            session.out.relieve()?;
        }
        Ok(1)
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
