//! Steps of changes of the schema, and the values of sequences.

use std::sync::Arc;

use bole_sql_dialect::catalog::temporary::is_temporary;
use bole_sql_dialect::catalog::{NEXT_OID_ROW, Object, Sequence};
use bole_sql_dialect::plan::Step;
use bole_sql_types::{Error, Result, SqlState};

use super::Writer;
use crate::store::database::VERSION_ROW;
use crate::store::error::from_sqlite;
use crate::store::sequences::{Sequences, Standing};
use crate::store::temporary::{can_be_lent, is_in_use};

impl Writer {
    /// Does one step of a change of the schema; the number of rows that it changed. All steps of a statement happen or none: after an error the transaction has to
    /// go back to before the statement. Errors: the step's own, SQLite's.
    pub fn apply(&mut self, step: &Step) -> Result<u64> {
        match step {
            Step::Ddl(sql) => self.ddl(sql).map(|()| 0),
            Step::Temporary(sql) => self.temporary_ddl(sql).map(|()| 0),
            Step::Rows(sql) => self.rows(sql),
            Step::Empty(table) => self.empty(table),
            Step::Nothing(sql, error) => {
                let found = self.connection().prepare(sql).and_then(|mut query| query.exists([]));
                if found.map_err(|failed| self.failure(&failed))? { Err(error.clone()) } else { Ok(0) }
            }
            Step::Put(object) => self.put(object).map(|()| 0),
            Step::Remove(oid) => self.remove(*oid).map(|()| 0),
            Step::Sequence(oid, value, is_called) => {
                self.note_sequence(*oid);
                let standing = Standing { last_value: *value, is_called: *is_called };
                self.sequences_of(*oid).put(*oid, Some(standing));
                Ok(0)
            }
        }
    }

    /// What a function left, or SQLite's own words.
    fn failure(&self, error: &rusqlite::Error) -> Error {
        self.context().take_error().unwrap_or_else(|| from_sqlite(error))
    }

    fn ddl(&self, sql: &str) -> Result<()> {
        let statement = self.statement();
        self.connection().execute_batch(sql).map_err(|error| self.failure(&error))?;
        self.writing().capture().lock().ddl(sql);
        statement.keep()
    }

    fn temporary_ddl(&mut self, sql: &str) -> Result<()> {
        self.own()?;
        self.writing().capture().lock().note_temporary();
        // The hook sees how SQLite keeps its own tables there, of which nothing is recorded.
        self.connection().execute_batch(sql).map_err(|error| self.failure(&error))
    }

    fn rows(&self, sql: &str) -> Result<u64> {
        let statement = self.statement();
        let changed = self.connection().execute(sql, []);
        if let (Err(_), Some(error)) = (&changed, statement.failure()) {
            return Err(error);
        }
        let changed = changed.map_err(|error| self.failure(&error))?;
        statement.keep()?;
        Ok(changed as u64)
    }

    /// The log has one operation for all rows, so that the size of the table does not matter.
    fn empty(&self, table: &str) -> Result<u64> {
        let statement = self.statement();
        let capture = self.writing().capture();
        capture.lock().begin_truncate(table);
        let gone = self.connection().execute(&format!("DELETE FROM main.{table}"), []);
        capture.lock().end_truncate();
        let gone = gone.map_err(|error| self.failure(&error))?;
        statement.keep()?;
        Ok(gone as u64)
    }

    fn put(&mut self, object: &Object) -> Result<()> {
        let is_own = is_temporary(object.oid());
        if is_own {
            self.own()?;
            self.writing().capture().lock().note_temporary();
        } else if can_be_lent(object) && self.is_lent(object.oid()) && !matches!(object, Object::Enum(_)) {
            return Err(is_in_use(object, false));
        }
        let mut catalog = (*self.catalog).clone();
        let next = catalog.next_oid;
        catalog.put(object.clone());
        let moved = catalog.next_oid != next;
        self.catalog = Arc::new(catalog);
        if is_own {
            return Ok(());
        }
        self.write_row(object.oid())?;
        if moved {
            self.write_row(NEXT_OID_ROW)?;
        }
        self.write_version()
    }

    fn remove(&mut self, oid: u32) -> Result<()> {
        let mut catalog = (*self.catalog).clone();
        let Some(object) = catalog.remove(oid) else {
            return Err(Error::new(SqlState::INTERNAL_ERROR, format!("there is no object {oid} to remove")));
        };
        let array = if let Object::Enum(it) = &*object { it.array_oid } else { oid };
        if can_be_lent(&object) && (self.is_lent(oid) || self.is_lent(array)) {
            return Err(is_in_use(&object, true));
        }
        if matches!(&*object, Object::Sequence(_)) {
            self.note_sequence(oid);
            self.sequences_of(oid).put(oid, None);
        }
        self.catalog = Arc::new(catalog);
        if is_temporary(oid) {
            self.writing().capture().lock().note_temporary();
            return Ok(());
        }
        let statement = self.statement();
        let deleted = self
            .connection()
            .prepare_cached("DELETE FROM main.bole_catalog WHERE oid = ?")
            .and_then(|mut delete| delete.execute([oid]));
        deleted.map_err(|error| from_sqlite(&error))?;
        statement.keep()?;
        self.write_version()
    }

    /// Writes an object's row as the catalog has it.
    fn write_row(&self, oid: u32) -> Result<()> {
        let body = self.catalog.row(oid).ok_or_else(|| {
            Error::new(SqlState::INTERNAL_ERROR, format!("object {oid} cannot be written down"))
        })?;
        self.write_body(oid, &body)
    }

    fn write_body(&self, oid: u32, body: &str) -> Result<()> {
        let statement = self.statement();
        let sql =
            "INSERT INTO main.bole_catalog VALUES (?, ?) ON CONFLICT DO UPDATE SET body = excluded.body";
        let written = self.connection().prepare_cached(sql).and_then(|mut write| write.execute((oid, body)));
        written.map_err(|error| from_sqlite(&error))?;
        statement.keep()
    }

    /// A transaction that changes the catalog raises its version, once.
    fn write_version(&mut self) -> Result<()> {
        if self.catalog.version != self.version {
            return Ok(());
        }
        let mut catalog = (*self.catalog).clone();
        catalog.version += 1;
        self.catalog = Arc::new(catalog);
        self.write_body(VERSION_ROW, &self.catalog.version.to_string())
    }

    /// Remembers where a sequence stands, because the transaction may undo what it does to it.
    fn note_sequence(&mut self, oid: u32) {
        self.sequences.push((oid, self.sequences_of(oid).get(oid)));
    }

    /// Puts sequences back that were set anew, but for the first `count`.
    pub(super) fn undo_sequences(&mut self, count: usize) {
        while self.sequences.len() > count
            && let Some((oid, standing)) = self.sequences.pop()
        {
            self.sequences_of(oid).put(oid, standing);
        }
    }

    /// The sequences among which one is.
    fn sequences_of(&self, oid: u32) -> &Sequences {
        match &self.temporary {
            Some(temporary) if is_temporary(oid) => temporary.sequences(),
            _ => self.database.sequences(),
        }
    }

    /// Whether temporary objects of other sessions use an object.
    fn is_lent(&self, oid: u32) -> bool {
        match &self.temporary {
            Some(temporary) => temporary.is_lent(oid),
            None => self.database.borrowed.contains(oid),
        }
    }

    fn sequence(&self, oid: u32) -> Result<&Sequence> {
        self.catalog.sequence(oid).ok_or_else(|| {
            Error::new(SqlState::UNDEFINED_TABLE, format!("could not open relation with OID {oid}"))
        })
    }

    /// The next value of a sequence. Never given again. Errors: 2200H at its end.
    pub fn sequence_next(&self, oid: u32) -> Result<i64> {
        self.sequences_of(oid).next(self.sequence(oid)?)
    }

    /// Sets a sequence, for ever. Errors: 22003 beyond its bounds.
    pub fn sequence_set(&self, oid: u32, value: i64, is_called: bool) -> Result<()> {
        self.sequences_of(oid).set(self.sequence(oid)?, value, is_called)
    }
}
