//! How much memory SQLite has in use, and that statements do not fill it with long values: a row is in memory as a whole before anybody sees it.

#![expect(unsafe_code, reason = "SQLite's C interface: each use says why it is sound")]

mod allocator;

pub use allocator::use_allocator;
use bole_sql_types::{Error, Result, SqlState, Value};

/// Bytes that SQLite may have in use in the whole process when a function answers with a long value.
pub const SQLITE_BYTES_MAX: u64 = 2 << 30;
/// Bytes from which on a value is long.
const LONG_BYTES: usize = 1 << 20;

/// Bytes that SQLite has in use, in all connections: pages, statements, rows.
pub fn sqlite_bytes() -> u64 {
    if let Some(used) = allocator::used() {
        return used;
    }
    // SAFETY: it reads a counter, in any thread and at any time.
    let used = unsafe { rusqlite::ffi::sqlite3_memory_used() };
    used.max(0) as u64
}

/// A function's answer. Errors: it is long, and there is no memory for it (53200).
pub(crate) fn check(value: Value) -> Result<Value> {
    let bytes = match &value {
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
        _ => 0,
    };
    if bytes >= LONG_BYTES {
        check_sum(bytes as u64, sqlite_bytes())?;
    }
    Ok(value)
}

fn check_sum(bytes: u64, used: u64) -> Result<()> {
    if used.saturating_add(bytes) <= SQLITE_BYTES_MAX {
        return Ok(());
    }
    let detail = format!(
        "A value takes {bytes} bytes where the rows and pages of all statements take {used} of {SQLITE_BYTES_MAX}."
    );
    Err(Error::new(SqlState::OUT_OF_MEMORY, "out of memory").with_detail(detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_refused_where_there_is_no_memory() {
        assert!(check_sum(1, SQLITE_BYTES_MAX - 1).is_ok());
        let refused = check_sum(2, SQLITE_BYTES_MAX - 1).unwrap_err();
        assert_eq!(refused.state, SqlState::OUT_OF_MEMORY);
        assert!(check(Value::Text("x".repeat(LONG_BYTES))).is_ok());
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t AS SELECT zeroblob(1000000) AS a").unwrap();
        assert!(sqlite_bytes() > 1_000_000);
    }
}
