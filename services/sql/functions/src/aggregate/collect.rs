//! Aggregates that keep their rows' values: texts, arrays, and rows that are packed into a blob to be unpacked by `pg_rows`.

use std::borrow::Cow;

use bole_sql_types::array::{Array, Dimension, parse};
use bole_sql_types::{Error, Result, SqlState, Value, ValueRef};

use super::{Aggregate, Kept, State, aggregate};
use crate::call::{Arguments, bytes, text};

/// The aggregates.
pub(crate) const AGGREGATES: &[Aggregate] = &[
    aggregate!(lenient "pg_string_agg", 2, Joined::default()),
    aggregate!(lenient "pg_string_agg_bytea", 2, JoinedBytes::default()),
    aggregate!(lenient "pg_array_agg", 1, Elements::default()),
    aggregate!(lenient "pg_array_agg_arrays", 1, Arrays::default()),
    aggregate!(lenient "pg_pack", -1, Packed::default()),
];

/// Texts with a separator before each but the first.
#[derive(Default)]
struct Joined(Option<String>, Kept);

impl State for Joined {
    fn kept(&self) -> usize {
        self.1.0
    }

    fn step(&mut self, row: &Arguments<'_, '_>) -> Result<()> {
        let Some(value) = row.text_or_null(0)? else { return Ok(()) };
        match &mut self.0 {
            None => {
                self.1.grow(value.len())?;
                self.0 = Some(value.to_owned());
            }
            Some(whole) => {
                let separator = row.text_or_null(1)?.unwrap_or("");
                self.1.grow(separator.len() + value.len())?;
                whole.push_str(separator);
                whole.push_str(value);
            }
        }
        Ok(())
    }

    fn value(&self) -> Result<Value> {
        Ok(self.0.clone().map_or(Value::Null, Value::Text))
    }
}

/// The same of bytes.
#[derive(Default)]
struct JoinedBytes(Option<Vec<u8>>, Kept);

impl State for JoinedBytes {
    fn kept(&self) -> usize {
        self.1.0
    }

    fn step(&mut self, row: &Arguments<'_, '_>) -> Result<()> {
        if row.is_null(0) {
            return Ok(());
        }
        let value = row.bytes(0)?;
        match &mut self.0 {
            None => {
                self.1.grow(value.len())?;
                self.0 = Some(value.to_vec());
            }
            Some(whole) => {
                let separator = if row.is_null(1) { &[] } else { row.bytes(1)? };
                self.1.grow(separator.len() + value.len())?;
                whole.extend_from_slice(separator);
                whole.extend_from_slice(value);
            }
        }
        Ok(())
    }

    fn value(&self) -> Result<Value> {
        self.0.clone().map_or(Ok(Value::Null), bytes)
    }
}

/// Elements of an array, NULLs among them.
#[derive(Default)]
struct Elements(Vec<Option<Element>>, Kept);

type Element = Cow<'static, str>;

impl State for Elements {
    fn kept(&self) -> usize {
        self.1.0
    }

    fn step(&mut self, row: &Arguments<'_, '_>) -> Result<()> {
        let value = row.text_or_null(0)?;
        self.1.grow(size_of::<Option<Element>>() + value.map_or(0, str::len))?;
        self.0.push(value.map(|value| Cow::Owned(value.to_owned())));
        Ok(())
    }

    fn value(&self) -> Result<Value> {
        if self.0.is_empty() {
            Ok(Value::Null)
        } else {
            text(Array::from_elements(self.0.clone()).to_string())
        }
    }
}

/// Arrays of the same dimensions, which become one with a dimension more.
#[derive(Default)]
struct Arrays {
    of: Vec<Dimension>,
    count: i32,
    elements: Vec<Option<Element>>,
    kept: Kept,
}

impl State for Arrays {
    fn kept(&self) -> usize {
        self.kept.0
    }

    fn step(&mut self, row: &Arguments<'_, '_>) -> Result<()> {
        let Some(whole) = row.text_or_null(0)? else {
            return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, "cannot accumulate null arrays"));
        };
        let array = parse(whole)?;
        let refused = |message: &str| Err(Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message));
        if array.dimensions.is_empty() {
            return refused("cannot accumulate empty arrays");
        }
        if self.count == 0 {
            self.of.clone_from(&array.dimensions);
        } else if self.of != array.dimensions {
            return refused("cannot accumulate arrays of different dimensionality");
        }
        self.kept.grow(array.elements.len() * size_of::<Option<Element>>() + whole.len())?;
        self.count += 1;
        self.elements.extend(
            array.elements.into_iter().map(|element| element.map(|text| Cow::Owned(text.into_owned()))),
        );
        Ok(())
    }

    fn value(&self) -> Result<Value> {
        if self.count == 0 {
            return Ok(Value::Null);
        }
        let mut dimensions = vec![Dimension { lower: 1, length: self.count }];
        dimensions.extend_from_slice(&self.of);
        text(Array { dimensions, elements: self.elements.clone() }.to_string())
    }
}

/// Rows in a blob: for each the number of its values in two bytes, then the values: a letter for the class, eight bytes with the number or
/// the length, and the bytes. Numbers are big-endian. The form lives within one statement.
#[derive(Default)]
struct Packed(Vec<u8>, Kept);

impl State for Packed {
    fn kept(&self) -> usize {
        self.1.0
    }

    fn step(&mut self, row: &Arguments<'_, '_>) -> Result<()> {
        self.row(row)
    }

    fn value(&self) -> Result<Value> {
        bytes(self.0.clone())
    }
}

impl Packed {
    fn row(&mut self, row: &Arguments<'_, '_>) -> Result<()> {
        self.1.grow(2)?;
        self.0.extend_from_slice(&(row.len() as u16).to_be_bytes());
        for at in 0..row.len() {
            match row.value(at)? {
                ValueRef::Null => self.put(b'n', 0, &[])?,
                ValueRef::Integer(value) => self.put(b'i', value as u64, &[])?,
                ValueRef::Real(value) => self.put(b'r', value.to_bits(), &[])?,
                ValueRef::Text(value) => self.put(b't', value.len() as u64, value.as_bytes())?,
                ValueRef::Blob(value) => self.put(b'b', value.len() as u64, value)?,
            }
        }
        Ok(())
    }

    fn put(&mut self, class: u8, number: u64, bytes: &[u8]) -> Result<()> {
        self.1.grow(9 + bytes.len())?;
        self.0.push(class);
        self.0.extend_from_slice(&number.to_be_bytes());
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// One row as `pg_pack` has it.
pub(crate) fn packed(row: &Arguments<'_, '_>) -> Result<Vec<u8>> {
    let mut packed = Packed::default();
    packed.row(row)?;
    Ok(packed.0)
}

/// The rows of a blob that `pg_pack` made.
pub(crate) fn unpack(packed: &[u8]) -> Result<Vec<Vec<Value>>> {
    let broken = || Error::new(SqlState::DATA_CORRUPTED, "packed rows that are cut off");
    let mut rest = packed;
    let mut take = |count: usize| {
        let (taken, left) = rest.split_at_checked(count).ok_or_else(broken)?;
        rest = left;
        Ok::<_, Error>(taken)
    };
    let mut rows = Vec::new();
    let mut left = packed.len();
    while left > 0 {
        let count = take(2)?;
        left -= 2;
        let mut row = Vec::new();
        for _ in 0..u16::from_be_bytes([count[0], count[1]]) {
            let class = take(1)?[0];
            let number = u64::from_be_bytes(take(8)?.try_into().map_err(|_| broken())?);
            left -= 9;
            row.push(match class {
                b'n' => Value::Null,
                b'i' => Value::Integer(number as i64),
                b'r' => Value::Real(f64::from_bits(number)),
                _ => {
                    let body = take(number as usize)?;
                    left -= body.len();
                    match class {
                        b't' => Value::Text(String::from_utf8(body.to_vec()).map_err(|_| broken())?),
                        _ => Value::Blob(body.to_vec()),
                    }
                }
            });
        }
        rows.push(row);
    }
    Ok(rows)
}
