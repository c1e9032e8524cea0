//! A record as a row: its key is the primary key, its value a JSON object of columns, each converted by its column's type as PostgreSQL's `json_populate_record` does.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use bole_sql_dialect::Catalog;
use bole_sql_dialect::catalog::{Column, Table};
use bole_sql_types::json::raw::{self, Raw};
use bole_sql_types::{Error, Result, SqlState, Style, Type, Value, collation};

use crate::session::values::input_text;

/// Dimensions of an array, as in PostgreSQL; the type's own check has the words.
const DIMENSIONS_MAX: usize = 6;

/// The table that records are rows of.
pub(super) struct Shape<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) table: &'a Table,
    pub(super) style: &'a Style,
    /// The columns of the primary key.
    pub(super) key: Vec<&'a Column>,
}

/// The columns that a record gives, by number: those of the key among them.
pub(super) type Row = BTreeMap<i16, Value>;

impl<'a> Shape<'a> {
    /// Of a table with a primary key.
    pub(super) fn new(catalog: &'a Catalog, table: &'a Table, style: &'a Style) -> Self {
        let numbers = table.primary_key().map_or(&[][..], |(columns, _)| columns);
        let key = numbers.iter().filter_map(|number| table.numbered(*number)).collect();
        Self { catalog, table, style, key }
    }

    /// The values of the primary key, from a record's key: the text of the one column, or a JSON object of several.
    pub(super) fn key_of(&self, key: &[u8]) -> Result<Row> {
        let text = utf8(key, "key")?;
        if let [column] = self.key[..] {
            let value = self.input(column, text).map_err(|error| about(error, column))?;
            return Ok(Row::from([(column.number, value)]));
        }
        let row = self.object(text, "key")?;
        if row.len() != self.key.len() || self.key.iter().any(|column| !row.contains_key(&column.number)) {
            let names: Vec<&str> = self.key.iter().map(|column| column.name.as_str()).collect();
            let message =
                format!("the record's key must have the columns {}, and no others", names.join(", "));
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
        Ok(row)
    }

    /// The columns that a record gives. What of the key is in the value as well must be the same.
    pub(super) fn row_of(&self, key: &[u8], value: &[u8]) -> Result<Row> {
        let key = self.key_of(key)?;
        let mut row = self.object(utf8(value, "value")?, "value")?;
        for column in &self.key {
            let Some(of_key) = key.get(&column.number) else { continue };
            if row.get(&column.number).is_some_and(|given| !is_same(column.ty(), of_key, given)) {
                let message =
                    format!("column \"{}\" is another in the record's key than in its value", column.name);
                return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
            }
            row.insert(column.number, of_key.clone());
        }
        Ok(row)
    }

    /// Of members with the same name, the last one counts.
    fn object(&self, text: &str, what: &str) -> Result<Row> {
        let wrong = |found: &str| {
            let message = format!("the record's {what} must be a JSON object of columns, and is {found}");
            Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
        };
        if text.trim_start().is_empty() {
            return Err(wrong("empty"));
        }
        let split = raw::split(text).map_err(|error| {
            let message = format!("the record's {what} is no JSON: {}", error.message);
            error.with_message(message)
        })?;
        let members = match split {
            Raw::Object(members) => members,
            Raw::Array(_) => return Err(wrong("an array")),
            Raw::Scalar(_) => return Err(wrong("a single value")),
        };
        let mut row = Row::new();
        for (name, raw) in members {
            let Some(column) = self.table.column(&name) else {
                let message = format!("column \"{name}\" of relation \"{}\" does not exist", self.table.name);
                return Err(Error::new(SqlState::UNDEFINED_COLUMN, message));
            };
            row.insert(column.number, self.value(column, raw).map_err(|error| about(error, column))?);
        }
        Ok(row)
    }

    fn input(&self, column: &Column, text: &str) -> Result<Value> {
        input_text(self.catalog, column.ty(), column.typmod, text, self.style)
    }

    fn value(&self, column: &Column, raw: &str) -> Result<Value> {
        let ty = column.ty();
        let Some(text) = raw::as_text(raw)? else { return Ok(Value::Null) };
        if ty == Type::JSON || ty == Type::JSONB {
            return self.input(column, raw);
        }
        if self.catalog.element_of(ty).is_none() || raw.starts_with('"') {
            return self.input(column, &text);
        }
        let mut literal = String::with_capacity(raw.len());
        if !push_array(raw, 1, &mut literal)? {
            return Err(Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "expected JSON array"));
        }
        self.input(column, &literal)
    }
}

/// A JSON array as PostgreSQL's literal of one; `false`: it is none.
fn push_array(raw: &str, depth: usize, out: &mut String) -> Result<bool> {
    let Raw::Array(elements) = raw::split(raw)? else { return Ok(false) };
    if depth > DIMENSIONS_MAX {
        let message =
            format!("number of array dimensions ({depth}) exceeds the maximum allowed ({DIMENSIONS_MAX})");
        return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
    }
    out.push('{');
    for (at, element) in elements.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        if push_array(element, depth + 1, out)? {
            continue;
        }
        let Some(text) = raw::as_text(element)? else {
            out.push_str("NULL");
            continue;
        };
        out.push('"');
        for c in text.chars() {
            if matches!(c, '"' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
        out.push('"');
    }
    out.push('}');
    Ok(true)
}

fn utf8<'a>(bytes: &'a [u8], what: &str) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let message = format!("the record's {what} is not UTF-8 at byte {}", error.valid_up_to());
        Error::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message)
    })
}

fn about(error: Error, column: &Column) -> Error {
    let message = format!("column \"{}\": {}", column.name, error.message);
    error.with_message(message)
}

fn is_same(ty: Type, one: &Value, other: &Value) -> bool {
    let order = ty.info().and_then(|info| info.collation);
    match (order, one, other) {
        (Some(order), Value::Text(one), Value::Text(other)) => {
            collation::compare(order, one, other) == Ordering::Equal
        }
        _ => one == other,
    }
}
