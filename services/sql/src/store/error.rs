//! Errors of SQLite and of the shard runtime in SQL's terms.

use bole_base::Kind;
use bole_sql_types::{Error, SqlState};
use rusqlite::ErrorCode;

/// What a client is told of a failure of the store itself: files, memory, defects. What a statement did wrong is the session's to translate.
pub(crate) fn from_sqlite(error: &rusqlite::Error) -> Error {
    if error.sqlite_error_code() == Some(ErrorCode::DiskFull)
        && let Some(refusal) = super::vfs::take_refusal()
    {
        return refusal.error();
    }
    let state = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => SqlState::DISK_FULL,
        Some(ErrorCode::OutOfMemory) => SqlState::OUT_OF_MEMORY,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => SqlState::DATA_CORRUPTED,
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly) => SqlState::IO_ERROR,
        Some(ErrorCode::OperationInterrupted) => SqlState::QUERY_CANCELED,
        Some(ErrorCode::TooBig) => SqlState::PROGRAM_LIMIT_EXCEEDED,
        _ => SqlState::INTERNAL_ERROR,
    };
    Error::new(state, error.to_string())
}

/// What a client is told of a shard's refusal.
pub(crate) fn from_shard(error: &bole_shard::Error) -> Error {
    let state = match (error, error.kind()) {
        (bole_shard::Error::Journal(bole_log::Error::BatchTooLarge { .. }), _) => {
            SqlState::PROGRAM_LIMIT_EXCEEDED
        }
        (bole_shard::Error::Refused(_), _) => SqlState::INVALID_PARAMETER_VALUE,
        (_, Kind::Full) => SqlState::DISK_FULL,
        (_, Kind::Unavailable) => SqlState::CANNOT_CONNECT_NOW,
        (_, Kind::Io) => SqlState::IO_ERROR,
        (_, Kind::Corrupt) => SqlState::DATA_CORRUPTED,
        (_, Kind::Limit) => SqlState::CONFIGURATION_LIMIT_EXCEEDED,
        _ => SqlState::INTERNAL_ERROR,
    };
    Error::new(state, error.to_string())
}

/// What a client is told of the catalog's refusal.
pub(crate) fn from_catalog(error: &bole_catalog::Error, name: &str) -> Error {
    match error {
        bole_catalog::Error::Exists(_) => {
            Error::new(SqlState::DUPLICATE_DATABASE, format!("database \"{name}\" already exists"))
        }
        bole_catalog::Error::NotFound(_) => no_database(name),
        bole_catalog::Error::Shard(error) => from_shard(error),
    }
}

/// There is no such database.
pub(crate) fn no_database(name: &str) -> Error {
    Error::new(SqlState::INVALID_CATALOG_NAME, format!("database \"{name}\" does not exist"))
}
