//! What a table looks like at one place of the log: its columns with their names and types, and which of them are its key.

use std::sync::Arc;

use bole_shard::changes::put_text;
use bole_sql_dialect::Catalog;
use bole_sql_dialect::catalog::{Column, Object, Table};
use bole_sql_types::{Style, Type};
use rusqlite::types::ValueRef;

use super::json;
use crate::store::Before;

/// The table's rows are in SQLite's table `t<oid>` or `t<oid>_<n>`.
pub(super) fn is_storage_of(oid: u32, name: &str) -> bool {
    let number = name.strip_prefix('t').map(|rest| rest.split_once('_').map_or(rest, |(number, _)| number));
    number.is_some_and(|number| number.parse() == Ok(oid))
}

/// See the module.
pub(super) struct Shape {
    table: Arc<Object>,
    /// The enums that columns have, and nothing else.
    enums: Catalog,
    /// Live columns: their place among SQLite's, and their names as JSON.
    columns: Vec<(usize, Vec<u8>, Type)>,
    /// Places in `columns` of the key; none: rows are told apart by SQLite's rowid.
    key: Vec<usize>,
}

/// One image of a row.
pub(super) struct Image<'a> {
    pub(super) shape: &'a Shape,
    pub(super) rowid: i64,
    pub(super) values: Vec<ValueRef<'a>>,
}

impl Shape {
    /// The shape of `table`, with enums as they were. `None`: it is no table, or one of a session, or a materialized view. Errors: an enum is not known.
    pub(super) fn of(table: &Arc<Object>, before: &Before<'_>) -> Result<Option<Self>, String> {
        let Object::Table(it) = &**table else { return Ok(None) };
        if it.temporary || it.materialized.is_some() {
            return Ok(None);
        }
        let mut enums = Catalog::default();
        for column in it.live().filter(|column| column.ty().is_user()) {
            if let Some(object) = before.enum_of(column.ty())? {
                enums.put((*object).clone());
            }
        }
        let columns = columns(it);
        let numbers: Vec<i16> = it.live().map(|column| column.number).collect();
        let key = it.primary_key().map_or(&[][..], |(key, _)| key);
        let key = key.iter().filter_map(|number| numbers.iter().position(|it| it == number)).collect();
        Ok(Some(Self { enums, columns, key, table: Arc::clone(table) }))
    }

    /// The same table with an enum that has changed.
    pub(super) fn put_enum(&mut self, object: &Object) {
        if let Object::Enum(it) = object
            && self.columns.iter().any(|(_, _, ty)| ty.0 == it.oid || ty.0 == it.array_oid)
        {
            self.enums.put(object.clone());
        }
    }

    /// What the catalog says.
    pub(super) fn table(&self) -> Option<&Table> {
        if let Object::Table(table) = &*self.table { Some(table) } else { None }
    }

    /// The names of the key's columns as JSON: a list, or null where rows are told apart by SQLite's rowid.
    pub(super) fn key_names(&self) -> Vec<u8> {
        if self.key.is_empty() {
            return b"null".to_vec();
        }
        let names: Vec<&[u8]> = self.key.iter().map(|place| self.columns[*place].1.as_slice()).collect();
        [b"[", names.join(&b","[..]).as_slice(), b"]"].concat()
    }

    /// SQLite's table.
    pub(super) fn storage(&self) -> &str {
        self.table().map_or("", |table| table.storage.as_str())
    }
}

fn columns(table: &Table) -> Vec<(usize, Vec<u8>, Type)> {
    let described = |(place, column): (usize, &Column)| {
        let mut name = Vec::new();
        put_text(&mut name, &column.name);
        (place, name, column.ty())
    };
    table.columns.iter().enumerate().filter(|(_, column)| !column.dropped).map(described).collect()
}

impl Image<'_> {
    /// Appends the row as a JSON object.
    pub(super) fn put_row(&self, out: &mut Vec<u8>, style: &Style) {
        self.put(out, style, 0..self.shape.columns.len());
    }

    /// The key as a JSON object: the primary key's columns, or the rowid.
    pub(super) fn key(&self, style: &Style) -> Vec<u8> {
        let mut out = Vec::new();
        if self.shape.key.is_empty() {
            out.extend_from_slice(format!("{{\"rowid\":{}}}", self.rowid).as_bytes());
        } else {
            self.put(&mut out, style, self.shape.key.iter().copied());
        }
        out
    }

    fn put(&self, out: &mut Vec<u8>, style: &Style, columns: impl Iterator<Item = usize>) {
        out.push(b'{');
        for (at, column) in columns.enumerate() {
            if at > 0 {
                out.push(b',');
            }
            let (place, name, ty) = &self.shape.columns[column];
            out.extend_from_slice(name);
            out.push(b':');
            // A row from before a column was there has fewer values.
            let value = self.values.get(*place).copied().unwrap_or(ValueRef::Null);
            json::put_value(out, &self.shape.enums, *ty, value, style);
        }
        out.push(b'}');
    }
}
