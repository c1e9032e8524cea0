//! Functions on arrays.

pub(crate) mod construct;

use std::borrow::Cow;

use bole_sql_types::array::functions::{self as arrays, Order, element_order};
use bole_sql_types::array::{Array, element_text, parse};
use bole_sql_types::{Error, Result, SqlState, Style, Type, Value, ValueRef};

use crate::call::{Arguments, boolean, integer, text, text_or_null};
use crate::casts;
use crate::scalar::{Scalar, contextual, lenient, strict};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    strict(c"pg_array_dims", 1, |of| text_or_null(arrays::bounds(of.text(0)?)?)),
    strict(c"pg_array_ndims", 1, |of| Ok(number(arrays::dimensions(of.text(0)?)?))),
    strict(c"pg_array_length", 2, |of| Ok(number(arrays::length(of.text(0)?, of.int4(1)?)?))),
    strict(c"pg_array_lower", 2, |of| Ok(number(arrays::lower(of.text(0)?, of.int4(1)?)?))),
    strict(c"pg_array_upper", 2, |of| Ok(number(arrays::upper(of.text(0)?, of.int4(1)?)?))),
    strict(c"pg_cardinality", 1, |of| integer(arrays::cardinality(of.text(0)?)?)),
    strict(c"pg_trim_array", 2, |of| text(arrays::trim(of.text(0)?, of.int4(1)?)?)),
    lenient(c"pg_array_append", 2, |of| text(arrays::append(of.text_or_null(0)?, of.text_or_null(1)?)?)),
    lenient(c"pg_array_prepend", 2, |of| text(arrays::prepend(of.text_or_null(0)?, of.text_or_null(1)?)?)),
    lenient(c"pg_array_cat", 2, |of| match (of.text_or_null(0)?, of.text_or_null(1)?) {
        (None, None) => Ok(Value::Null),
        (Some(one), None) | (None, Some(one)) => text(one),
        (Some(a), Some(b)) => text(arrays::concatenate(a, b)?),
    }),
    lenient(c"pg_array_fill", 2, fill).optional(1),
    lenient(c"pg_array_position", 4, position).optional(1),
    lenient(c"pg_array_positions", 4, |of| match of.text_or_null(1)? {
        None => Ok(Value::Null),
        Some(array) => text(arrays::positions(array, element(of, 2)?.as_deref(), order(of)?)?),
    }),
    lenient(c"pg_array_remove", 4, |of| match of.text_or_null(1)? {
        None => Ok(Value::Null),
        Some(array) => text(arrays::remove(array, element(of, 2)?.as_deref(), order(of)?)?),
    }),
    lenient(c"pg_array_replace", 6, |of| match of.text_or_null(1)? {
        None => Ok(Value::Null),
        Some(array) => {
            let (from, to) = (element(of, 2)?, element(of, 4)?);
            text(arrays::replace(array, from.as_deref(), to.as_deref(), order(of)?)?)
        }
    }),
    strict(c"pg_array_contains", 4, |of| boolean(arrays::contains(of.text(1)?, of.text(3)?, order(of)?)?)),
    strict(c"pg_array_contained", 4, |of| boolean(arrays::contains(of.text(3)?, of.text(1)?, order(of)?)?)),
    strict(c"pg_array_overlap", 4, |of| boolean(arrays::overlaps(of.text(1)?, of.text(3)?, order(of)?)?)),
    contextual(c"pg_array_to_string", 3, |of, context| {
        if of.is_null(1) || of.is_null(2) {
            return Ok(Value::Null);
        }
        let shown = casts::output(of.ty(0)?, of.value(1)?, context)?;
        text(arrays::join(&shown, of.text(2)?, of.text_or_null(3)?)?)
    })
    .optional(1)
    .called_on_null(),
    lenient(c"pg_string_to_array", 2, |of| match of.text_or_null(0)? {
        None => Ok(Value::Null),
        Some(whole) => text(arrays::split(whole, of.text_or_null(1)?, of.text_or_null(2)?)?),
    })
    .optional(1),
    strict(c"pg_width_bucket_array", 4, width_bucket),
];

fn number(value: Option<i32>) -> Value {
    value.map_or(Value::Null, |value| Value::Integer(value.into()))
}

/// An array of one dimension, of texts.
pub(crate) fn of_texts<'a>(elements: impl Iterator<Item = Option<&'a str>>) -> String {
    Array::from_elements(elements.map(|element| element.map(Cow::Borrowed)).collect()).to_string()
}

/// The order of the elements of the array type that is the first argument. Those of enums are integers.
fn order(of: &Arguments<'_, '_>) -> Result<Order> {
    let array = of.ty(0)?;
    Ok(element_order(array.element().unwrap_or(array)))
}

/// The text of an element that is an argument after its type.
fn element(of: &Arguments<'_, '_>, at: usize) -> Result<Option<String>> {
    match of.value(at + 1)? {
        ValueRef::Integer(place) if of.ty(at)?.is_user() => Ok(Some(place.to_string())),
        value => element_text(of.ty(at)?, value),
    }
}

fn position(of: &Arguments<'_, '_>) -> Result<Value> {
    let Some(array) = of.text_or_null(1)? else { return Ok(Value::Null) };
    let start = match of.len() {
        4 => None,
        _ if of.is_null(4) => {
            let message = "initial position must not be null";
            return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, message));
        }
        _ => Some(of.int4(4)?),
    };
    Ok(number(arrays::position(array, element(of, 2)?.as_deref(), start, order(of)?)?))
}

fn fill(of: &Arguments<'_, '_>) -> Result<Value> {
    let null = |what: &str| Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, what);
    if of.is_null(1) || (of.len() > 2 && of.is_null(2)) {
        return Err(null("dimension array or low bound array cannot be null"));
    }
    let numbers = |at: usize| -> Result<Vec<i32>> {
        let array = parse(of.text(at)?)?;
        let number = |element: &Option<Cow<'_, str>>| match element {
            Some(element) => element.parse().map_err(|_| null("dimension values must be integers")),
            None => Err(null("dimension values cannot be null")),
        };
        array.elements.iter().map(number).collect()
    };
    let lowers = if of.len() > 2 { numbers(2)? } else { Vec::new() };
    text(arrays::fill(of.text_or_null(0)?, &numbers(1)?, &lowers)?)
}

/// The parts of a text, for `string_to_table`.
pub(crate) fn pieces(of: &Arguments<'_, '_>) -> Result<Vec<Value>> {
    let Some(whole) = of.text_or_null(0)? else { return Ok(Vec::new()) };
    values(Type(1009), &arrays::split(whole, of.text_or_null(1)?, of.text_or_null(2)?)?)
}

/// The number of thresholds that a value is not below.
fn width_bucket(of: &Arguments<'_, '_>) -> Result<Value> {
    let thresholds = parse(of.text(3)?)?;
    if thresholds.dimensions.len() > 1 {
        return Err(Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, "thresholds must be one-dimensional array"));
    }
    let order = element_order(of.ty(0)?);
    let value = element_text(of.ty(0)?, of.value(1)?)?.unwrap_or_default();
    let mut below = 0;
    for threshold in &thresholds.elements {
        let Some(threshold) = threshold else {
            let message = "thresholds array must not contain NULLs";
            return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, message));
        };
        if order(&value, threshold).is_lt() {
            break;
        }
        below += 1;
    }
    integer(below)
}

/// The value of an element of an array, in storage form.
pub(crate) fn value(array: Type, element: &str) -> Result<Value> {
    match array.element() {
        Some(ty) => bole_sql_types::text::input(ty, -1, element, &Style::default()),
        None => element
            .parse()
            .map(Value::Integer)
            .map_err(|_| Error::unsupported("an array of an enum in this form")),
    }
}

/// The values of all elements.
pub(crate) fn values(array: Type, of: &str) -> Result<Vec<Value>> {
    let parsed = parse(of)?;
    let one =
        |element: &Option<Cow<'_, str>>| element.as_ref().map_or(Ok(Value::Null), |text| value(array, text));
    parsed.elements.iter().map(one).collect()
}
