//! A statement of a client's text: one about the session, which this crate reads itself, or one for the binder.

use std::sync::Arc;

use bole_sql_dialect::parse::{self, Parsed};
use bole_sql_types::{Error, Result, SqlState};

use crate::commands::tokens::{self, Cursor, Spanned};
use crate::commands::{self, Command};

/// A statement.
#[derive(Clone)]
pub(crate) struct Statement {
    /// What it is.
    pub(crate) kind: Kind,
    /// Characters of the client's text before it, for positions in errors.
    pub(crate) before: u32,
}

/// What a statement is.
#[derive(Clone)]
pub(crate) enum Kind {
    /// About the session.
    Command(Arc<dyn Command>),
    /// For the binder.
    Sql(Arc<Parsed>),
}

impl Statement {
    /// All statements of a text.
    pub(crate) fn all(text: &str) -> Result<Vec<Self>> {
        tokens::statements(text)?.iter().map(|tokens| Self::one(text, tokens)).collect()
    }

    /// The one statement of a text; `None` if it is empty. Errors: there are more.
    pub(crate) fn single(text: &str) -> Result<Option<Self>> {
        let mut all = Self::all(text)?;
        if all.len() > 1 {
            let message = "cannot insert multiple commands into a prepared statement";
            return Err(Error::new(SqlState::SYNTAX_ERROR, message));
        }
        Ok(all.pop())
    }

    /// The statement that these tokens of `text` are.
    pub(crate) fn one(text: &str, tokens: &[Spanned]) -> Result<Self> {
        let mut cursor = Cursor::new(text, tokens);
        let start = cursor.offset();
        let before = tokens::position(text, start) - 1;
        if let Some(command) = commands::parse(&mut cursor)? {
            return Ok(Self { kind: Kind::Command(command), before });
        }
        let end = tokens.last().map_or(start, |last| last.end);
        let kind = Kind::Sql(Arc::new(sql(&text[start..end], before)?));
        Ok(Self { kind, before })
    }

    /// A statement for the binder out of a part of a text that starts at this byte.
    pub(crate) fn part(text: &str, part: &str, start: usize) -> Result<Self> {
        let before = tokens::position(text, start) - 1;
        Ok(Self { kind: Kind::Sql(Arc::new(sql(part, before)?)), before })
    }

    /// Puts the position in an error of the statement into the client's text.
    pub(crate) fn place(&self, mut error: Error) -> Error {
        if let Some(position) = error.more.as_mut().and_then(|more| more.position.as_mut()) {
            *position += self.before;
        }
        error
    }
}

fn sql(text: &str, before: u32) -> Result<Parsed> {
    let shifted = |mut error: Error| {
        if let Some(position) = error.more.as_mut().and_then(|more| more.position.as_mut()) {
            *position += before;
        }
        error
    };
    let mut all = parse::parse(text).map_err(shifted)?;
    match (all.pop(), all.is_empty()) {
        (Some(parsed), true) => Ok(parsed),
        _ => Err(shifted(tokens::syntax_error(text, 0, text.len()))),
    }
}
