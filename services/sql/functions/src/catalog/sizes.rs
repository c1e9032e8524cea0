//! What relations take in the database's file: whole pages, of SQLite's B-trees, as `dbstat` counts them.
//!
//! To count is to read the pages. A view, a sequence, a catalog of the system and the index of a primary key that is SQLite's rowid have none of their own.

#![expect(unsafe_code, reason = "rusqlite gives a function its connection by an unsafe call")]

use bole_sql_dialect::catalog::temporary::is_temporary;
use bole_sql_types::{Error, Result, SqlState};

use crate::call::Arguments;

/// Bytes of the pages of a connection's database.
pub const DATABASE: &str = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";

/// Runs a query of one number on the connection that calls the function.
fn number(of: &Arguments<'_, '_>, sql: &str, name: Option<&str>) -> Result<i64> {
    let Arguments::Call(call) = of else {
        return Err(Error::unsupported("the size of a relation outside of a statement"));
    };
    // SAFETY: the connection is used within the call alone, on its thread, and only to read.
    let connection = unsafe { call.get_connection() };
    let found = connection.and_then(|connection| {
        let mut statement = connection.prepare_cached(sql)?;
        statement.query_row(rusqlite::params_from_iter(name), |row| row.get(0))
    });
    found
        .map_err(|error| Error::new(SqlState::INTERNAL_ERROR, format!("the size could not be read: {error}")))
}

/// Bytes of these relations' pages.
pub(super) fn of_relations(of: &Arguments<'_, '_>, relations: &[u32]) -> Result<i64> {
    let mut bytes = 0;
    for oid in relations {
        for kind in ["t", "i"] {
            let schema = if is_temporary(*oid) { "temp" } else { "main" };
            let sql = format!(
                "SELECT coalesce(sum(pgsize), 0) FROM dbstat('{schema}') WHERE aggregate = TRUE AND name = ?1"
            );
            bytes += number(of, &sql, Some(&format!("{kind}{oid}")))?;
        }
    }
    Ok(bytes)
}

/// Bytes of the database's pages.
pub(super) fn of_database(of: &Arguments<'_, '_>) -> Result<i64> {
    number(of, DATABASE, None)
}
