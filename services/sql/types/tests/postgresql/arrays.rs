//! Arrays, and casts.

use bole_sql_types::array::functions::{self as arrays, element_order};
use bole_sql_types::{Result, Style, Type, cast, collation, text};

use crate::{check, shown, style, type_named};

#[test]
fn casts() {
    let style = style();
    check(include_str!("casts.txt"), 1_000, |_, arguments| {
        let [from, to, typmod, text] = arguments else { panic!("four arguments") };
        let (from, to) = (type_named(from), type_named(to));
        let value = text::input(from, -1, text, &style).unwrap();
        let result = cast::cast(from, to, typmod.parse().unwrap(), value.as_ref(), &style)?;
        shown(to, &result, &style)
    });
}

fn null(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn flag(value: bool) -> String {
    if value { "t" } else { "f" }.to_owned()
}

/// What comes before an argument that is not NULL.
fn given(text: &str) -> Option<&str> {
    text.strip_prefix('=')
}

fn numbers(text: &str) -> Vec<i32> {
    text.split(',').filter_map(|part| part.parse().ok()).collect()
}

fn slice(array: &str, bounds: &str) -> Result<String> {
    let bound = |part: &str| {
        let (from, to) = part.split_once(':').unwrap();
        (from.parse().ok(), to.parse().ok())
    };
    arrays::slice(array, &bounds.split(',').map(bound).collect::<Vec<_>>())
}

fn compare(ty: Type, operator: &str, a: &str, b: &str) -> Result<String> {
    let style = style();
    let array = ty.array().unwrap();
    let stored = |text: &str| {
        text::to_string(array, text::input(array, -1, text, &style)?.as_ref(), &Style::default())
    };
    let (a, b) = (stored(a)?, stored(b)?);
    let order = if let Some(collation) = array.info().unwrap().collation {
        collation::compare(collation, &a, &b)
    } else {
        let parse = |text| bole_sql_types::array::parse(text).unwrap();
        collation::compare_arrays(&parse(&a), &parse(&b), element_order(ty))
    };
    Ok(flag(match operator {
        "<" => order.is_lt(),
        "=" => order.is_eq(),
        _ => order.is_gt(),
    }))
}

fn number(call: &str, a: &[String]) -> Option<Result<Option<i32>>> {
    let order = element_order(Type::INT4);
    let int = |at: usize| a[at].parse().unwrap();
    Some(match call {
        "array_length" => arrays::length(&a[0], int(1)),
        "array_lower" => arrays::lower(&a[0], int(1)),
        "array_upper" => arrays::upper(&a[0], int(1)),
        "array_ndims" => arrays::dimensions(&a[0]),
        "cardinality" => arrays::cardinality(&a[0]).map(Some),
        "array_position" => arrays::position(&a[0], null(&a[1]), a[2].parse().ok(), order),
        _ => return None,
    })
}

fn call(call: &str, a: &[String]) -> Result<Option<String>> {
    let order = element_order(Type::INT4);
    if let Some(result) = number(call, a) {
        return Ok(result?.map(|value| value.to_string()));
    }
    let equals = |element: Option<&str>| element.map(|element| element == a[1]);
    match call {
        "array_dims" => return arrays::bounds(&a[0]),
        "subscript" => return arrays::subscript(&a[0], &numbers(&a[1])),
        "any" => return Ok(arrays::any(&a[0], equals)?.map(flag)),
        "all" => return Ok(arrays::all(&a[0], equals)?.map(flag)),
        _ => {}
    }
    let result = match call {
        "slice" => slice(&a[0], &a[1]),
        "array_append" => arrays::append(Some(&a[0]), null(&a[1])),
        "array_prepend" => arrays::prepend(null(&a[0]), Some(&a[1])),
        "array_positions" => arrays::positions(&a[0], null(&a[1]), order),
        "array_remove" => arrays::remove(&a[0], null(&a[1]), order),
        "array_replace" => arrays::replace(&a[0], null(&a[1]), null(&a[2]), order),
        "array_cat" => arrays::concatenate(&a[0], &a[1]),
        "contains" => arrays::contains(&a[0], &a[1], order).map(flag),
        "overlaps" => arrays::overlaps(&a[0], &a[1], order).map(flag),
        "compare" => compare(Type::INT4, &a[0], &a[1], &a[2]),
        "compare_of" => compare(type_named(&a[0]), &a[1], &a[2], &a[3]),
        "array_to_string" => arrays::join(&a[0], &a[1], null(&a[2])),
        "trim_array" => arrays::trim(&a[0], a[1].parse().unwrap()),
        "string_to_array" => arrays::split(&a[0], given(&a[1]), given(&a[2])),
        "array_fill" => arrays::fill(null(&a[0]), &numbers(&a[1]), &numbers(&a[2])),
        _ => panic!("{call}"),
    };
    result.map(Some)
}

#[test]
fn functions_of_arrays() {
    check(include_str!("arrays.txt"), 700, call);
}
