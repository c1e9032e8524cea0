//! A statement of a client's text: one about the session, which this crate reads itself, or one for the binder.

use std::sync::Arc;

use bole_sql_dialect::parse::{self, Parsed};
use bole_sql_types::{Error, Result, SqlState};

use crate::commands::tokens::{self, Cursor, Spanned, Statements};
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
        let (mut statements, mut all) = (Statements::new(text), Vec::new());
        // Counted on from statement to statement: a text may have very many.
        let (mut counted, mut before) = (0, 0);
        while let Some(tokens) = statements.next()? {
            let start = tokens.first().map_or(counted, |first| first.start);
            before += text[counted..start].chars().count();
            counted = start;
            all.push(Self::one(text, tokens, u32::try_from(before).unwrap_or(u32::MAX))?);
        }
        Ok(all)
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

    /// The statement that these tokens of `text` are, with so many characters before it.
    fn one(text: &str, tokens: Vec<Spanned>, before: u32) -> Result<Self> {
        let mut cursor = Cursor::new(text, &tokens);
        let start = cursor.offset();
        if let Some(command) = commands::parse(&mut cursor)? {
            return Ok(Self { kind: Kind::Command(command), before });
        }
        let end = tokens.last().map_or(start, |last| last.end);
        // The parser has its own.
        drop(tokens);
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
