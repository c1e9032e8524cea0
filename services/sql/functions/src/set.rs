//! Functions that give rows, as table-valued functions of SQLite: columns `v1` to `v<n>`, `ordinality`, and hidden ones for the arguments.
//!
//! Rows are made as they are asked for.

#![expect(
    unsafe_code,
    reason = "rusqlite's traits of virtual tables are unsafe to implement: their layout must be C's"
)]

pub(crate) mod json;
pub(crate) mod parts;
pub(crate) mod series;
pub(crate) mod step;

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_int};
use std::marker::PhantomData;

use bole_sql_types::{Error, Result, Value, ValueRef};
use rusqlite::Connection;
use rusqlite::ffi;
use rusqlite::vtab::{
    self, Filters, IndexConstraintOp, IndexInfo, VTab, VTabConfig, VTabConnection, VTabCursor,
};

use crate::call::{Arguments, guarded, to_sqlite};
use crate::context::Context;
use crate::scalar::fail;

/// The rows that a call gives, made as they are asked for.
pub(crate) type Rows = Box<dyn Iterator<Item = Result<Vec<Value>>> + Send>;

/// No rows.
pub(crate) fn none() -> Rows {
    Box::new(std::iter::empty())
}

/// One row for each value.
pub(crate) fn of_values(values: Vec<Value>) -> Rows {
    Box::new(values.into_iter().map(|value| Ok(vec![value])))
}

/// All functions, by family.
pub(crate) const ALL: &[&[Set]] = &[series::SETS, parts::SETS, json::SETS, step::SETS];

/// One function.
pub(crate) struct Set {
    /// SQLite's name.
    pub(crate) name: &'static CStr,
    /// How many columns it gives.
    pub(crate) columns: usize,
    /// How many arguments it takes at most.
    pub(crate) arity: usize,
    /// NULL among the arguments makes no row.
    strict: bool,
    /// What it does.
    run: fn(&Arguments<'_, '_>, &Context) -> Result<Rows>,
}

impl Set {
    /// A function that gives one column, and no row for NULL.
    pub(crate) const fn new(
        name: &'static CStr,
        arity: usize,
        run: fn(&Arguments<'_, '_>, &Context) -> Result<Rows>,
    ) -> Self {
        Self { name, columns: 1, arity, strict: true, run }
    }

    /// It gives so many columns.
    pub(crate) const fn columns(self, columns: usize) -> Self {
        Self { columns, ..self }
    }

    /// NULL among the arguments is its own matter.
    pub(crate) const fn called_on_null(self) -> Self {
        Self { strict: false, ..self }
    }

    /// Registers it.
    pub(crate) fn register(
        &'static self,
        connection: &Connection,
        context: &Context,
    ) -> rusqlite::Result<()> {
        const MODULE: vtab::Module<'static, Table> = vtab::Module::eponymous_only_module();
        connection.create_module(self.name, &MODULE, Some((self, context.clone())))
    }

    /// The rows of a call.
    fn rows(&self, arguments: &Arguments<'_, '_>, context: &Context) -> Result<Rows> {
        if self.strict && arguments.any_null() { Ok(none()) } else { (self.run)(arguments, context) }
    }

    /// Its columns, for SQLite.
    fn declaration(&self) -> String {
        let columns = (1..=self.columns).map(|at| format!("v{at}"));
        let arguments = (1..=self.arity).map(|at| format!("a{at} HIDDEN"));
        let all: Vec<String> = columns.chain(["ordinality".to_owned()]).chain(arguments).collect();
        format!("CREATE TABLE x({})", all.join(", "))
    }
}

/// The table of a function.
#[repr(C)]
pub(crate) struct Table {
    base: ffi::sqlite3_vtab,
    set: &'static Set,
    context: Context,
}

unsafe impl<'vtab> VTab<'vtab> for Table {
    type Aux = (&'static Set, Context);
    type Cursor = Cursor<'vtab>;

    fn connect(
        db: &mut VTabConnection,
        aux: Option<&Self::Aux>,
        _module: &[u8],
        _database: &[u8],
        _table: &[u8],
        _arguments: &[&[u8]],
    ) -> rusqlite::Result<(Cow<'static, CStr>, Self)> {
        let (set, context) =
            aux.ok_or_else(|| rusqlite::Error::ModuleError("no such function".to_owned()))?;
        db.config(VTabConfig::Innocuous)?;
        let table = Self { base: ffi::sqlite3_vtab::default(), set, context: context.clone() };
        let declaration = CString::new(set.declaration()).map_err(rusqlite::Error::NulError)?;
        Ok((Cow::Owned(declaration), table))
    }

    /// Arguments are equations on the hidden columns. The number of the plan has a bit for each one that is given.
    fn best_index(&self, info: &mut IndexInfo) -> rusqlite::Result<bool> {
        guarded(&self.context, || Ok(self.plan(info)))
    }

    fn open(&'vtab mut self) -> rusqlite::Result<Cursor<'vtab>> {
        Ok(Cursor {
            base: ffi::sqlite3_vtab_cursor::default(),
            set: self.set,
            context: self.context.clone(),
            rows: Box::new(std::iter::empty()),
            row: None,
            number: 0,
            of: PhantomData,
        })
    }
}

impl Table {
    /// Whether the arguments can be given.
    fn plan(&self, info: &mut IndexInfo) -> bool {
        let first = self.set.columns + 1;
        let mut given = vec![None; self.set.arity];
        for (at, constraint) in info.constraints().enumerate() {
            let Some(argument) = argument(constraint.column(), first) else { continue };
            if constraint.operator() != IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ {
                continue;
            }
            if !constraint.is_usable() {
                return false;
            }
            if let Some(place) = given.get_mut(argument) {
                *place = Some(at);
            }
        }
        let mut plan = 0;
        let mut place = 0;
        for (argument, at) in given.iter().enumerate() {
            let Some(at) = at else { continue };
            place += 1;
            plan |= 1 << argument;
            let mut usage = info.constraint_usage(*at);
            usage.set_argv_index(place);
            usage.set_omit(true);
        }
        info.set_idx_num(plan);
        info.set_estimated_cost(100.0);
        info.set_estimated_rows(100);
        true
    }
}

/// Which argument a column is, of which the first is that of a number. The column of the row's number is -1.
fn argument(column: c_int, first: usize) -> Option<usize> {
    usize::try_from(column).ok()?.checked_sub(first)
}

/// A call, and where its reader is.
#[repr(C)]
pub(crate) struct Cursor<'vtab> {
    base: ffi::sqlite3_vtab_cursor,
    set: &'static Set,
    context: Context,
    rows: Rows,
    row: Option<Vec<Value>>,
    number: i64,
    of: PhantomData<&'vtab Table>,
}

impl Cursor<'_> {
    fn told<T>(&self, answer: Result<T>) -> rusqlite::Result<T> {
        answer.map_err(|error| {
            let message = error.message.clone();
            let _left = fail(&self.context, error);
            rusqlite::Error::ModuleError(message)
        })
    }

    fn advance(&mut self) -> rusqlite::Result<()> {
        let row = self.rows.next().transpose();
        self.row = self.told(row)?;
        self.number += 1;
        Ok(())
    }

    fn arguments(&self, plan: c_int, filters: &Filters<'_>) -> Result<Vec<Value>> {
        let mut values = Vec::with_capacity(self.set.arity);
        let mut given = filters.iter();
        for argument in 0..self.set.arity {
            if plan & (1 << argument) == 0 {
                break;
            }
            values.push(match given.next() {
                Some(rusqlite::types::ValueRef::Integer(value)) => Value::Integer(value),
                Some(rusqlite::types::ValueRef::Real(value)) => Value::Real(value),
                Some(rusqlite::types::ValueRef::Blob(value)) => Value::Blob(value.to_vec()),
                Some(rusqlite::types::ValueRef::Text(value)) => ValueRef::Text(
                    std::str::from_utf8(value).map_err(|_| Error::unsupported("text that is not UTF-8"))?,
                )
                .to_owned(),
                _ => Value::Null,
            });
        }
        Ok(values)
    }
}

unsafe impl VTabCursor for Cursor<'_> {
    fn filter(&mut self, plan: c_int, _: Option<&str>, filters: &Filters<'_>) -> rusqlite::Result<()> {
        let context = self.context.clone();
        guarded(&context, || {
            let arguments = self.told(self.arguments(plan, filters))?;
            let arguments = Arguments::Kept(&arguments);
            self.number = 0;
            self.rows = self.told(self.set.rows(&arguments, &self.context))?;
            self.advance()
        })
    }

    fn next(&mut self) -> rusqlite::Result<()> {
        let context = self.context.clone();
        guarded(&context, || self.advance())
    }

    fn eof(&self) -> bool {
        self.row.is_none()
    }

    fn column(&self, context: &mut vtab::Context, at: c_int) -> rusqlite::Result<()> {
        let at = at as usize;
        if at == self.set.columns {
            return context.set_result(self.number);
        }
        match self.row.as_ref().and_then(|row| row.get(at)) {
            Some(Value::Text(value)) => context.set_result(value),
            Some(Value::Blob(value)) => context.set_result(value),
            Some(value) => context.set_result(to_sqlite(value.clone())),
            None => context.set_result(rusqlite::types::Null),
        }
    }

    fn rowid(&self) -> rusqlite::Result<i64> {
        Ok(self.number)
    }
}

#[cfg(test)]
mod tests {
    use bole_sql_types::SqlState;

    use super::*;

    #[test]
    fn columns_of_arguments() {
        let rows = [(-1, None), (0, None), (1, None), (2, Some(0)), (4, Some(2))];
        for (column, expected) in rows {
            assert_eq!(argument(column, 2), expected, "{column}");
        }
    }

    #[test]
    fn panics_are_errors() {
        let context = Context::default();
        let found = guarded(&context, || -> rusqlite::Result<()> { panic!("a defect") });
        assert!(found.is_err());
        assert_eq!(context.take_error().map(|error| error.state), Some(SqlState::INTERNAL_ERROR));
    }
}
