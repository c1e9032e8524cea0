//! Which key a row has that a unique index refused: SQLite does not say, so the statement is run again with the old row giving way, its
//! new row is read, and everything is undone.
//!
//! # Invariants
//! - Functions do nothing a second time: sequences give what they gave, other effects fail, and then there is no detail.

use bole_sql_dialect::Catalog;
use bole_sql_dialect::catalog::Column;
use bole_sql_dialect::plan::Write;
use bole_sql_types::{Error, Result, SqlState, Style, ValueRef};
use rusqlite::Connection;

use super::effects::Shared;
use super::execute::Run;
use super::rows::value_of;
use super::values;
use crate::protocol::frontend::Format;

/// What replaces the beginning of a statement, so that old rows give way.
const VERBS: [(&str, &str); 2] =
    [("INSERT INTO ", "INSERT OR REPLACE INTO "), ("UPDATE ", "UPDATE OR REPLACE ")];

/// Adds the key to an error of a unique index, if the statement was about one row.
pub(super) fn explain(
    mut error: Error,
    run: &Run<'_>,
    write: &Write,
    style: &Style,
    shared: &Shared,
) -> Error {
    let detailed = error.more.as_ref().is_some_and(|more| more.detail.is_some());
    if error.state == SqlState::UNIQUE_VIOLATION && !detailed {
        shared.repeat(true);
        let detail = undone(run.connection, || key(&error, run, write, style));
        shared.repeat(false);
        let _second = run.context.take_error();
        error.more().detail = detail;
    }
    error
}

/// Runs something whose changes are undone.
fn undone<T>(connection: &Connection, run: impl FnOnce() -> Option<T>) -> Option<T> {
    connection.execute_batch("SAVEPOINT detail").ok()?;
    let found = run();
    let undone = connection.execute_batch("ROLLBACK TO detail; RELEASE detail");
    if let Err(error) = undone {
        // What it changed must not be committed: without a transaction, all that follows in it fails.
        tracing::warn!(%error, "a statement that was run for its error could not be undone; its transaction ends");
        let _ended = connection.execute_batch("ROLLBACK");
        return None;
    }
    found
}

/// `Key (a, b)=(1, 2) already exists.`
fn key(error: &Error, run: &Run<'_>, write: &Write, style: &Style) -> Option<String> {
    let table = run.catalog.table(write.table)?;
    let constraint = error.more.as_ref()?.constraint.as_deref()?;
    let index = run.catalog.indexes_of(table.oid).find(|index| index.name == constraint)?;
    let columns: Vec<&Column> =
        index.keys.iter().map(|key| table.numbered(key.column)).collect::<Option<_>>()?;
    let (verb, replacing) = VERBS.iter().find(|(verb, _)| write.sql.starts_with(verb))?;
    let body = &write.sql[verb.len()..];
    let body = if write.columns.is_empty() { body } else { &body[..body.rfind(" RETURNING ")?] };
    let wanted: Vec<String> = columns.iter().map(|column| format!("c{}", column.number)).collect();
    let sql = format!("{replacing}{body} RETURNING {}", wanted.join(", "));
    let mut rows = texts(run, &sql, &columns, style).ok()?;
    let values = rows.pop().filter(|_| rows.is_empty())?;
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    Some(format!("Key ({})=({}) already exists.", names.join(", "), values.join(", ")))
}

/// The rows of the statement, as far as it matters that there is more than one.
fn texts(run: &Run<'_>, sql: &str, columns: &[&Column], style: &Style) -> Result<Vec<Vec<String>>> {
    let failed = |error: rusqlite::Error| crate::error::from_sqlite(&error);
    let mut statement = run.connection.prepare(sql).map_err(failed)?;
    run.bind(&mut statement)?;
    let mut rows = statement.raw_query();
    let mut all = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let text =
            |(place, column): (usize, &&Column)| text(run.catalog, column, value_of(row, place)?, style);
        all.push(columns.iter().enumerate().map(text).collect::<Result<_>>()?);
        if all.len() > 1 {
            break;
        }
    }
    Ok(all)
}

fn text(catalog: &Catalog, column: &Column, value: ValueRef<'_>, style: &Style) -> Result<String> {
    let mut out = Vec::new();
    if value == ValueRef::Null {
        return Ok("null".to_owned());
    }
    values::output(catalog, column.ty(), value, Format::Text, style, None, &mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}
