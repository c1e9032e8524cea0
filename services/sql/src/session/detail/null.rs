//! The row that NOT NULL refused. SQLite asks triggers before it looks for NULL, so one that fails with the row as its message tells.

use std::fmt::Write as _;

use bole_sql_dialect::catalog::Column;
use bole_sql_dialect::plan::{Write, WriteTag};
use bole_sql_types::{Error, Style, Value};

use super::{Found, Run, body, shown};

/// What the trigger's message begins with.
const MARK: &str = "row:";

/// The first row of the statement that has NULL in the column that the error names.
pub(super) fn row(error: &Error, run: &Run<'_>, write: &Write, style: &Style) -> Option<Found> {
    let table = run.catalog.table(write.table)?;
    let refused = error.more.as_ref()?.column.as_deref()?;
    let columns: Vec<&Column> = table.live().collect();
    let refused = columns.iter().find(|column| column.name == refused)?.number;
    let events: &[&str] = match write.tag {
        WriteTag::Insert => &["INSERT", "UPDATE"],
        WriteTag::Update => &["UPDATE"],
        WriteTag::Delete => &[],
    };
    let message = message(&columns);
    for event in events {
        let trigger = format!(
            "CREATE TEMP TRIGGER detail_{event} BEFORE {event} ON {} WHEN NEW.c{refused} IS NULL BEGIN SELECT RAISE(ABORT, {message}); END",
            table.storage
        );
        run.connection.execute_batch(&trigger).ok()?;
    }
    let mut statement = run.connection.prepare(body(write)?).ok()?;
    run.bind(&mut statement).ok()?;
    let mut rows = statement.raw_query();
    let said = loop {
        match rows.next() {
            Ok(Some(_)) => {}
            Err(rusqlite::Error::SqliteFailure(_, said)) => break said?,
            Ok(None) | Err(_) => return None,
        }
    };
    let row: Vec<Value> = said.strip_prefix(MARK)?.split(',').map(value).collect::<Option<_>>()?;
    shown(run, &columns, &row, style)
}

/// SQL for the new row as text: a letter for each value's class, and the value; text and bytes in hexadecimal.
fn message(columns: &[&Column]) -> String {
    let mut sql = format!("'{MARK}'");
    for (place, column) in columns.iter().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        let new = format!("NEW.c{}", column.number);
        let _infallible = write!(
            sql,
            " || '{comma}' || CASE typeof({new}) WHEN 'null' THEN 'n' WHEN 'integer' THEN 'i' || {new} \
             WHEN 'real' THEN 'r' || format('%!.17g', {new}) WHEN 'text' THEN 't' || hex({new}) ELSE 'b' || hex({new}) END"
        );
    }
    sql
}

/// Reads one of [`message`].
fn value(text: &str) -> Option<Value> {
    let rest = text.get(1..)?;
    let bytes = || {
        (0..rest.len() / 2)
            .map(|at| u8::from_str_radix(rest.get(2 * at..2 * at + 2)?, 16).ok())
            .collect::<Option<Vec<u8>>>()
    };
    Some(match text.get(..1)? {
        "n" => Value::Null,
        "i" => Value::Integer(rest.parse().ok()?),
        "r" => Value::Real(rest.parse().ok()?),
        "t" => Value::Text(String::from_utf8(bytes()?).ok()?),
        "b" => Value::Blob(bytes()?),
        _ => return None,
    })
}
