//! Portals and cursors: a statement with its parameters, and the rows of it that are not sent yet.

use std::sync::Arc;

use bole_sql_types::Value;

use super::{Formats, Prepared, Spool};

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
    /// Run, and nothing is left.
    Over,
}

/// What `DECLARE` said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    /// `WITH HOLD`.
    pub(crate) hold: bool,
    /// Its transaction was committed.
    pub(crate) held: bool,
    /// When, in microseconds since 2000-01-01.
    pub(crate) at: i64,
}

impl Portal {
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
