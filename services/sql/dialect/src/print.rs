//! Typed trees to SQLite's SQL.
//!
//! What SQLite would do by itself otherwise than PostgreSQL is written out: collations at every comparison, grouping and sort, the place
//! of NULLs, the error for a scalar subquery with two rows.

mod expression;
mod query;

use std::fmt::Write as _;

use bole_sql_types::storage::Collation;
use bole_sql_types::{Type, Value};

use crate::bind::tree::{Expr, Query};
use crate::catalog::Catalog;

/// Writes SQL into one string.
pub(crate) struct Printer<'a> {
    catalog: &'a Catalog,
    /// How relations are named, where it is not `r<number>`.
    names: Vec<(u32, String)>,
    /// Which relations are tables of the catalog, by their names in SQLite.
    tables: Vec<(u32, String)>,
    sql: String,
}

impl<'a> Printer<'a> {
    /// A printer that has printed nothing.
    pub(crate) fn new(catalog: &'a Catalog) -> Self {
        Self { catalog, names: Vec::new(), tables: Vec::new(), sql: String::new() }
    }

    /// Has a relation's columns named by another name than `r<number>`; an empty name leaves only the columns'.
    #[must_use]
    pub(crate) fn naming(mut self, relation: u32, name: &str) -> Self {
        self.names.push((relation, name.to_owned()));
        self.tables.push((relation, name.to_owned()));
        self
    }

    /// What was printed.
    pub(crate) fn finish(self) -> String {
        self.sql
    }

    /// Prints SQL as it is.
    pub(crate) fn raw(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    pub(crate) fn number(&mut self, prefix: &str, number: u32) {
        let _ = write!(self.sql, "{prefix}{number}");
    }

    /// Prints items with a separator.
    pub(crate) fn list<T>(&mut self, items: &[T], separator: &str, mut print: impl FnMut(&mut Self, &T)) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.raw(separator);
            }
            print(self, item);
        }
    }

    /// Prints expressions between commas.
    pub(crate) fn expressions(&mut self, list: &[Expr]) {
        self.list(list, ", ", Self::expr);
    }

    /// How values of a type are compared, if not by their own order.
    pub(crate) fn collation(&self, ty: Type) -> Option<Collation> {
        collation(self.catalog, ty)
    }
}

/// How values of a type are compared, if not by their own order.
pub(crate) fn collation(catalog: &Catalog, ty: Type) -> Option<Collation> {
    if ty.is_user() {
        let is_enum = catalog.objects.contains_key(&ty.0);
        return (!is_enum).then_some(Collation::ArrayOfIntegers);
    }
    ty.info().and_then(|info| info.collation)
}

/// The SQL of a query.
pub(crate) fn query(catalog: &Catalog, query: &Query) -> String {
    let mut printer = Printer::new(catalog);
    printer.query(query);
    printer.finish()
}

/// A value as a literal of SQLite's.
pub(crate) fn literal(sql: &mut String, value: &Value) {
    match value {
        Value::Null => sql.push_str("NULL"),
        Value::Integer(number) => {
            let _ = write!(sql, "{number}");
        }
        Value::Real(number) if number.is_infinite() => {
            sql.push_str(if *number > 0.0 { "9e999" } else { "-9e999" });
        }
        Value::Real(number) => {
            let _ = write!(sql, "{number:?}");
        }
        Value::Text(text) => {
            sql.push('\'');
            for (index, part) in text.split('\'').enumerate() {
                if index > 0 {
                    sql.push_str("''");
                }
                sql.push_str(part);
            }
            sql.push('\'');
        }
        Value::Blob(bytes) => {
            sql.push_str("x'");
            for byte in bytes {
                let _ = write!(sql, "{byte:02x}");
            }
            sql.push('\'');
        }
    }
}
