//! A database without a log: the catalog, and a SQLite with the functions and the system relations.

use std::fmt::Write as _;
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use bole_sql_dialect::catalog::definitions::{
    column_default, format_type, pg_get_constraintdef, pg_get_indexdef,
};
use bole_sql_dialect::catalog::names::quote;
use bole_sql_dialect::catalog::{Identity, Name, Object, PG_CATALOG, PUBLIC, Relation};
use bole_sql_dialect::plan::{Action, Query, Step, Write, WriteTag};
use bole_sql_dialect::schema::{Violation, violation};
use bole_sql_dialect::{Catalog, Error, Scope, SqlState, Type, bind, parse};
use bole_sql_functions::context::{Advisory, Context, Effects, LockKey, Session};

/// A database without a log.
pub(crate) struct Database {
    pub(crate) catalog: Catalog,
    pub(crate) sqlite: Connection,
    context: Context,
}

impl Database {
    pub(crate) fn new() -> Self {
        let sqlite = Connection::open_in_memory().unwrap();
        sqlite.execute_batch("PRAGMA foreign_keys = ON; CREATE TABLE bole_sequence (oid INTEGER PRIMARY KEY, last_value, is_called)").unwrap();
        let context = Context::default();
        bole_sql_functions::register(&sqlite, &context).unwrap();
        bole_sql::pg_catalog::register(&sqlite, &context).unwrap();
        Self { catalog: Catalog::fresh("test"), sqlite, context }
    }

    fn scope(&self) -> Scope {
        Scope {
            catalog: Arc::new(self.catalog.clone()),
            search_path: vec![PG_CATALOG, PUBLIC],
            user: "postgres".to_owned(),
            database: "test".to_owned(),
            style: bole_sql_types::style::Style::default(),
        }
    }

    /// What a client sees of a statement.
    pub(crate) fn run(&mut self, statement: &str) -> String {
        if let Some(name) = statement.strip_prefix("\\d ") {
            return self.describe(name.trim_end_matches(';'));
        }
        self.sqlite.execute_batch("SAVEPOINT statement").unwrap();
        let before = self.catalog.clone();
        self.context.enter(Arc::new(Session {
            transaction_time: 0,
            statement_time: 0,
            time_zone: "UTC".to_owned(),
            user: "postgres".to_owned(),
            settings: Arc::new([("is_superuser".to_owned(), "on".to_owned())].into()),
            search_path: vec![PG_CATALOG, PUBLIC],
            process_id: 1,
            catalog: Arc::new(before.clone()),
            effects: Arc::new(Counter(std::sync::atomic::AtomicI64::new(1))),
        }));
        let shown = self.execute(statement);
        if shown.contains("ERROR") {
            self.sqlite.execute_batch("ROLLBACK TO statement").unwrap();
            self.catalog = before;
        }
        self.sqlite.execute_batch("RELEASE statement").unwrap();
        shown
    }

    fn execute(&mut self, statement: &str) -> String {
        let mut shown = String::new();
        let bound = parse(statement).and_then(|parsed| bind(&parsed[0], &self.scope(), &[]));
        let done = bound.and_then(|bound| match bound.action {
            Action::Schema(change) => {
                for notice in &change.notices {
                    show(&mut shown, "NOTICE", notice);
                }
                let rows = change.steps.iter().map(|step| self.apply(step)).collect::<Result<Vec<_>, _>>()?;
                let count =
                    if change.tag == "SELECT" { format!(" {}", rows.last().unwrap()) } else { String::new() };
                writeln!(shown, "{}{count}", change.tag).unwrap();
                Ok(())
            }
            Action::Query(query) => {
                shown.push_str(&self.rows(&query)?);
                Ok(())
            }
            Action::Write(write) => {
                writeln!(shown, "{}", self.write(&write)?).unwrap();
                Ok(())
            }
        });
        if let Err(error) = done {
            show(&mut shown, "ERROR", &error);
        }
        shown
    }

    fn apply(&mut self, step: &Step) -> Result<usize, Error> {
        match step {
            Step::Ddl(sql) | Step::Temporary(sql) => {
                self.sqlite.execute_batch(sql).map(|()| 0).map_err(|error| broken(sql, &error))
            }
            Step::Rows(sql) => self.sqlite.execute(sql, []).map_err(|error| broken(sql, &error)),
            Step::Empty(table) => {
                let sql = format!("DELETE FROM {table}");
                self.sqlite.execute(&sql, []).map_err(|error| broken(&sql, &error))
            }
            Step::Nothing(sql, error) => {
                let mut statement = self.sqlite.prepare(sql).map_err(|error| broken(sql, &error))?;
                if statement.exists([]).unwrap() { Err(error.clone()) } else { Ok(0) }
            }
            Step::Put(object) => {
                self.catalog.put(object.as_ref().clone());
                Ok(0)
            }
            Step::Remove(oid) => {
                self.catalog.remove(*oid).unwrap();
                Ok(0)
            }
            Step::Sequence(oid, value, called) => {
                let sql = "INSERT OR REPLACE INTO bole_sequence VALUES (?1, ?2, ?3)";
                Ok(self.sqlite.execute(sql, (oid, value, called)).unwrap())
            }
        }
    }

    fn write(&self, write: &Write) -> Result<String, Error> {
        assert!(write.before.is_empty() && write.after.is_empty());
        let changed = self.sqlite.execute(&write.sql, []).map_err(|error| {
            let rusqlite::Error::SqliteFailure(code, Some(message)) = &error else {
                return broken(&write.sql, &error);
            };
            let removes = write.tag == WriteTag::Delete;
            let it = Violation { code: code.extended_code, message, table: write.table, row: None, removes };
            violation(&self.catalog, &it).unwrap_or_else(|| broken(&write.sql, &error))
        })?;
        Ok(match write.tag {
            WriteTag::Insert => format!("INSERT 0 {changed}"),
            WriteTag::Update => format!("UPDATE {changed}"),
            WriteTag::Delete => format!("DELETE {changed}"),
        })
    }

    fn rows(&self, query: &Query) -> Result<String, Error> {
        let sql = &query.sql;
        let mut statement = self.sqlite.prepare(sql).map_err(|error| broken(sql, &error))?;
        let count = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        let mut shown = String::new();
        while let Some(row) =
            rows.next().map_err(|error| self.context.take_error().unwrap_or_else(|| broken(sql, &error)))?
        {
            let values: Vec<String> = (0..count)
                .map(|at| match row.get_ref(at).unwrap() {
                    ValueRef::Null => "NULL".to_owned(),
                    ValueRef::Integer(value) => self.integer(value, query.columns[at].ty),
                    ValueRef::Real(value) => value.to_string(),
                    ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
                    ValueRef::Blob(_) => "blob".to_owned(),
                })
                .collect();
            writeln!(shown, "{}", values.join("|")).unwrap();
        }
        Ok(shown)
    }

    /// A number as its type is written.
    fn integer(&self, value: i64, ty: Type) -> String {
        match ty {
            Type::BOOL => if value == 0 { "f" } else { "t" }.to_owned(),
            Type::REGCLASS => match self.catalog.object(value as u32) {
                Some(object) => self.catalog.qualified(object, &[PUBLIC]),
                None if value == 0 => "-".to_owned(),
                None => value.to_string(),
            },
            Type::REGTYPE => format_type(&self.catalog, Type(value as u32), -1),
            _ => match self.catalog.label_at(ty, value) {
                Some(label) => label.to_owned(),
                None => value.to_string(),
            },
        }
    }

    fn describe(&self, name: &str) -> String {
        let name = name
            .split_once('.')
            .map_or(Name::new(None, name), |(schema, name)| Name::new(Some(schema), name));
        let Ok(Relation::User(Object::Table(table))) = self.catalog.relation(&name, &[PUBLIC]) else {
            return "no table\n".to_owned();
        };
        let mut lines = Vec::new();
        for column in table.live() {
            let mut line = format!(
                "  {} {}",
                quote(&column.name),
                format_type(&self.catalog, column.ty(), column.typmod)
            );
            line.push_str(if column.not_null { " not null" } else { "" });
            line.push_str(match column.identity {
                Some(Identity::Always) => " always",
                Some(Identity::ByDefault) => " by default",
                None => "",
            });
            let word = if column.generated.is_some() { "generated" } else { "default" };
            if let Some(text) = column_default(&self.catalog, table, column.number) {
                write!(line, " {word} {text}").unwrap();
            }
            lines.push(line);
        }
        let mut indexes: Vec<String> = self
            .catalog
            .indexes_of(table.oid)
            .map(|index| format!("  {}", pg_get_indexdef(&self.catalog, index.oid, 0, false).unwrap()))
            .collect();
        indexes.sort();
        let mut constraints: Vec<String> = table
            .constraints
            .iter()
            .map(|it| {
                format!(
                    "  {} {}",
                    quote(&it.name),
                    pg_get_constraintdef(&self.catalog, it.oid, false).unwrap()
                )
            })
            .collect();
        constraints.sort();
        lines.extend(indexes);
        lines.extend(constraints);
        lines.join("\n") + "\n"
    }
}

/// What functions do beyond computing: sequences count, all else is not asked for.
struct Counter(std::sync::atomic::AtomicI64);

impl Effects for Counter {
    fn nextval(&self, _: u32) -> bole_sql_dialect::Result<i64> {
        Ok(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
    }

    fn clock(&self) -> i64 {
        0
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }

    fn sleep(&self, _: f64) -> bole_sql_dialect::Result<()> {
        Ok(())
    }

    fn databases(&self) -> Vec<(u32, String)> {
        vec![(5, "test".to_owned())]
    }

    fn may(&self, _: &str, _: &str) -> bool {
        true
    }

    fn built_in(&self, relation: &str, oid: u32) -> Option<&'static str> {
        bole_sql::pg_catalog::built_in(relation, &oid.to_string())
    }

    fn advisory(&self, _: Advisory, _: LockKey) -> bole_sql_dialect::Result<bool> {
        Ok(true)
    }
}

fn broken(sql: &str, error: &rusqlite::Error) -> Error {
    Error::new(SqlState::INTERNAL_ERROR, format!("{error} in {sql}"))
}

fn show(into: &mut String, severity: &str, error: &Error) {
    writeln!(into, "{severity} {} {}", error.state.as_str(), error.message).unwrap();
    if let Some(more) = &error.more {
        for (what, text) in [("DETAIL", &more.detail), ("HINT", &more.hint)] {
            if let Some(text) = text {
                writeln!(into, "{what} {}", text.replace('\n', "\n+ ")).unwrap();
            }
        }
    }
}
