//! What clients are told of SQLite's errors, in PostgreSQL's words. The table is [`STATES`]; what a constraint's error names are SQLite's
//! tables and columns, which the catalog translates.

use bole_sql_dialect::Catalog;
use bole_sql_dialect::catalog::{Column, Index, Table};
use bole_sql_types::{Error, SqlState};
use rusqlite::ErrorCode;

use crate::session::Names as _;

/// SQLite's codes and what they are in SQL, besides constraints.
const STATES: &[(ErrorCode, SqlState, &str)] = &[
    (ErrorCode::OperationInterrupted, SqlState::QUERY_CANCELED, "canceling statement due to user request"),
    (ErrorCode::DiskFull, SqlState::DISK_FULL, "could not extend file: No space left on device"),
    (ErrorCode::OutOfMemory, SqlState::OUT_OF_MEMORY, "out of memory"),
    (ErrorCode::DatabaseCorrupt, SqlState::DATA_CORRUPTED, "the database's file is damaged"),
    (ErrorCode::NotADatabase, SqlState::DATA_CORRUPTED, "the database's file is damaged"),
    (ErrorCode::SystemIoFailure, SqlState::IO_ERROR, "the database's file cannot be read or written"),
    (ErrorCode::CannotOpen, SqlState::IO_ERROR, "the database's file cannot be opened"),
    (ErrorCode::ReadOnly, SqlState::IO_ERROR, "the database's file cannot be written"),
    (ErrorCode::TooBig, SqlState::PROGRAM_LIMIT_EXCEEDED, "a value or statement is too long"),
];

/// SQLite's extended codes of constraints.
mod constraint {
    pub(super) const CHECK: i32 = 275;
    pub(super) const FOREIGN_KEY: i32 = 787;
    pub(super) const NOT_NULL: i32 = 1_299;
    pub(super) const PRIMARY_KEY: i32 = 1_555;
    pub(super) const UNIQUE: i32 = 2_067;
    pub(super) const ROWID: i32 = 2_579;
}

/// A statement in a block that failed.
pub(crate) fn in_failed_block() -> Error {
    let message = "current transaction is aborted, commands ignored until end of transaction block";
    Error::new(SqlState::IN_FAILED_SQL_TRANSACTION, message)
}

/// An error that is no statement's fault.
pub(crate) fn from_sqlite(error: &rusqlite::Error) -> Error {
    let code = error.sqlite_error_code();
    let row = STATES.iter().find(|(known, ..)| Some(*known) == code);
    match row {
        Some((ErrorCode::OperationInterrupted | ErrorCode::OutOfMemory, state, message)) => Error::new(*state, *message),
        Some((_, state, message)) => Error::new(*state, *message).with_detail(error.to_string()),
        None => Error::new(SqlState::INTERNAL_ERROR, error.to_string()),
    }
}

/// The error of a statement.
pub(crate) fn of_statement(catalog: &Catalog, error: &rusqlite::Error) -> Error {
    match error {
        rusqlite::Error::SqliteFailure(failure, Some(message)) => {
            of_constraint(catalog, failure.extended_code, message).unwrap_or_else(|| from_sqlite(error))
        }
        _ => from_sqlite(error),
    }
}

/// An error of a commit, which comes from the store.
pub(crate) fn at_commit(_catalog: &Catalog, error: Error) -> Error {
    error
}

fn of_constraint(catalog: &Catalog, code: i32, message: &str) -> Option<Error> {
    let subject = message.split_once("failed: ").map_or("", |(_, subject)| subject);
    match code {
        constraint::UNIQUE | constraint::PRIMARY_KEY | constraint::ROWID => Some(unique(catalog, subject)),
        constraint::NOT_NULL => Some(not_null(catalog, subject)),
        constraint::CHECK => Some(check(catalog, subject)),
        constraint::FOREIGN_KEY => Some(Error::new(
            SqlState::FOREIGN_KEY_VIOLATION,
            "insert, update or delete violates a foreign key constraint",
        )),
        _ => None,
    }
}

/// The table and the column that `t16385.c2` are.
fn column<'a>(catalog: &'a Catalog, subject: &str) -> Option<(&'a Table, Option<&'a Column>)> {
    let (storage, column) = subject.trim().rsplit_once('.')?;
    let table = catalog.tables().find(|table| table.storage == storage)?;
    let number: Option<i16> = column.strip_prefix('c').and_then(|number| number.parse().ok());
    let number = number.or(table.rowid_column)?;
    Some((table, table.numbered(number)))
}

fn about(error: &mut Error, catalog: &Catalog, table: &Table) {
    let schema = catalog.schema_name(table.schema).map(str::to_owned);
    let more = error.more();
    more.schema = schema;
    more.table = Some(table.name.clone());
}

fn unique(catalog: &Catalog, subject: &str) -> Error {
    let of = |name: &str| format!("duplicate key value violates unique constraint \"{name}\"");
    let named = subject.strip_prefix("index '").and_then(|rest| rest.strip_suffix('\''));
    if let Some(index) = named.and_then(|name| name.strip_prefix('i')?.parse().ok()).and_then(|oid| catalog.index(oid)) {
        let mut error = Error::new(SqlState::UNIQUE_VIOLATION, of(&index.name));
        if let Some(table) = catalog.table(index.table) {
            about(&mut error, catalog, table);
        }
        error.more().constraint = Some(index.name.clone());
        return error;
    }
    let columns: Vec<_> = subject.split(", ").filter_map(|part| column(catalog, part)).collect();
    let Some((table, _)) = columns.first() else { return Error::new(SqlState::UNIQUE_VIOLATION, of(subject)) };
    let numbers: Vec<i16> = columns.iter().filter_map(|(_, column)| column.map(|column| column.number)).collect();
    let same = |index: &&Index| {
        index.unique && index.keys.iter().map(|key| key.column).eq(numbers.iter().copied())
    };
    let name = catalog.indexes_of(table.oid).find(same).map_or("?", |index| &index.name);
    let mut error = Error::new(SqlState::UNIQUE_VIOLATION, of(name));
    about(&mut error, catalog, table);
    error.more().constraint = Some(name.to_owned());
    error
}

fn not_null(catalog: &Catalog, subject: &str) -> Error {
    let Some((table, Some(column))) = column(catalog, subject) else {
        return Error::new(SqlState::NOT_NULL_VIOLATION, format!("null value in {subject} violates not-null constraint"));
    };
    let message = format!(
        "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
        column.name, table.name
    );
    let mut error = Error::new(SqlState::NOT_NULL_VIOLATION, message);
    about(&mut error, catalog, table);
    error.more().column = Some(column.name.clone());
    error
}

/// SQLite names the constraint; it is `t<oid>.<name>`, as the schema's statements print it, or the name alone.
fn check(catalog: &Catalog, subject: &str) -> Error {
    let (storage, name) = subject.split_once('.').unwrap_or(("", subject));
    let by_name = |table: &&Table| table.storage == storage || storage.is_empty() && table.constraint(name).is_some();
    let table = catalog.tables().find(by_name);
    let relation = table.map_or("?", |table| &table.name);
    let message = format!("new row for relation \"{relation}\" violates check constraint \"{name}\"");
    let mut error = Error::new(SqlState::CHECK_VIOLATION, message);
    if let Some(table) = table {
        about(&mut error, catalog, table);
    }
    error.more().constraint = Some(name.to_owned());
    error
}
