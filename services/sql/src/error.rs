//! What clients are told of SQLite's errors, in PostgreSQL's words. The table is [`STATES`]; errors of constraints are the dialect's to translate.

use bole_sql_dialect::Catalog;
use bole_sql_dialect::schema::{Violation, violation};
use bole_sql_types::{Error, SqlState};
use rusqlite::ErrorCode;

/// SQLite's codes and what they are in SQL, besides constraints. *Exhaustive*: others are defects.
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

/// A statement in a block that failed.
pub(crate) fn in_failed_block() -> Error {
    let message = "current transaction is aborted, commands ignored until end of transaction block";
    Error::new(SqlState::IN_FAILED_SQL_TRANSACTION, message)
}

/// An error that is no statement's fault.
pub(crate) fn from_sqlite(error: &rusqlite::Error) -> Error {
    let code = error.sqlite_error_code();
    if code == Some(ErrorCode::DiskFull)
        && let Some(refusal) = crate::store::take_refusal()
    {
        return refusal.error();
    }
    let row = STATES.iter().find(|(known, ..)| Some(*known) == code);
    match row {
        Some((ErrorCode::OperationInterrupted | ErrorCode::OutOfMemory, state, message)) => {
            Error::new(*state, *message)
        }
        Some((_, state, message)) => Error::new(*state, *message).with_detail(error.to_string()),
        None => Error::new(SqlState::INTERNAL_ERROR, error.to_string()),
    }
}

/// The error of a statement that writes to a table, 0 if to none; `removes`: it took rows away.
pub(crate) fn of_statement(
    catalog: &Catalog,
    (table, removes): (u32, bool),
    error: &rusqlite::Error,
) -> Error {
    let rusqlite::Error::SqliteFailure(failure, message) = error else { return from_sqlite(error) };
    let message = message.as_deref().unwrap_or_default();
    let found = Violation { code: failure.extended_code, message, table, row: None, removes };
    violation(catalog, &found).unwrap_or_else(|| from_sqlite(error))
}
