//! Rows that are the same in every database: built-in types, operators, functions and what belongs to them.
//!
//! The file `fixed.txt` was printed by a PostgreSQL 15: a line `@relation`, then its rows, with tabs between the columns' texts. `pg_settings` has
//! only name, category, context, type, unit, bounds and words there, of the settings that there are; `functions` is what PostgreSQL says of the
//! arguments and results of functions.

use std::collections::HashMap;
use std::sync::LazyLock;

use bole_sql_types::{Type, Value};

use super::row::Rows;

static LINES: LazyLock<HashMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    let mut all: HashMap<&'static str, Vec<&'static str>> = HashMap::new();
    let mut relation = "";
    for line in include_str!("fixed.txt").lines() {
        match line.strip_prefix('@') {
            Some(name) => relation = name,
            None => all.entry(relation).or_default().push(line),
        }
    }
    all
});

static BY_FIRST: LazyLock<HashMap<(&'static str, &'static str), &'static str>> = LazyLock::new(|| {
    let lines = LINES.iter().flat_map(|(relation, lines)| lines.iter().map(move |line| (*relation, *line)));
    lines.map(|(relation, line)| ((relation, line.split('\t').next().unwrap_or(line)), line)).collect()
});

/// The line of a relation that begins with this column.
pub fn line(relation: &str, first: &str) -> Option<&'static str> {
    BY_FIRST.get(&(relation, first)).copied()
}

/// Numbers of functions by their name.
static FUNCTIONS: LazyLock<HashMap<&'static str, Vec<u32>>> = LazyLock::new(|| {
    let mut all: HashMap<&'static str, Vec<u32>> = HashMap::new();
    for line in LINES.get("pg_proc").into_iter().flatten() {
        let mut columns = line.split('\t');
        if let (Some(Ok(number)), Some(name)) = (columns.next().map(str::parse), columns.next()) {
            all.entry(name).or_default().push(number);
        }
    }
    all
});

/// The numbers of the functions of this name.
pub(crate) fn functions_named(name: &str) -> &'static [u32] {
    FUNCTIONS.get(name).map_or(&[], Vec::as_slice)
}

/// The name of a function.
pub(crate) fn function_name(number: u32) -> Option<&'static str> {
    line("pg_proc", &number.to_string())?.split('\t').nth(1)
}

fn value(text: &str, ty: Type) -> Value {
    if text == "\\N" {
        return Value::Null;
    }
    match ty {
        Type::BOOL => Value::Integer(i64::from(text == "t")),
        Type::FLOAT4 => text.parse().map_or(Value::Null, Value::Real),
        Type::OID | Type::INT2 | Type::INT4 | Type::INT8 | Type::REGPROC | Type::XID => {
            text.parse().map_or(Value::Null, Value::Integer)
        }
        // Vectors are printed without braces.
        ty if ty.element().is_some() && !text.starts_with('{') => {
            super::row::vector(text.split(' ').filter_map(|number| number.parse().ok()))
        }
        _ => Value::Text(text.to_owned()),
    }
}

/// Appends the rows of the relation that are always there.
pub(crate) fn push(rows: &mut Rows) {
    let relation = rows.relation();
    for line in LINES.get(relation.name).into_iter().flatten() {
        let values = line.split('\t').zip(&relation.columns).map(|(text, (_, ty))| value(text, *ty));
        rows.push_row(values.collect());
    }
}
