//! Arrays made and taken apart by syntax: `ARRAY[…]`, subscripts and slices.

use std::borrow::Cow;

use bole_sql_types::array::{Array, Dimension, parse};
use bole_sql_types::{Error, Result, SqlState, Value};

use crate::call::{Arguments, text};
use crate::scalar::{Scalar, lenient};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    lenient(c"pg_array", -1, |of| {
        let element = |at| Ok(of.text_or_null(at)?.map(Cow::Borrowed));
        text(Array::from_elements((0..of.len()).map(element).collect::<Result<_>>()?).to_string())
    }),
    lenient(c"pg_array_of_arrays", -1, of_arrays),
    lenient(c"pg_subscript", -1, subscript),
    lenient(c"pg_slice", -1, slice),
];

/// `ARRAY[a, b]` of arrays: all have the same lengths, or all are empty.
fn of_arrays(of: &Arguments<'_, '_>) -> Result<Value> {
    let mismatch = || {
        let message = "multidimensional arrays must have array expressions with matching dimensions";
        Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message)
    };
    let mut inner: Option<Vec<Dimension>> = None;
    let mut elements = Vec::new();
    for at in 0..of.len() {
        let array = of.text_or_null(at)?.map(parse).transpose()?.unwrap_or_default();
        if inner.as_ref().is_some_and(|inner| *inner != array.dimensions) {
            return Err(mismatch());
        }
        elements.extend(array.elements);
        inner = Some(array.dimensions);
    }
    let inner = inner.unwrap_or_default();
    if inner.is_empty() {
        return text("{}");
    }
    let mut dimensions = vec![Dimension { lower: 1, length: of.len() as i32 }];
    dimensions.extend(inner);
    text(Array { dimensions, elements }.to_string())
}

/// `(type, array, subscript, …)`: the element, in storage form; NULL outside.
fn subscript(of: &Arguments<'_, '_>) -> Result<Value> {
    if (1..of.len()).any(|at| of.is_null(at)) {
        return Ok(Value::Null);
    }
    let array = parse(of.text(1)?)?;
    if array.dimensions.len() != of.len() - 2 {
        return Ok(Value::Null);
    }
    let mut place = 0_i64;
    for (at, dimension) in array.dimensions.iter().enumerate() {
        let offset = of.integer(at + 2)? - i64::from(dimension.lower);
        if !(0..i64::from(dimension.length)).contains(&offset) {
            return Ok(Value::Null);
        }
        place = place * i64::from(dimension.length) + offset;
    }
    match array.elements.get(place as usize) {
        Some(Some(element)) => super::value(of.ty(0)?, element),
        _ => Ok(Value::Null),
    }
}

/// Where a slice begins and ends in a dimension, counted from its first element.
fn bounds(of: &Arguments<'_, '_>, at: usize, dimension: &Dimension) -> Result<Option<(i64, i64)>> {
    let first = i64::from(dimension.lower);
    let last = first + i64::from(dimension.length) - 1;
    let lower = if of.is_null(at) { first } else { of.integer(at)?.max(first) };
    let upper = if of.is_null(at + 1) { last } else { of.integer(at + 1)?.min(last) };
    Ok((lower <= upper).then_some((lower - first, upper - first)))
}

/// `(type, array, lower, upper, …)`: the part between the bounds, numbered from 1; a bound that is left out is NULL.
fn slice(of: &Arguments<'_, '_>) -> Result<Value> {
    if of.is_null(1) {
        return Ok(Value::Null);
    }
    let array = parse(of.text(1)?)?;
    let given = (of.len() - 2) / 2;
    if array.dimensions.len() < given || array.dimensions.is_empty() {
        return text("{}");
    }
    let mut ranges = Vec::new();
    for (at, dimension) in array.dimensions.iter().enumerate() {
        let range = if at < given {
            bounds(of, 2 + at * 2, dimension)?
        } else {
            Some((0, i64::from(dimension.length) - 1))
        };
        let Some(range) = range else { return text("{}") };
        ranges.push(range);
    }
    let mut elements = Vec::new();
    for (place, element) in array.elements.iter().enumerate() {
        let mut rest = place as i64;
        let inside = array.dimensions.iter().zip(&ranges).rev().all(|(dimension, (lower, upper))| {
            let offset = rest % i64::from(dimension.length);
            rest /= i64::from(dimension.length);
            (*lower..=*upper).contains(&offset)
        });
        if inside {
            elements.push(element.clone());
        }
    }
    let dimensions = ranges
        .iter()
        .map(|(lower, upper)| Dimension { lower: 1, length: (upper - lower + 1) as i32 })
        .collect();
    text(Array { dimensions, elements }.to_string())
}
