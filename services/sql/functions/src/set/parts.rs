//! Sets that are parts of one value: of arrays, texts, and of rows that were packed.

use bole_sql_types::{Result, Type, Value};

use super::{Rows, Set, of_values};
use crate::aggregate::collect::unpack;
use crate::array;
use crate::call::Arguments;
use crate::pattern;

/// `smallint[]`.
const INT2_ARRAY: Type = Type(1005);

/// The functions.
pub(crate) const SETS: &[Set] = &[
    Set::new(c"pg_unnest", 16, |of, _| unnest(of)).columns(8).called_on_null(),
    Set::new(c"pg_options_to_table", 1, |of, _| options(of)).columns(2),
    Set::new(c"pg_expandarray", 1, |of, _| numbered(of)),
    // There are no partitions.
    Set::new(c"pg_partition_ancestors", 1, |_, _| Ok(super::none())),
    Set::new(c"pg_rows", 1, |of, _| rows(of)).columns(32),
    Set::new(c"pg_string_to_table", 3, |of, _| Ok(of_values(array::pieces(of)?))).called_on_null(),
    Set::new(c"pg_regexp_split_to_table", 3, |of, _| {
        let parts = pattern::split(of, "regexp_split_to_table()")?;
        Ok(of_values(parts.into_iter().map(|part| Value::Text(part.to_owned())).collect()))
    }),
    Set::new(c"pg_regexp_matches", 3, |of, _| {
        Ok(of_values(pattern::matches(of)?.into_iter().map(Value::Text).collect()))
    }),
];

/// The elements of a `smallint[]` with their numbers, as texts of rows: `(element,number)`.
fn numbered(of: &Arguments<'_, '_>) -> Result<Rows> {
    let elements = array::values(INT2_ARRAY, of.text(0)?)?.into_iter();
    let row = |(at, element)| match element {
        Value::Integer(element) => Value::Text(format!("({element},{})", at + 1)),
        _ => Value::Text(format!("(,{})", at + 1)),
    };
    Ok(of_values(elements.enumerate().map(row).collect()))
}

/// Arrays side by side; what is shorter is filled up with NULLs.
fn unnest(of: &Arguments<'_, '_>) -> Result<Rows> {
    let mut columns = Vec::new();
    for at in (0..of.len()).step_by(2) {
        columns.push(match of.text_or_null(at + 1)? {
            Some(whole) => array::values(of.ty(at)?, whole)?.into_iter(),
            None => Vec::new().into_iter(),
        });
    }
    let length = columns.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
    let row = move |_| Ok(columns.iter_mut().map(|column| column.next().unwrap_or_default()).collect());
    Ok(Box::new((0..length).map(row)))
}

/// Options as the catalog keeps them, `name=value`.
fn options(of: &Arguments<'_, '_>) -> Result<Rows> {
    let options = array::values(bole_sql_types::Type(1_009), of.text(0)?)?;
    let row = |option: Value| {
        let Value::Text(option) = option else { return Ok(vec![Value::Null, Value::Null]) };
        Ok(match option.split_once('=') {
            Some((name, value)) => vec![Value::Text(name.to_owned()), Value::Text(value.to_owned())],
            None => vec![Value::Text(option), Value::Null],
        })
    };
    Ok(Box::new(options.into_iter().map(row)))
}

fn rows(of: &Arguments<'_, '_>) -> Result<Rows> {
    let rows = unpack(of.bytes(0)?)?;
    Ok(Box::new(rows.into_iter().map(Ok)))
}
