//! What a transaction has changed so far, as the log is going to keep it.
//!
//! # Invariants
//! - What is recorded is what SQLite has done: whoever undoes something truncates to the mark that was taken before.
//! - At most [`TRANSACTION_BYTES_MAX`] bytes, plus one row.

use rusqlite::types::ValueRef;

use super::preupdate::{Recorder, Row};
use crate::entry;
use crate::limits::TRANSACTION_BYTES_MAX;
use bole_sql_types::{Error, SqlState};

/// Bytes of the buffer that are kept from one transaction to the next.
const KEPT_BYTES: usize = 1 << 20;

/// The operations of a transaction, encoded.
#[derive(Default)]
pub(crate) struct Capture {
    bytes: Vec<u8>,
    /// The table of the last operation.
    table: Vec<u8>,
    /// Nothing is recorded: recovery applies what the log has.
    off: bool,
    /// Temporary tables were changed, of which nothing is recorded.
    temporary: bool,
    error: Option<Error>,
}

/// A place in what was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark(usize);

impl Mark {
    pub(crate) const START: Self = Self(0);
}

impl Capture {
    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) const fn mark(&self) -> Mark {
        Mark(self.bytes.len())
    }

    /// What was recorded from one mark to another.
    pub(crate) fn between(&self, from: Mark, to: Mark) -> &[u8] {
        &self.bytes[from.0..to.0]
    }

    /// Forgets what came after the mark, and what went wrong there.
    pub(crate) fn truncate(&mut self, mark: Mark) {
        self.bytes.truncate(mark.0);
        self.table.clear();
        self.error = None;
    }

    /// Nothing is recorded from now on, or everything again.
    pub(crate) fn switch(&mut self, on: bool) {
        self.off = !on;
    }

    /// Everything; afterwards nothing is recorded.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.table.clear();
        std::mem::take(&mut self.bytes)
    }

    /// Temporary tables are about to be changed.
    pub(crate) const fn note_temporary(&mut self) {
        self.temporary = true;
    }

    /// Whether temporary tables were changed since the transaction began, even if that was undone.
    pub(crate) const fn has_temporary(&self) -> bool {
        self.temporary
    }

    /// Forgets everything, and keeps `buffer` for what comes.
    pub(crate) fn reset(&mut self, buffer: Option<Vec<u8>>) {
        if let Some(buffer) = buffer {
            self.bytes = buffer;
        }
        self.truncate(Mark::START);
        self.temporary = false;
        if self.bytes.capacity() > KEPT_BYTES {
            self.bytes = Vec::new();
        }
    }

    pub(crate) fn ddl(&mut self, sql: &str) {
        if !self.off {
            entry::put_ddl(&mut self.bytes, sql);
            self.table.clear();
        }
    }

    /// All rows of a table are about to go, none of which is recorded.
    pub(crate) fn begin_truncate(&mut self, table: &str) {
        entry::put_truncate(&mut self.bytes, table);
        self.table.clear();
        self.off = true;
    }

    /// They are gone, or are not.
    pub(crate) const fn end_truncate(&mut self) {
        self.off = false;
    }

    /// Why the statement was stopped.
    pub(crate) const fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    fn table(&mut self, name: &[u8]) {
        if self.table != name {
            entry::put_table(&mut self.bytes, name);
            self.table.clear();
            self.table.extend_from_slice(name);
        }
    }
}

impl Recorder for Capture {
    fn record(&mut self, table: &[u8], row: &Row<'_>) -> bool {
        if self.off {
            return true;
        }
        if self.error.is_some() {
            return false;
        }
        if self.bytes.len() + size(row) > TRANSACTION_BYTES_MAX {
            let text = format!("the transaction changes more than {} MiB", TRANSACTION_BYTES_MAX >> 20);
            self.error = Some(
                Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, text)
                    .with_hint("Split it into several transactions."),
            );
            return false;
        }
        self.table(table);
        match row {
            Row::Insert { rowid, new } => entry::put_insert(&mut self.bytes, *rowid, new),
            Row::Delete { rowid, old } => entry::put_delete(&mut self.bytes, *rowid, old),
            Row::Update { from, rowid, old, new } => {
                entry::put_update(&mut self.bytes, *from, *rowid, old, new);
            }
        }
        true
    }

    fn temporary(&mut self) {
        self.note_temporary();
    }

    fn fail(&mut self, reason: &str) {
        self.error.get_or_insert_with(|| Error::new(SqlState::INTERNAL_ERROR, reason));
    }
}

/// About how many bytes a row takes.
fn size(row: &Row<'_>) -> usize {
    let (old, new): (&[_], &[_]) = match row {
        Row::Insert { new, .. } => (&[], new),
        Row::Delete { old, .. } => (old, &[]),
        Row::Update { old, new, .. } => (old, new),
    };
    let value = |value: &ValueRef<'_>| match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len() + 6,
        _ => 10,
    };
    32 + old.iter().chain(new.iter()).map(value).sum::<usize>()
}
