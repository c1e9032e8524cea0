//! `pg_catalog` and `information_schema`: each system relation is a virtual table of SQLite, whose rows are made from the catalog of the session on
//! whose behalf SQLite asks.
//!
//! # Invariants
//! - Names, order and types of columns are those of `bole_sql_dialect::catalog::system`; SQLite knows them as `c1`, `c2` …
//! - The rows of one statement are those of one catalog. They are kept until another one is asked about, with an index for each column that a
//!   join looked for numbers in.

#![expect(
    unsafe_code,
    reason = "rusqlite's traits of virtual tables are unsafe to implement: their layout must be C's"
)]

mod constraints;
mod fixed;
mod information;
mod objects;
mod relations;
mod row;
mod server;
mod types;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_int};
use std::marker::PhantomData;
use std::sync::Arc;

use bole_sql_dialect::catalog::system::{self, SystemRelation};
use bole_sql_functions::{Context, Session, guarded};
use bole_sql_types::{Type, Value};
use parking_lot::Mutex;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::vtab::{
    self, Filters, IndexConstraintOp, IndexInfo, VTab, VTabConfig, VTabConnection, VTabCursor,
};
use rusqlite::{Connection, ffi};

pub use fixed::line as built_in;
pub(crate) use fixed::{function_name, functions_named};
use row::Rows;

/// Makes the rows of a relation.
pub(crate) type Producer = fn(&Session, &mut Rows);

/// Relations that have rows. All others are empty.
fn producer(relation: &SystemRelation) -> Option<Producer> {
    let tables = [
        relations::PRODUCERS,
        constraints::PRODUCERS,
        types::PRODUCERS,
        objects::PRODUCERS,
        server::PRODUCERS,
        information::PRODUCERS,
    ];
    let name = (relation.schema, relation.name);
    tables
        .into_iter()
        .flatten()
        .find(|(schema, of, _)| (*schema, *of) == name)
        .map(|(.., producer)| *producer)
}

/// Whether a relation may have rows.
pub(crate) fn has_rows(relation: &SystemRelation) -> bool {
    producer(relation).is_some()
}

/// Makes the system relations known to a connection.
pub fn register(connection: &Connection, context: &Context) -> rusqlite::Result<()> {
    const MODULE: vtab::Module<'static, Table> = vtab::Module::eponymous_only_module();
    for relation in system::all() {
        let name = CString::new(relation.storage()).map_err(rusqlite::Error::NulError)?;
        connection.create_module(
            name.as_c_str(),
            &MODULE,
            Some(Source { relation, context: context.clone() }),
        )?;
    }
    Ok(())
}

/// What a table is made of.
pub(crate) struct Source {
    relation: &'static SystemRelation,
    context: Context,
}

/// Rows that were made, and places of rows by the number in a column.
struct Made {
    session: Arc<Session>,
    rows: Vec<Vec<Value>>,
    indexes: HashMap<usize, HashMap<i64, Vec<usize>>>,
}

#[repr(C)]
pub(crate) struct Table {
    base: ffi::sqlite3_vtab,
    relation: &'static SystemRelation,
    context: Context,
    made: Arc<Mutex<Option<Made>>>,
}

/// Whether a column has numbers that joins look for.
fn is_number(ty: Type) -> bool {
    [Type::OID, Type::INT2, Type::INT4, Type::INT8, Type::REGPROC].contains(&ty)
}

unsafe impl<'vtab> VTab<'vtab> for Table {
    type Aux = Source;
    type Cursor = Cursor<'vtab>;

    fn connect(
        db: &mut VTabConnection,
        aux: Option<&Self::Aux>,
        _module: &[u8],
        _database: &[u8],
        _table: &[u8],
        _arguments: &[&[u8]],
    ) -> rusqlite::Result<(Cow<'static, CStr>, Self)> {
        let Source { relation, context } =
            aux.ok_or_else(|| rusqlite::Error::ModuleError("no such relation".to_owned()))?;
        db.config(VTabConfig::Innocuous)?;
        let columns: Vec<String> = (1..=relation.columns.len()).map(|number| format!("c{number}")).collect();
        let declaration = CString::new(format!("CREATE TABLE x({})", columns.join(", ")))
            .map_err(rusqlite::Error::NulError)?;
        let base = ffi::sqlite3_vtab::default();
        Ok((Cow::Owned(declaration), Self { base, relation, context: context.clone(), made: Arc::default() }))
    }

    /// The number of the plan is that of the column that is looked up, 0 for all rows.
    fn best_index(&self, info: &mut IndexInfo) -> rusqlite::Result<bool> {
        guarded(&self.context, || {
            self.plan(info);
            Ok(true)
        })
    }

    fn open(&'vtab mut self) -> rusqlite::Result<Cursor<'vtab>> {
        Ok(Cursor {
            base: ffi::sqlite3_vtab_cursor::default(),
            relation: self.relation,
            context: self.context.clone(),
            made: Arc::clone(&self.made),
            rows: Vec::new(),
            at: 0,
            of: PhantomData,
        })
    }
}

impl Table {
    fn plan(&self, info: &mut IndexInfo) {
        let mut chosen: Option<(usize, usize)> = None;
        for (at, constraint) in info.constraints().enumerate() {
            let Ok(column) = usize::try_from(constraint.column()) else { continue };
            let equal = constraint.operator() == IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ
                && constraint.is_usable();
            let looked_for = self.relation.columns.get(column).is_some_and(|(_, ty)| is_number(*ty));
            if equal && looked_for && chosen.is_none_or(|(_, before)| column < before) {
                chosen = Some((at, column));
            }
        }
        if let Some((at, column)) = chosen {
            info.constraint_usage(at).set_argv_index(1);
            info.set_idx_num(column as c_int + 1);
            info.set_estimated_cost(10.0);
            info.set_estimated_rows(5);
        } else {
            info.set_estimated_cost(10_000.0);
            info.set_estimated_rows(1_000);
        }
    }
}

#[repr(C)]
pub(crate) struct Cursor<'vtab> {
    base: ffi::sqlite3_vtab_cursor,
    relation: &'static SystemRelation,
    context: Context,
    made: Arc<Mutex<Option<Made>>>,
    /// What is left to give, and where the reader is.
    rows: Vec<Vec<Value>>,
    at: usize,
    of: PhantomData<&'vtab Table>,
}

impl Made {
    fn new(relation: &'static SystemRelation, session: Arc<Session>) -> Self {
        let mut rows = Rows::new(relation);
        if let Some(producer) = producer(relation) {
            producer(&session, &mut rows);
        }
        Self { session, rows: rows.finish(), indexes: HashMap::new() }
    }

    /// The rows whose column has that number.
    fn with(&mut self, column: usize, number: i64) -> Vec<Vec<Value>> {
        let rows = &self.rows;
        let index = self.indexes.entry(column).or_insert_with(|| {
            let mut index: HashMap<i64, Vec<usize>> = HashMap::new();
            for (place, row) in rows.iter().enumerate() {
                if let Some(Value::Integer(number)) = row.get(column) {
                    index.entry(*number).or_default().push(place);
                }
            }
            index
        });
        index.get(&number).into_iter().flatten().map(|place| rows[*place].clone()).collect()
    }
}

unsafe impl VTabCursor for Cursor<'_> {
    fn filter(&mut self, plan: c_int, _name: Option<&str>, filters: &Filters<'_>) -> rusqlite::Result<()> {
        let context = self.context.clone();
        guarded(&context, || self.find(plan, filters))
    }

    fn next(&mut self) -> rusqlite::Result<()> {
        self.at += 1;
        Ok(())
    }

    fn eof(&self) -> bool {
        self.at >= self.rows.len()
    }

    fn column(&self, context: &mut vtab::Context, column: c_int) -> rusqlite::Result<()> {
        let value = self.rows.get(self.at).and_then(|row| row.get(column as usize));
        context.set_result(match value {
            None | Some(Value::Null) => ToSqlOutput::Borrowed(ValueRef::Null),
            Some(Value::Integer(value)) => ToSqlOutput::Borrowed(ValueRef::Integer(*value)),
            Some(Value::Real(value)) => ToSqlOutput::Borrowed(ValueRef::Real(*value)),
            Some(Value::Text(text)) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Some(Value::Blob(bytes)) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }

    fn rowid(&self) -> rusqlite::Result<i64> {
        Ok(self.at as i64)
    }
}

impl Cursor<'_> {
    fn find(&mut self, plan: c_int, filters: &Filters<'_>) -> rusqlite::Result<()> {
        let session = self.context.session().map_err(|error| rusqlite::Error::ModuleError(error.message))?;
        let mut made = self.made.lock();
        let stale = made.as_ref().is_none_or(|made| !Arc::ptr_eq(&made.session, &session));
        if stale {
            *made = Some(Made::new(self.relation, session));
        }
        let Some(made) = made.as_mut() else { return Ok(()) };
        self.at = 0;
        self.rows = match (usize::try_from(plan - 1), filters.iter().next()) {
            (Ok(column), Some(ValueRef::Integer(number))) => made.with(column, number),
            (Ok(_), Some(ValueRef::Null)) => Vec::new(),
            _ => made.rows.clone(),
        };
        Ok(())
    }
}
