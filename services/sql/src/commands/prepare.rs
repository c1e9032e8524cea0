//! `PREPARE`, `EXECUTE` and `DEALLOCATE`.

use std::sync::Arc;

use bole_sql_dialect::bind;
use bole_sql_dialect::plan::Output;
use bole_sql_types::{Error, Result, SqlState, Type, Value};

use super::tokens::{Cursor, Token};
use super::{Command, How};
use crate::session::{Done, Halt, Prepared, Session, Statement, ToSession};

struct Prepare {
    name: String,
    types: Vec<String>,
    statement: Statement,
    text: String,
}

pub(super) fn prepare(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["prepare"])?;
    if cursor.accept(&["transaction"]) {
        return Err(Error::unsupported("PREPARE TRANSACTION"));
    }
    let name = cursor.name()?;
    let types = if cursor.peek() == Some(&Token::Symbol('(')) { split(cursor)? } else { Vec::new() };
    cursor.expect(&["as"])?;
    let word = cursor.peek_word().unwrap_or_default();
    if !["select", "insert", "update", "delete", "values", "with"].contains(&word)
        && cursor.peek() != Some(&Token::Symbol('('))
    {
        return Err(cursor.unexpected());
    }
    let (text, start) = cursor.rest();
    let statement = Statement::part(cursor.text(), text, start)?;
    let text = cursor.text().to_owned();
    while cursor.take().is_some() {}
    Ok(Some(Arc::new(Prepare { name, types, statement, text })))
}

/// What stands between commas in parentheses.
fn split(cursor: &mut Cursor<'_>) -> Result<Vec<String>> {
    cursor.expect_symbol('(')?;
    let mut parts = Vec::new();
    let mut start = cursor.offset();
    let mut depth = 0_usize;
    loop {
        let end = cursor.offset();
        match cursor.peek() {
            None => return Err(cursor.unexpected()),
            Some(Token::Symbol(')' | ',')) if depth == 0 => {
                let part = cursor.text()[start..end].trim();
                let last = cursor.peek() == Some(&Token::Symbol(')'));
                if part.is_empty() {
                    return Err(cursor.unexpected());
                }
                parts.push(part.to_owned());
                let _symbol = cursor.take();
                if last {
                    return Ok(parts);
                }
                start = cursor.offset();
                continue;
            }
            Some(Token::Symbol('(' | '[')) => depth += 1,
            Some(Token::Symbol(')' | ']')) => depth = depth.saturating_sub(1),
            Some(_) => {}
        }
        let _token = cursor.take();
    }
}

impl Command for Prepare {
    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        session.check_room(&self.name, &self.text)?;
        let scope = session.scope(&session.catalog());
        let types = self.types.iter().map(|text| type_named(&scope, text)).collect::<Result<Vec<u32>>>()?;
        let mut prepared = session.prepared_of(&self.text, Some(self.statement.clone()), &types)?;
        prepared.from_sql = true;
        let prepared = Arc::new(prepared);
        session.shared.statements.lock().insert(self.name.clone(), prepared);
        Ok(Done::Tag("PREPARE".to_owned()))
    }
}

/// The OID of a type's name.
fn type_named(scope: &bind::Scope, text: &str) -> Result<u32> {
    let query = bind::bind_query(scope, &format!("SELECT CAST(NULL AS {text})"))?;
    Ok(query.columns.first().map_or(0, |column| column.ty.0))
}

struct Execute {
    name: String,
    arguments: Vec<String>,
}

pub(super) fn execute(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["execute"])?;
    let name = cursor.name()?;
    let arguments = if cursor.is_end() { Vec::new() } else { split(cursor)? };
    Ok(Some(Arc::new(Execute { name, arguments })))
}

impl Command for Execute {
    /// Its statements do.
    fn accounts(&self) -> bool {
        true
    }

    fn columns(&self, session: &mut Session) -> Result<Option<Vec<Output>>> {
        Ok(session.prepared(&self.name)?.columns.clone())
    }

    fn run(&self, session: &mut Session, how: &How) -> Result<Done, Halt> {
        let prepared = session.prepared(&self.name)?;
        let (given, needed) = (self.arguments.len(), prepared.parameters.len());
        if given != needed {
            let message = format!("wrong number of parameters for prepared statement \"{}\"", self.name);
            let detail = format!("Expected {needed} parameters but got {given}.");
            return Err(Error::new(SqlState::SYNTAX_ERROR, message).with_detail(detail).into());
        }
        // What was computed before the statement had to wait is not computed again.
        let mut values = std::mem::take(&mut session.evaluated);
        let outcome = self.evaluate(session, &prepared, &mut values).and_then(|()| {
            let mut to = ToSession { describe: how.describe, formats: how.formats.clone() };
            session.execute(&prepared, &values, &mut to).map(Done::Tag)
        });
        if matches!(outcome, Err(Halt::Wait(_))) {
            session.evaluated = values;
        }
        outcome
    }
}

impl Execute {
    /// Computes the arguments that are missing.
    fn evaluate(
        &self,
        session: &mut Session,
        prepared: &Prepared,
        values: &mut Vec<Value>,
    ) -> Result<(), Halt> {
        for (text, ty) in self.arguments.iter().zip(&prepared.parameters).skip(values.len()) {
            values.push(argument(session, text, *ty)?);
        }
        Ok(())
    }
}

/// The value of an expression, as on assignment to a type.
fn argument(session: &mut Session, text: &str, ty: Type) -> Result<Value, Halt> {
    let name = session.catalog().type_name(ty);
    let mut rows = session.rows_of(&format!("SELECT CAST(({text}) AS {name})"))?;
    Ok(rows.pop().and_then(|mut row| row.pop()).unwrap_or_default())
}

struct Deallocate(Option<String>);

pub(super) fn deallocate(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["deallocate"])?;
    cursor.accept(&["prepare"]);
    if cursor.accept(&["all"]) {
        return Ok(Some(Arc::new(Deallocate(None))));
    }
    Ok(Some(Arc::new(Deallocate(Some(cursor.name()?)))))
}

impl Command for Deallocate {
    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        if let Some(name) = &self.0 {
            let _known = session.prepared(name)?;
            session.shared.statements.lock().remove(name);
            Ok(Done::Tag("DEALLOCATE".to_owned()))
        } else {
            session.shared.statements.lock().clear();
            Ok(Done::Tag("DEALLOCATE ALL".to_owned()))
        }
    }
}
