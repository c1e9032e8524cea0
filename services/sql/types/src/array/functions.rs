//! Functions of arrays, on their storage text. Elements are in the text that a stored array has ([`super::element_text`]).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write as _;

use super::literal::too_many_dimensions;
use super::{Array, DIMENSIONS_MAX, Dimension, parse};
use crate::length::{BYTES_MAX, check_length};
use crate::storage::Collation;
use crate::{Error, Result, SqlState, Type, collation};

/// The order of elements of a type, NULLs aside.
pub type Order = fn(&str, &str) -> Ordering;

/// The order of a type's elements in the text of stored arrays; of types without an order it tells equal ones only.
pub fn element_order(element: Type) -> Order {
    let array = element.array().and_then(Type::info).and_then(|info| info.collation);
    match (element, array) {
        (Type::JSONB, _) => |a, b| collation::compare(Collation::Jsonb, a, b),
        (Type::BPCHAR, _) => |a, b| collation::compare(Collation::Bpchar, a, b),
        (_, Some(Collation::ArrayOfIntegers)) => collation::integers,
        (_, Some(Collation::ArrayOfFloats)) => collation::floats,
        (_, Some(Collation::ArrayOfNumerics)) => |a, b| collation::compare(Collation::Numeric, a, b),
        (_, Some(Collation::ArrayOfIntervals)) => collation::intervals,
        (_, Some(Collation::ArrayOfTimes)) => collation::times,
        _ if element.is_user() => collation::integers,
        _ => str::cmp,
    }
}

/// `array[i][j]`; `None` is NULL, also for what is outside.
pub fn subscript(array: &str, subscripts: &[i32]) -> Result<Option<String>> {
    let array = parse(array)?;
    if subscripts.is_empty() || subscripts.len() != array.dimensions.len() {
        return Ok(None);
    }
    let mut at = 0;
    for (subscript, dimension) in subscripts.iter().zip(&array.dimensions) {
        let offset = i64::from(*subscript) - i64::from(dimension.lower);
        if !(0..i64::from(dimension.length)).contains(&offset) {
            return Ok(None);
        }
        at = at * dimension.length as usize + offset as usize;
    }
    Ok(array.elements.into_iter().nth(at).flatten().map(Cow::into_owned))
}

/// `array[a:b][c:d]`; bounds that are left out are those of the array. Gives `{}` where nothing is inside.
pub fn slice(array: &str, bounds: &[(Option<i32>, Option<i32>)]) -> Result<String> {
    let array = parse(array)?;
    if array.dimensions.len() < bounds.len() || bounds.is_empty() {
        return Ok("{}".to_owned());
    }
    // For each dimension the first offset and how many.
    let mut ranges = Vec::new();
    for (n, dimension) in array.dimensions.iter().enumerate() {
        let (from, to) = bounds.get(n).copied().unwrap_or_default();
        let last = i64::from(dimension.lower) + i64::from(dimension.length) - 1;
        let from = i64::from(from.unwrap_or(dimension.lower)).max(i64::from(dimension.lower));
        let to = to.map_or(last, i64::from).min(last);
        if from > to {
            return Ok("{}".to_owned());
        }
        ranges.push((from - i64::from(dimension.lower), to - from + 1));
    }
    let inside = |mut at: i64| {
        array.dimensions.iter().zip(&ranges).rev().all(|(dimension, range)| {
            let offset = at % i64::from(dimension.length);
            at /= i64::from(dimension.length);
            (range.0..range.0 + range.1).contains(&offset)
        })
    };
    let elements = array.elements.iter().enumerate().filter(|(at, _)| inside(*at as i64));
    let elements = elements.map(|(_, element)| element.clone()).collect();
    let dimensions = ranges.iter().map(|range| Dimension { lower: 1, length: range.1 as i32 }).collect();
    Ok(Array { dimensions, elements }.to_string())
}

fn one_dimension(array: Option<&str>) -> Result<Array<'_>> {
    let array = array.map_or(Ok(Array::default()), parse)?;
    if array.dimensions.len() > 1 {
        let message = "argument must be empty or one-dimensional array";
        return Err(Error::new(SqlState::DATA_EXCEPTION, message));
    }
    Ok(array)
}

fn with_element(array: Option<&str>, element: Option<&str>, first: bool) -> Result<String> {
    let mut array = one_dimension(array)?;
    let at = if first { 0 } else { array.elements.len() };
    array.elements.insert(at, element.map(Cow::Borrowed));
    match array.dimensions.first_mut() {
        Some(dimension) => {
            dimension.length += 1;
            if dimension.lower.checked_add(dimension.length).is_none() {
                return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "integer out of range"));
            }
        }
        None => array.dimensions.push(Dimension { lower: 1, length: 1 }),
    }
    Ok(array.to_string())
}

/// `array_append`, `array || element`; NULL is an empty array. Errors: 22000 for more than one dimension.
pub fn append(array: Option<&str>, element: Option<&str>) -> Result<String> {
    with_element(array, element, false)
}

/// `array_prepend`, `element || array`; NULL is an empty array. Errors: 22000 for more than one dimension.
pub fn prepend(element: Option<&str>, array: Option<&str>) -> Result<String> {
    with_element(array, element, true)
}

fn incompatible(detail: impl Into<String>) -> Error {
    Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, "cannot concatenate incompatible arrays").with_detail(detail)
}

/// `array_cat`, `array || array`. Errors: 2202E.
pub fn concatenate(a: &str, b: &str) -> Result<String> {
    check_length(a.len(), b.len())?;
    let (first, second) = (parse(a)?, parse(b)?);
    let (n, m) = (first.dimensions.len(), second.dimensions.len());
    if n == 0 || m == 0 {
        return Ok(if n == 0 { second } else { first }.to_string());
    }
    let inner = |dimensions: &[Dimension]| dimensions.to_vec();
    let (mut dimensions, added, matching) = match n as i32 - m as i32 {
        0 => {
            let same = inner(&first.dimensions[1..]) == inner(&second.dimensions[1..]);
            (first.dimensions.clone(), second.dimensions[0].length, same)
        }
        1 => (first.dimensions.clone(), 1, inner(&first.dimensions[1..]) == inner(&second.dimensions)),
        -1 => (second.dimensions.clone(), 1, inner(&second.dimensions[1..]) == inner(&first.dimensions)),
        _ => {
            let detail = format!("Arrays of {n} and {m} dimensions are not compatible for concatenation.");
            return Err(incompatible(detail));
        }
    };
    if !matching {
        let what = if n == m { "element dimensions" } else { "dimensions" };
        return Err(incompatible(format!(
            "Arrays with differing {what} are not compatible for concatenation."
        )));
    }
    dimensions[0].length = dimensions[0].length.checked_add(added).ok_or_else(super::too_large)?;
    let elements: Vec<_> = first.elements.into_iter().chain(second.elements).collect();
    if elements.len() > super::ELEMENTS_MAX {
        return Err(super::too_large());
    }
    Ok(Array { dimensions, elements }.to_string())
}

fn dimension(array: &str, number: i32) -> Result<Option<Dimension>> {
    let dimensions = parse(array)?.dimensions;
    Ok(usize::try_from(number).ok().and_then(|n| n.checked_sub(1)).and_then(|n| dimensions.get(n).copied()))
}

/// `array_length`.
pub fn length(array: &str, number: i32) -> Result<Option<i32>> {
    Ok(dimension(array, number)?.map(|dimension| dimension.length))
}

/// `array_lower`.
pub fn lower(array: &str, number: i32) -> Result<Option<i32>> {
    Ok(dimension(array, number)?.map(|dimension| dimension.lower))
}

/// `array_upper`.
pub fn upper(array: &str, number: i32) -> Result<Option<i32>> {
    Ok(dimension(array, number)?.map(|dimension| dimension.lower + dimension.length - 1))
}

/// `array_ndims`.
pub fn dimensions(array: &str) -> Result<Option<i32>> {
    let count = parse(array)?.dimensions.len() as i32;
    Ok((count > 0).then_some(count))
}

/// `array_dims`: `[1:2][1:3]`.
pub fn bounds(array: &str) -> Result<Option<String>> {
    let dimensions = parse(array)?.dimensions;
    let text = |d: &Dimension| format!("[{}:{}]", d.lower, d.lower + d.length - 1);
    Ok((!dimensions.is_empty()).then(|| dimensions.iter().map(text).collect()))
}

/// `cardinality`.
pub fn cardinality(array: &str) -> Result<i32> {
    Ok(parse(array)?.elements.len() as i32)
}

fn equal(a: Option<&str>, b: Option<&str>, order: Order) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => order(a, b).is_eq(),
        (None, None) => true,
        _ => false,
    }
}

fn flat(array: &str, doing: &str) -> Result<Array<'static>> {
    let array = parse(array)?;
    if array.dimensions.len() > 1 {
        let message = format!("{doing} multidimensional arrays is not supported");
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    array.map(|text| Ok(text.to_owned()))
}

/// Subscripts of the elements that equal one.
fn places(array: &str, element: Option<&str>, order: Order) -> Result<Vec<i32>> {
    let array = flat(array, "searching for elements in")?;
    let lower = array.dimensions.first().map_or(1, |dimension| dimension.lower);
    let found = array.elements.iter().enumerate().filter(|(_, e)| equal(e.as_deref(), element, order));
    Ok(found.map(|(at, _)| lower + at as i32).collect())
}

/// `array_position(array, element, start)`; NULLs are equal. Errors: 0A000.
pub fn position(array: &str, element: Option<&str>, start: Option<i32>, order: Order) -> Result<Option<i32>> {
    Ok(places(array, element, order)?.into_iter().find(|at| start.is_none_or(|start| *at >= start)))
}

/// `array_positions`: an array of integers. Errors: 0A000.
pub fn positions(array: &str, element: Option<&str>, order: Order) -> Result<String> {
    let places = places(array, element, order)?;
    let texts = places.into_iter().map(|at| Some(Cow::Owned(at.to_string()))).collect();
    Ok(Array::from_elements(texts).to_string())
}

/// `array_remove`; NULLs are equal. Errors: 0A000.
pub fn remove(array: &str, element: Option<&str>, order: Order) -> Result<String> {
    let mut array = flat(array, "removing elements from")?;
    array.elements.retain(|other| !equal(other.as_deref(), element, order));
    match array.dimensions.first_mut() {
        Some(dimension) if !array.elements.is_empty() => dimension.length = array.elements.len() as i32,
        _ => array.dimensions.clear(),
    }
    Ok(array.to_string())
}

/// `array_replace`; NULLs are equal.
pub fn replace(whole: &str, from: Option<&str>, to: Option<&str>, order: Order) -> Result<String> {
    let mut array = parse(whole)?;
    let mut length = whole.len();
    for element in &mut array.elements {
        if equal(element.as_deref(), from, order) {
            let more = to.map_or(4, str::len);
            check_length(length, more)?;
            length += more;
            *element = to.map(Cow::Borrowed);
        }
    }
    Ok(array.to_string())
}

/// `value op ANY (array)`: `test` gets each element. `None` is NULL.
pub fn any(array: &str, mut test: impl FnMut(Option<&str>) -> Option<bool>) -> Result<Option<bool>> {
    let mut result = Some(false);
    for element in parse(array)?.elements {
        match test(element.as_deref()) {
            Some(true) => return Ok(Some(true)),
            Some(false) => {}
            None => result = None,
        }
    }
    Ok(result)
}

/// `value op ALL (array)`: `test` gets each element. `None` is NULL.
pub fn all(array: &str, mut test: impl FnMut(Option<&str>) -> Option<bool>) -> Result<Option<bool>> {
    Ok(any(array, |element| test(element).map(|good| !good))?.map(|found| !found))
}

/// `a @> b`: each element of `b` is in `a`; a NULL is in none.
pub fn contains(a: &str, b: &str, order: Order) -> Result<bool> {
    let (a, b) = (parse(a)?, parse(b)?);
    let within = |element: &str| a.elements.iter().flatten().any(|other| order(other, element).is_eq());
    Ok(b.elements.iter().all(|element| element.as_deref().is_some_and(within)))
}

/// `a && b`: an element of `b` is in `a`.
pub fn overlaps(a: &str, b: &str, order: Order) -> Result<bool> {
    let (a, b) = (parse(a)?, parse(b)?);
    let within = |element: &str| a.elements.iter().flatten().any(|other| order(other, element).is_eq());
    Ok(b.elements.iter().flatten().any(|element| within(element)))
}

/// `array_to_string`, of elements whose text needs no mapping; NULLs are left out without a text for them.
pub fn join(array: &str, delimiter: &str, null: Option<&str>) -> Result<String> {
    let array = parse(array)?;
    let mut joined = String::new();
    for (n, part) in array.elements.iter().filter_map(|element| element.as_deref().or(null)).enumerate() {
        let before = if n > 0 { delimiter } else { "" };
        check_length(joined.len(), before.len() + part.len())?;
        joined.push_str(before);
        joined.push_str(part);
    }
    Ok(joined)
}

/// `string_to_array`: without a delimiter into characters; parts that equal `null` are NULL. Errors: 54000.
pub fn split(text: &str, delimiter: Option<&str>, null: Option<&str>) -> Result<String> {
    let parts: Box<dyn Iterator<Item = &str>> = match delimiter {
        _ if text.is_empty() => Box::new(std::iter::empty()),
        None => Box::new(text.split_inclusive(|_| true)),
        Some("") => Box::new(std::iter::once(text)),
        Some(delimiter) => Box::new(text.split(delimiter)),
    };
    let mut elements = Vec::new();
    for part in parts {
        super::check_elements(elements.len())?;
        elements.push((Some(part) != null).then_some(Cow::Borrowed(part)));
    }
    Ok(Array::from_elements(elements).to_string())
}

/// `array_fill(element, lengths, lower bounds)`. Errors: 2202E, 54000.
pub fn fill(element: Option<&str>, lengths: &[i32], lowers: &[i32]) -> Result<String> {
    if lengths.len() > DIMENSIONS_MAX {
        return Err(too_many_dimensions(lengths.len()));
    }
    if !lowers.is_empty() && lowers.len() != lengths.len() {
        let error = Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, "wrong number of array subscripts");
        return Err(error.with_detail("Low bound array has different size than dimensions array."));
    }
    let mut total = 1_usize;
    let mut dimensions = Vec::new();
    for (n, &length) in lengths.iter().enumerate() {
        let lower = lowers.get(n).copied().unwrap_or(1);
        let size = usize::try_from(length).ok().filter(|_| lower.checked_add(length).is_some());
        total = size
            .and_then(|size| total.checked_mul(size))
            .filter(|total| *total <= super::ELEMENTS_MAX)
            .ok_or_else(super::too_large)?;
        dimensions.push(Dimension { lower, length });
    }
    if lengths.is_empty() || total == 0 {
        return Ok("{}".to_owned());
    }
    filled(element, dimensions)
}

/// The text of an array of equal elements, made without the elements: there may be many more than memory has room for. Errors: 54000.
fn filled(element: Option<&str>, dimensions: Vec<Dimension>) -> Result<String> {
    let one = dimensions.iter().map(|dimension| Dimension { length: 1, ..*dimension }).collect();
    let whole = Array { dimensions: one, elements: vec![element.map(Cow::Borrowed)] }.to_string();
    let depth = dimensions.len();
    let begin = whole.find('=').filter(|_| whole.starts_with('[')).map_or(0, |at| at + 1);
    let mut part = whole[begin + depth..whole.len() - depth].to_owned();
    let mut bounds = String::new();
    for dimension in dimensions.iter().rev() {
        let count = dimension.length as usize;
        if (part.len() + 1).checked_mul(count).is_none_or(|length| length > BYTES_MAX) {
            let message = format!("array size exceeds the maximum allowed ({BYTES_MAX})");
            return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
        }
        part.push(',');
        let mut row = part.repeat(count);
        row.pop();
        part = format!("{{{row}}}");
    }
    if begin > 0 {
        for Dimension { lower, length } in dimensions {
            let _ = write!(bounds, "[{lower}:{}]", i64::from(lower) + i64::from(length) - 1);
        }
        bounds.push('=');
    }
    Ok(bounds + &part)
}

/// `trim_array(array, n)`: without the last n. Errors: 2202E.
pub fn trim(array: &str, count: i32) -> Result<String> {
    let array = parse(array)?;
    let length = array.dimensions.first().map_or(0, |dimension| dimension.length);
    if !(0..=length).contains(&count) {
        let message = format!("number of elements to trim must be between 0 and {length}");
        return Err(Error::new(SqlState::ARRAY_ELEMENT_ERROR, message));
    }
    let Some(first) = array.dimensions.first() else { return Ok("{}".to_owned()) };
    // As PostgreSQL: the slice from the first subscript on.
    slice(&array.to_string(), &[(None, Some(first.lower + length - count - 1))])
}
