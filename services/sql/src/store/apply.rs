//! Puts operations of the log into SQLite: rows by their rowid, as they are. Evaluates nothing but the expressions of indexes.
//!
//! # Invariants
//! - Deterministic: the same operations on the same files give the same rows.
//! - Each operation meets exactly the row that it expects; where it does not, the files and the log do not belong together, and that is an error.

use std::collections::HashMap;
use std::fmt::Write;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

use crate::entry::{self, Changed, Operation, Values};

/// What is known of the tables that operations are about.
#[derive(Default)]
pub(crate) struct Applier {
    tables: HashMap<String, Table>,
}

/// A table and the statements for its rows.
struct Table {
    name: String,
    /// Names of the columns that are written, and their place among all; the rest is the rowid or computed.
    columns: Vec<(usize, String)>,
    insert: String,
    delete: String,
    /// By the columns that change.
    updates: HashMap<Vec<u8>, String>,
}

struct Bound<'a>(ValueRef<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.0))
    }
}

type Applied<T> = Result<T, String>;

fn describe(error: &rusqlite::Error) -> String {
    error.to_string()
}

impl Applier {
    /// Applies a payload inside the transaction that is open. Checks of rows must be off. The error says what does not fit; the transaction must
    /// be rolled back then.
    pub(crate) fn apply(&mut self, connection: &Connection, payload: &[u8]) -> Applied<()> {
        let mut table: Option<String> = None;
        for operation in entry::operations(payload) {
            match operation? {
                Operation::Ddl(sql) => {
                    self.tables.clear();
                    connection.execute_batch(sql).map_err(|error| format!("{sql}: {error}"))?;
                }
                Operation::Table(name) => table = Some(name.to_owned()),
                Operation::Truncate(name) => {
                    let sql = format!("DELETE FROM main.{}", quoted(name));
                    connection.execute(&sql, []).map_err(|error| format!("{sql}: {error}"))?;
                }
                row => {
                    let name = table.as_deref().ok_or("a row without a table")?;
                    let known = self.table(connection, name)?;
                    known.apply(connection, &row).map_err(|reason| format!("table {name}: {reason}"))?;
                }
            }
        }
        Ok(())
    }

    fn table(&mut self, connection: &Connection, name: &str) -> Applied<&mut Table> {
        if !self.tables.contains_key(name) {
            let table = Table::read(connection, name)?;
            self.tables.insert(name.to_owned(), table);
        }
        self.tables.get_mut(name).ok_or_else(|| format!("there is no table {name}"))
    }
}

/// A name in SQL.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Table {
    fn read(connection: &Connection, name: &str) -> Applied<Self> {
        let read = || {
            let mut statement = connection
                .prepare("SELECT name, type, pk, hidden FROM pragma_table_xinfo(?1, 'main') ORDER BY cid")?;
            let rows = statement.query_map([name], |row| {
                Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<(String, String, i64, i64)>>>()
        };
        let all = read().map_err(|error| describe(&error))?;
        if all.is_empty() {
            return Err(format!("there is no table {name}"));
        }
        let keys = all.iter().filter(|(_, _, key, _)| *key > 0).count();
        let is_rowid = |ty: &str, key: i64| key == 1 && keys == 1 && ty.eq_ignore_ascii_case("INTEGER");
        let written =
            all.iter().enumerate().filter(|(_, (_, ty, key, hidden))| *hidden == 0 && !is_rowid(ty, *key));
        let columns: Vec<_> = written.map(|(at, (name, ..))| (at, quoted(name))).collect();
        let names: String = columns.iter().fold(String::new(), |mut text, (_, name)| {
            let _infallible = write!(text, ", {name}");
            text
        });
        let places = ", ?".repeat(columns.len());
        let table = quoted(name);
        Ok(Self {
            insert: format!("INSERT INTO main.{table} (_rowid_{names}) VALUES (?{places})"),
            delete: format!("DELETE FROM main.{table} WHERE _rowid_ = ?"),
            updates: HashMap::new(),
            name: table,
            columns,
        })
    }

    fn apply(&mut self, connection: &Connection, operation: &Operation<'_>) -> Applied<()> {
        let changed = match *operation {
            Operation::Insert { rowid, values } => self.insert(connection, rowid, values),
            Operation::Delete { rowid, .. } => run(connection, &self.delete, [ValueRef::Integer(rowid)]),
            Operation::Update { from, rowid, values, changed } => {
                self.update(connection, (from, rowid), values, changed)
            }
            Operation::Ddl(_) | Operation::Table(_) | Operation::Truncate(_) => {
                return Err("no row".to_owned());
            }
        };
        match changed.map_err(|error| describe(&error))? {
            1 => Ok(()),
            count => Err(format!("{count} rows are met by {operation:?}, which is about one")),
        }
    }

    fn insert(&self, connection: &Connection, rowid: i64, values: Values<'_>) -> rusqlite::Result<usize> {
        let mut columns = self.columns.iter().map(|(at, _)| *at).peekable();
        let written = values.iter().enumerate().filter(|(at, _)| columns.next_if_eq(at).is_some());
        let bound = std::iter::once(ValueRef::Integer(rowid)).chain(written.map(|(_, value)| value));
        run(connection, &self.insert, bound)
    }

    fn update(
        &mut self,
        connection: &Connection,
        (from, rowid): (i64, i64),
        values: Values<'_>,
        changed: Changed<'_>,
    ) -> rusqlite::Result<usize> {
        if !self.updates.contains_key(changed.bits()) {
            let mut sql = format!("UPDATE main.{} SET _rowid_ = ?", self.name);
            for (_, name) in self.columns.iter().filter(|(at, _)| changed.contains(*at)) {
                let _infallible = write!(sql, ", {name} = ?");
            }
            sql.push_str(" WHERE _rowid_ = ?");
            self.updates.insert(changed.bits().to_vec(), sql);
        }
        let mut columns =
            self.columns.iter().map(|(at, _)| *at).filter(|at| changed.contains(*at)).peekable();
        let written = values.iter().enumerate().filter(|(at, _)| columns.next_if_eq(at).is_some());
        let bound = std::iter::once(ValueRef::Integer(rowid))
            .chain(written.map(|(_, value)| value))
            .chain(std::iter::once(ValueRef::Integer(from)));
        run(connection, &self.updates[changed.bits()], bound)
    }
}

fn run<'a>(
    connection: &Connection,
    sql: &str,
    values: impl IntoIterator<Item = ValueRef<'a>>,
) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params_from_iter(values.into_iter().map(Bound)))
}
