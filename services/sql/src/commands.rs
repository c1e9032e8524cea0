//! Statements about the session, the server or the whole database: one file a family, one table of their first words.
//!
//! They are read from the tokens, word by word as PostgreSQL's grammar has them: what is left over or has no effect is refused. All other
//! statements go to the binder.

mod constraints;
mod copy;
mod cursors;
mod databases;
mod discard;
mod explain;
mod listen;
mod maintenance;
mod prepare;
mod refused;
mod set;
mod show;
pub(crate) mod tokens;
mod transactions;

use std::sync::Arc;

use bole_sql_dialect::plan::Output;
use bole_sql_types::{Result, Type, Value};

use crate::session::{Done, Formats, Halt, Session};
use tokens::Cursor;

/// How a statement's rows are wanted.
pub(crate) struct How {
    /// Whether the client is told of the columns first.
    pub(crate) describe: bool,
    /// The formats of the columns.
    pub(crate) formats: Formats,
    /// The types of its parameters.
    pub(crate) types: Vec<Type>,
    /// The values of its parameters.
    pub(crate) parameters: Vec<Value>,
}

/// A statement that this crate runs itself.
pub(crate) trait Command: Send + Sync {
    /// Whether it may run in a block that failed.
    fn ends_block(&self) -> bool {
        false
    }

    /// Whether it shows nothing of rows, or notes itself what its answer waits for. Else all that its transaction sees counts as shown.
    fn accounts(&self) -> bool {
        false
    }

    /// The types of its parameters, of which the client named some.
    fn parameters(&self, _session: &mut Session, named: &[Type]) -> Result<Vec<Type>> {
        Ok(named.to_vec())
    }

    /// The columns of its rows, if it gives any.
    fn columns(&self, _session: &mut Session) -> Result<Option<Vec<Output>>> {
        Ok(None)
    }

    /// Runs it.
    fn run(&self, session: &mut Session, how: &How) -> Result<Done, Halt>;
}

/// Reads a statement that begins with a word; `None` if it is not one of the family after all.
type Parse = fn(&mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>>;

/// Families by their first word.
const COMMANDS: &[(&str, Parse)] = &[
    ("abort", transactions::rollback),
    ("alter", databases::alter),
    ("analyse", maintenance::analyze),
    ("analyze", maintenance::analyze),
    ("begin", transactions::begin),
    ("call", refused::parse),
    ("checkpoint", maintenance::checkpoint),
    ("close", cursors::close),
    ("cluster", refused::parse),
    ("commit", transactions::commit),
    ("copy", copy::parse),
    ("create", databases::create),
    ("deallocate", prepare::deallocate),
    ("declare", cursors::declare),
    ("discard", discard::parse),
    ("do", refused::parse),
    ("drop", databases::drop),
    ("end", transactions::commit),
    ("execute", prepare::execute),
    ("explain", explain::parse),
    ("fetch", cursors::fetch),
    ("grant", refused::parse),
    ("import", refused::parse),
    ("listen", listen::listen),
    ("load", refused::parse),
    ("lock", maintenance::lock),
    ("move", cursors::fetch),
    ("notify", listen::notify),
    ("prepare", prepare::prepare),
    ("reassign", refused::parse),
    ("release", transactions::release),
    ("reset", set::reset),
    ("revoke", refused::parse),
    ("rollback", transactions::rollback),
    ("savepoint", transactions::savepoint),
    ("security", refused::parse),
    ("set", set::set),
    ("show", show::parse),
    ("start", transactions::start),
    ("unlisten", listen::unlisten),
    ("vacuum", maintenance::vacuum),
];

/// Reads a statement about the session; `None` if it is for the binder.
pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    let Some(word) = cursor.peek_word() else { return Ok(None) };
    let Some((_, read)) = COMMANDS.iter().find(|(first, _)| *first == word) else { return Ok(None) };
    let before = cursor.clone();
    let command = read(cursor)?;
    match &command {
        Some(_) => cursor.end()?,
        None => *cursor = before,
    }
    Ok(command)
}

/// A column of text.
pub(crate) fn text_column(name: &str) -> Output {
    Output { name: name.to_owned(), ty: Type::TEXT, typmod: -1, origin: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(COMMANDS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
