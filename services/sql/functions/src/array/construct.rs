//! Arrays made and taken apart by syntax: `ARRAY[…]`, subscripts and slices.

use std::borrow::Cow;

use bole_sql_types::array::functions as arrays;
use bole_sql_types::array::{Array, Dimension, parse};
use bole_sql_types::{Error, Result, SqlState, Value, ValueRef};

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
    let subscripts = (2..of.len()).map(|at| of.int4(at)).collect::<Result<Vec<_>>>()?;
    match arrays::subscript(of.text(1)?, &subscripts)? {
        Some(element) => super::value(of.ty(0)?, &element),
        None => Ok(Value::Null),
    }
}

/// `(type, array, lower, upper, …)`: the part between the bounds, numbered from 1; a bound that is left out is a text, and NULL makes all NULL.
fn slice(of: &Arguments<'_, '_>) -> Result<Value> {
    let Some(array) = of.text_or_null(1)? else { return Ok(Value::Null) };
    if (2..of.len()).any(|at| of.is_null(at)) {
        return Ok(Value::Null);
    }
    let bound = |at: usize| match of.value(at)? {
        ValueRef::Text(_) => Ok(None),
        _ => of.int4(at).map(Some),
    };
    let bounds =
        (2..of.len()).step_by(2).map(|at| Ok((bound(at)?, bound(at + 1)?))).collect::<Result<Vec<_>>>()?;
    text(arrays::slice(array, &bounds)?)
}
