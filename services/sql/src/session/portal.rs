//! Portals and cursors: a statement with its parameters, and the rows of it that are not sent yet.

use std::sync::Arc;

use bole_sql_functions::context::Cursor;
use bole_sql_types::Value;

use super::{Formats, Prepared, Scroll, Spool};
use crate::protocol::frontend::Format;

/// A statement that is bound, or a cursor. Both share their names, as in PostgreSQL.
pub(crate) struct Portal {
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) parameters: Vec<Value>,
    pub(crate) formats: Formats,
    pub(crate) progress: Progress,
    /// What `DECLARE` said, if it is a cursor.
    pub(crate) cursor: Option<Declared>,
}

/// How far a portal is.
pub(crate) enum Progress {
    /// Not run.
    Fresh,
    /// Run, with rows that wait.
    Waiting(Box<Spool>),
    /// A cursor that goes back.
    Scroll(Box<Scroll>),
    /// Run, and nothing is left.
    Over,
}

/// What `DECLARE` said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    /// Whether it goes back; `None` if that was not said.
    pub(crate) scroll: Option<bool>,
    /// `WITH HOLD`.
    pub(crate) hold: bool,
    /// Its transaction was committed.
    pub(crate) held: bool,
    /// When, in microseconds since 2000-01-01.
    pub(crate) at: i64,
}

impl Portal {
    /// As `pg_cursors` shows it.
    pub(crate) fn shown(&self, name: &str) -> Cursor {
        Cursor {
            name: name.to_owned(),
            statement: self.prepared.text.clone(),
            holdable: self.cursor.is_some_and(|declared| declared.hold),
            binary: self.formats.contains(&Format::Binary),
            scrollable: self.cursor.is_some_and(|declared| declared.scroll == Some(true)),
            created: self.cursor.map_or(self.prepared.at, |declared| declared.at),
        }
    }

    /// Whether it outlives its transaction.
    pub(crate) fn survives(&mut self, committed: bool) -> bool {
        match &mut self.cursor {
            Some(declared) if declared.hold => {
                declared.held |= committed;
                declared.held
            }
            _ => false,
        }
    }
}
