//! What a row has that a unique index, a check, a foreign key or NOT NULL refused: SQLite does not say, so the statement is run again with the old row giving way, the rule set aside, or a
//! trigger before the rule, its new row is read, and everything is undone.
//!
//! # Invariants
//! - Functions do nothing a second time: sequences give what they gave, other effects fail, and then there is no detail.

mod null;

use bole_sql_dialect::Catalog;
use bole_sql_dialect::catalog::{Column, Rule, Table};
use bole_sql_dialect::plan::{Write, WriteTag};
use bole_sql_types::{Error, Result, SqlState, Style, Value, ValueRef};
use rusqlite::Connection;

use super::effects::Shared;
use super::execute::{Bound, Run};
use super::rows::value_of;
use super::values;
use crate::protocol::frontend::Format;

/// What replaces the beginning of a statement, so that old rows give way.
const VERBS: [(&str, &str); 2] =
    [("INSERT INTO ", "INSERT OR REPLACE INTO "), ("UPDATE ", "UPDATE OR REPLACE ")];
/// Bytes of a value in a row that is shown; the rest is cut off, as in PostgreSQL.
const SHOWN_BYTES_MAX: usize = 64;

/// Adds what PostgreSQL tells of the row that was refused, if the statement was about one row: the key that is there already, the one that is missing elsewhere, or all of it.
pub(super) fn explain(
    mut error: Error,
    run: &Run<'_>,
    write: &Write,
    style: &Style,
    shared: &Shared,
) -> Error {
    let is_told = error.more.as_ref().is_some_and(|more| more.detail.is_some());
    if is_told || write.tag == WriteTag::Delete {
        return error;
    }
    let (find, settings): (Find, &[&str]) = match error.state {
        SqlState::UNIQUE_VIOLATION => (key, &[]),
        SqlState::NOT_NULL_VIOLATION => (null::row, &[]),
        // Which foreign keys the row breaks besides does not matter.
        SqlState::CHECK_VIOLATION => (failing, &["ignore_check_constraints", "defer_foreign_keys"]),
        SqlState::FOREIGN_KEY_VIOLATION => (missing, &["defer_foreign_keys"]),
        _ => return error,
    };
    shared.repeat(true);
    let found = with(run.connection, settings, || undone(run.connection, || find(&error, run, write, style)));
    shared.repeat(false);
    let _second = run.context.take_error();
    if let Some(found) = found {
        if let Some((message, constraint)) = found.named {
            error.message = message;
            error.more().constraint = Some(constraint);
        }
        error.more().detail = Some(found.detail);
    }
    error
}

/// What looks for it.
type Find = fn(&Error, &Run<'_>, &Write, &Style) -> Option<Found>;

/// What is to be told.
struct Found {
    detail: String,
    /// The message and the constraint that it names, where SQLite could not say which.
    named: Option<(String, String)>,
}

impl Found {
    const fn told(detail: String) -> Self {
        Self { detail, named: None }
    }
}

/// Runs something while SQLite lets rows pass that it would refuse.
fn with<T>(connection: &Connection, settings: &[&str], run: impl FnOnce() -> Option<T>) -> Option<T> {
    let set = |on: bool| settings.iter().try_for_each(|name| connection.pragma_update(None, name, on));
    let found = set(true).ok().and_then(|()| run());
    if let Err(error) = set(false) {
        // Nothing may be committed like that: without a transaction, all that follows in it fails.
        tracing::warn!(%error, "a statement that was run for its error left a setting behind; its transaction ends");
        let _ended = connection.execute_batch("ROLLBACK");
        return None;
    }
    found
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
fn key(error: &Error, run: &Run<'_>, write: &Write, style: &Style) -> Option<Found> {
    let table = run.catalog.table(write.table)?;
    let constraint = error.more.as_ref()?.constraint.as_deref()?;
    let index = run.catalog.indexes_of(table.oid).find(|index| index.name == constraint)?;
    let columns: Vec<&Column> =
        index.keys.iter().map(|key| table.numbered(key.column)).collect::<Option<_>>()?;
    let (verb, replacing) = VERBS.iter().find(|(verb, _)| write.sql.starts_with(verb))?;
    let row = only(run, &format!("{replacing}{}", &body(write)?[verb.len()..]), &columns)?;
    let values = texts(run, &columns, &row, style)?;
    Some(Found::told(format!("Key ({})=({values}) already exists.", names(&columns))))
}

/// `Failing row contains (1, null, …).`
fn failing(_: &Error, run: &Run<'_>, write: &Write, style: &Style) -> Option<Found> {
    let columns: Vec<&Column> = run.catalog.table(write.table)?.live().collect();
    let row = only(run, body(write)?, &columns)?;
    shown(run, &columns, &row, style)
}

/// `Failing row contains (1, null, …).`
fn shown(run: &Run<'_>, columns: &[&Column], row: &[Value], style: &Style) -> Option<Found> {
    let shortened = |(column, value): (&&Column, &Value)| {
        let mut text = text(run.catalog, column, value.as_ref(), style).ok()?;
        if text.len() > SHOWN_BYTES_MAX {
            text.truncate(text.floor_char_boundary(SHOWN_BYTES_MAX));
            text.push_str("...");
        }
        Some(text)
    };
    let values: Vec<String> = columns.iter().zip(row).map(shortened).collect::<Option<_>>()?;
    Some(Found::told(format!("Failing row contains ({}).", values.join(", "))))
}

/// `Key (a)=(1) is not present in table "t".` Nothing where the row's own keys are right, so that it is another row that refers to what is gone.
fn missing(_: &Error, run: &Run<'_>, write: &Write, style: &Style) -> Option<Found> {
    let table = run.catalog.table(write.table)?;
    let all: Vec<&Column> = table.live().collect();
    let row = only(run, body(write)?, &all)?;
    for constraint in &table.constraints {
        let Rule::ForeignKey { columns, target, target_columns, .. } = &constraint.rule else { continue };
        // It was not checked yet.
        if constraint.deferrable {
            continue;
        }
        let at = |number: &i16| all.iter().position(|column| column.number == *number);
        let places: Vec<usize> = columns.iter().map(at).collect::<Option<_>>()?;
        let key: Vec<&Value> = places.iter().map(|place| &row[*place]).collect();
        let parent = run.catalog.table(*target)?;
        if key.contains(&&Value::Null) || is_there(run, parent, target_columns, &key)? {
            continue;
        }
        let columns: Vec<&Column> = places.iter().map(|place| all[*place]).collect();
        let key: Vec<Value> = key.into_iter().cloned().collect();
        let values = texts(run, &columns, &key, style)?;
        let detail =
            format!("Key ({})=({values}) is not present in table \"{}\".", names(&columns), parent.name);
        let message = format!(
            "insert or update on table \"{}\" violates foreign key constraint \"{}\"",
            table.name, constraint.name
        );
        return Some(Found { detail, named: Some((message, constraint.name.clone())) });
    }
    None
}

/// Whether a table has a row with this key.
fn is_there(run: &Run<'_>, table: &Table, columns: &[i16], key: &[&Value]) -> Option<bool> {
    let equal: Vec<String> =
        columns.iter().zip(1..).map(|(column, place)| format!("c{column} = ?{place}")).collect();
    let sql = format!("SELECT 1 FROM {} WHERE {}", table.storage, equal.join(" AND "));
    let mut statement = run.connection.prepare(&sql).ok()?;
    for (place, value) in key.iter().enumerate() {
        statement.raw_bind_parameter(place + 1, Bound(value)).ok()?;
    }
    let found = statement.raw_query().next().ok()?.is_some();
    Some(found)
}

fn names(columns: &[&Column]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    names.join(", ")
}

/// The statement without its `RETURNING`.
fn body(write: &Write) -> Option<&str> {
    let end = if write.columns.is_empty() { write.sql.len() } else { write.sql.rfind(" RETURNING ")? };
    Some(&write.sql[..end])
}

/// The row that a statement writes, if it is one.
fn only(run: &Run<'_>, body: &str, columns: &[&Column]) -> Option<Vec<Value>> {
    let wanted: Vec<String> = columns.iter().map(|column| format!("c{}", column.number)).collect();
    let mut rows = returned(run, &format!("{body} RETURNING {}", wanted.join(", ")), columns.len()).ok()?;
    rows.pop().filter(|_| rows.is_empty())
}

/// The rows of the statement, as far as it matters that there is more than one.
fn returned(run: &Run<'_>, sql: &str, columns: usize) -> Result<Vec<Vec<Value>>> {
    let failed = |error: rusqlite::Error| crate::error::from_sqlite(&error);
    let mut statement = run.connection.prepare(sql).map_err(failed)?;
    run.bind(&mut statement)?;
    let mut rows = statement.raw_query();
    let mut all = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let value = |place| Ok(value_of(row, place)?.to_owned());
        all.push((0..columns).map(value).collect::<Result<_>>()?);
        if all.len() > 1 {
            break;
        }
    }
    Ok(all)
}

/// Values as they are shown, with commas.
fn texts(run: &Run<'_>, columns: &[&Column], row: &[Value], style: &Style) -> Option<String> {
    let shown =
        columns.iter().zip(row).map(|(column, value)| text(run.catalog, column, value.as_ref(), style));
    Some(shown.collect::<Result<Vec<_>>>().ok()?.join(", "))
}

fn text(catalog: &Catalog, column: &Column, value: ValueRef<'_>, style: &Style) -> Result<String> {
    let mut out = Vec::new();
    if value == ValueRef::Null {
        return Ok("null".to_owned());
    }
    values::output(catalog, column.ty(), value, Format::Text, style, None, &mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}
