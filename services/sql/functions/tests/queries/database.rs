//! A SQLite database with a catalog beside it, as the service has it, without log and sessions.

use std::collections::BTreeMap;
use std::sync::Arc;

use bole_sql_dialect::catalog::Catalog;
use bole_sql_dialect::plan::{Action, Output, Step};
use bole_sql_dialect::{Scope, bind, parse};
use bole_sql_functions::{Context, Effects, Session, register};
use bole_sql_types::style::Style;
use bole_sql_types::{Error, Result, SqlState, ValueRef, text};
use parking_lot::Mutex;
use rusqlite::Connection;

/// The schema `public`.
const PUBLIC: u32 = 2_200;

pub(crate) struct Database {
    connection: Connection,
    context: Context,
    catalog: Arc<Catalog>,
    sequences: Arc<Sequences>,
    /// What the last statement was in SQLite.
    pub(crate) last: String,
}

impl Database {
    pub(crate) fn new() -> Self {
        let connection = Connection::open_in_memory().unwrap();
        let context = Context::default();
        register(&connection, &context).unwrap();
        let catalog = Arc::new(Catalog::fresh("test"));
        Self { connection, context, catalog, sequences: Arc::default(), last: String::new() }
    }

    /// What a statement gives, in the lines of a script.
    pub(crate) fn answer(&mut self, statement: &str) -> Vec<String> {
        self.last.clear();
        match self.execute(statement) {
            Ok(mut rows) => {
                if !statement.contains("ORDER BY") {
                    rows.sort();
                }
                rows
            }
            Err(error)
                if error.state == SqlState::FEATURE_NOT_SUPPORTED
                    && error.message.contains("not supported") =>
            {
                vec![format!("? {}", error.message.trim_end_matches(" is not supported"))]
            }
            Err(error) => {
                self.last = format!("{} -- {error}", self.last);
                vec![format!("! {}", error.state.as_str())]
            }
        }
    }

    fn execute(&mut self, statement: &str) -> Result<Vec<String>> {
        let scope = Scope {
            catalog: Arc::clone(&self.catalog),
            search_path: vec![PUBLIC],
            user: "ann".to_owned(),
            database: "test".to_owned(),
            style: Style::default(),
        };
        let parsed = parse(statement)?;
        let bound = bind(&parsed[0], &scope, &[])?;
        self.context.enter(self.session());
        match bound.action {
            Action::Query(query) => self.rows(&query.sql, &query.columns),
            Action::Write(write) => {
                for sql in &write.before {
                    self.rows(sql, &[])?;
                }
                self.rows(&write.sql, &write.columns)
            }
            Action::Schema(change) => {
                for step in change.steps {
                    self.apply(step)?;
                }
                Ok(Vec::new())
            }
        }
    }

    fn apply(&mut self, step: Step) -> Result<()> {
        match step {
            Step::Ddl(sql) | Step::Temporary(sql) => {
                sql.clone_into(&mut self.last);
                self.connection.execute_batch(&sql).map_err(|error| from_sqlite(&error))
            }
            Step::Rows(sql) => self.rows(&sql, &[]).map(drop),
            Step::Empty(table) => self.rows(&format!("DELETE FROM {table}"), &[]).map(drop),
            Step::Nothing(sql, error) => {
                if self.rows(&sql, &[])?.is_empty() {
                    Ok(())
                } else {
                    Err(error)
                }
            }
            Step::Put(object) => {
                Arc::make_mut(&mut self.catalog).put(*object);
                Ok(())
            }
            Step::Remove(oid) => {
                Arc::make_mut(&mut self.catalog).remove(oid);
                Ok(())
            }
            Step::Sequence(oid, value, called) => {
                self.sequences.0.lock().insert(oid, if called { value + 1 } else { value });
                Ok(())
            }
        }
    }

    fn rows(&mut self, sql: &str, columns: &[Output]) -> Result<Vec<String>> {
        sql.clone_into(&mut self.last);
        let failed =
            |error: rusqlite::Error| self.context.take_error().unwrap_or_else(|| from_sqlite(&error));
        let mut statement = self.connection.prepare(sql).map_err(failed)?;
        let mut cursor = statement.query([]).map_err(failed)?;
        let mut found = Vec::new();
        while let Some(row) = cursor.next().map_err(failed)? {
            let mut values = Vec::with_capacity(columns.len());
            for (index, column) in columns.iter().enumerate() {
                values.push(self.written(row.get_ref(index).unwrap(), column)?);
            }
            found.push(values.join("|"));
        }
        Ok(found)
    }

    fn written(&self, value: rusqlite::types::ValueRef<'_>, column: &Output) -> Result<String> {
        use rusqlite::types::ValueRef as Sqlite;
        let value = match value {
            Sqlite::Null => return Ok("~".to_owned()),
            Sqlite::Integer(value) => ValueRef::Integer(value),
            Sqlite::Real(value) => ValueRef::Real(value),
            Sqlite::Text(value) => ValueRef::Text(std::str::from_utf8(value).unwrap()),
            Sqlite::Blob(value) => ValueRef::Blob(value),
        };
        if let (ValueRef::Integer(place), true) = (value, column.ty.is_user()) {
            return Ok(self.catalog.label_at(column.ty, place).unwrap().to_owned());
        }
        text::to_string(column.ty, value, &Style::default())
    }

    fn session(&self) -> Arc<Session> {
        Arc::new(Session {
            transaction_time: 0,
            statement_time: 0,
            time_zone: "UTC".to_owned(),
            user: "ann".to_owned(),
            settings: Arc::new(BTreeMap::new()),
            search_path: vec![11, PUBLIC],
            process_id: 1,
            catalog: Arc::clone(&self.catalog),
            effects: Arc::<Sequences>::clone(&self.sequences),
        })
    }
}

/// SQLite's own errors, as far as scripts have them.
fn from_sqlite(error: &rusqlite::Error) -> Error {
    let text = error.to_string();
    let state = if text.contains("UNIQUE") {
        SqlState::UNIQUE_VIOLATION
    } else if text.contains("NOT NULL") {
        SqlState::NOT_NULL_VIOLATION
    } else if text.contains("CHECK") {
        SqlState::CHECK_VIOLATION
    } else if text.contains("FOREIGN KEY") {
        SqlState::FOREIGN_KEY_VIOLATION
    } else {
        SqlState::INTERNAL_ERROR
    };
    Error::new(state, text)
}

/// Sequences by OID: the next value of each.
#[derive(Default)]
struct Sequences(Mutex<BTreeMap<u32, i64>>);

impl Effects for Sequences {
    fn nextval(&self, sequence: u32) -> Result<i64> {
        let mut all = self.0.lock();
        let next = all.entry(sequence).or_insert(1);
        *next += 1;
        Ok(*next - 1)
    }

    fn clock(&self) -> i64 {
        0
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}
