//! Functions and operators of json and jsonb.

pub(crate) mod build;
pub(crate) mod path;

use std::borrow::Cow;

use bole_sql_types::array::parse;
use bole_sql_types::cast::cast;
use bole_sql_types::json::operators::{self, Kind};
use bole_sql_types::json::{canonical, change, push_string, raw};
use bole_sql_types::{Error, Result, SqlState, Style, Type, Value};

use crate::call::{Arguments, boolean, integer, text, text_or_null};
use crate::scalar::{Scalar, strict};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    strict(c"pg_json_object_field", 2, field),
    strict(c"pg_jsonb_object_field", 2, field),
    strict(c"pg_json_object_field_text", 2, field_text),
    strict(c"pg_jsonb_object_field_text", 2, field_text),
    strict(c"pg_json_array_element", 2, |of| text_or_null(element(of, Kind::Json)?.map(str::to_owned))),
    strict(c"pg_jsonb_array_element", 2, |of| text_or_null(element(of, Kind::Jsonb)?.map(str::to_owned))),
    strict(c"pg_json_array_element_text", 2, |of| shown(element(of, Kind::Json)?)),
    strict(c"pg_jsonb_array_element_text", 2, |of| shown(element(of, Kind::Jsonb)?)),
    strict(c"pg_json_at_path", 2, |of| with_path(of, 1, |json, path| owned(raw::at_path(json, path)?))),
    strict(c"pg_jsonb_at_path", 2, |of| with_path(of, 1, |json, path| owned(raw::at_path(json, path)?))),
    strict(c"pg_json_at_path_text", 2, |of| with_path(of, 1, |json, path| shown(raw::at_path(json, path)?))),
    strict(c"pg_jsonb_at_path_text", 2, |of| with_path(of, 1, |json, path| shown(raw::at_path(json, path)?))),
    strict(c"pg_json_extract_path", -1, |of| owned(raw::at_path(of.text(0)?, &listed(of)?)?)),
    strict(c"pg_jsonb_extract_path", -1, |of| owned(raw::at_path(of.text(0)?, &listed(of)?)?)),
    strict(c"pg_json_extract_path_text", -1, |of| shown(raw::at_path(of.text(0)?, &listed(of)?)?)),
    strict(c"pg_jsonb_extract_path_text", -1, |of| shown(raw::at_path(of.text(0)?, &listed(of)?)?)),
    strict(c"pg_json_array_length", 1, |of| integer(operators::array_length(of.text(0)?)?)),
    strict(c"pg_jsonb_array_length", 1, |of| integer(operators::array_length(of.text(0)?)?)),
    strict(c"pg_json_typeof", 1, |of| text(operators::type_of(of.text(0)?)?)),
    strict(c"pg_jsonb_typeof", 1, |of| text(operators::type_of(of.text(0)?)?)),
    strict(c"pg_json_strip_nulls", 1, |of| text(change::strip_nulls_compact(of.text(0)?)?)),
    strict(c"pg_jsonb_strip_nulls", 1, |of| text(change::strip_nulls(of.text(0)?)?)),
    strict(c"pg_jsonb_pretty", 1, |of| text(change::pretty(of.text(0)?)?)),
    strict(c"pg_jsonb_concat", 2, |of| text(change::concatenate(of.text(0)?, of.text(1)?)?)),
    strict(c"pg_jsonb_contains", 2, |of| boolean(operators::contains(of.text(0)?, of.text(1)?)?)),
    strict(c"pg_jsonb_contained", 2, |of| boolean(operators::contains(of.text(1)?, of.text(0)?)?)),
    strict(c"pg_jsonb_exists", 2, |of| boolean(operators::has_key(of.text(0)?, of.text(1)?)?)),
    strict(c"pg_jsonb_exists_any", 2, |of| {
        with_path(of, 1, |json, keys| boolean(operators::has_any_key(json, keys)?))
    }),
    strict(c"pg_jsonb_exists_all", 2, |of| {
        with_path(of, 1, |json, keys| boolean(operators::has_all_keys(json, keys)?))
    }),
    strict(c"pg_jsonb_delete_key", 2, |of| text(change::delete_keys(of.text(0)?, &[Some(of.text(1)?)])?)),
    strict(c"pg_jsonb_delete_keys", 2, |of| {
        with_path(of, 1, |json, keys| text(change::delete_keys(json, keys)?))
    }),
    strict(c"pg_jsonb_delete_element", 2, |of| text(change::delete_element(of.text(0)?, of.integer(1)?)?)),
    strict(c"pg_jsonb_delete_path", 2, |of| {
        with_path(of, 1, |json, path| text(change::delete_path(json, path)?))
    }),
    strict(c"pg_jsonb_set", 3, |of| {
        let create = of.len() < 4 || of.boolean(3)?;
        with_path(of, 1, |json, path| text(change::set(json, path, of.text(2)?, create)?))
    })
    .optional(1),
    strict(c"pg_jsonb_set_lax", 3, set_lax).optional(2).called_on_null(),
    strict(c"pg_jsonb_insert", 3, |of| {
        let after = of.len() > 3 && of.boolean(3)?;
        with_path(of, 1, |json, path| text(change::insert(json, path, of.text(2)?, after)?))
    })
    .optional(1),
    strict(c"pg_json_object", 1, object).optional(1),
    strict(c"pg_jsonb_object", 1, |of| match object(of)? {
        Value::Text(json) => text(canonical(&json)?),
        other => Ok(other),
    })
    .optional(1),
    strict(c"pg_bool_jsonb", 1, |of| converted(of, Type::BOOL)),
    strict(c"pg_int2_jsonb", 1, |of| converted(of, Type::INT2)),
    strict(c"pg_int4_jsonb", 1, |of| converted(of, Type::INT4)),
    strict(c"pg_int8_jsonb", 1, |of| converted(of, Type::INT8)),
    strict(c"pg_float4_jsonb", 1, |of| converted(of, Type::FLOAT4)),
    strict(c"pg_float8_jsonb", 1, |of| converted(of, Type::FLOAT8)),
    strict(c"pg_numeric_jsonb", 1, |of| converted(of, Type::NUMERIC)),
];

fn converted(of: &Arguments<'_, '_>, to: Type) -> Result<Value> {
    cast(Type::JSONB, to, -1, of.value(0)?, &Style::default())
}

fn owned(json: Option<&str>) -> Result<Value> {
    text_or_null(json.map(str::to_owned))
}

/// A part as text, if there is one.
fn shown(json: Option<&str>) -> Result<Value> {
    match json {
        None => Ok(Value::Null),
        Some(json) => text_or_null(raw::as_text(json)?),
    }
}

fn field(of: &Arguments<'_, '_>) -> Result<Value> {
    owned(raw::member(of.text(0)?, of.text(1)?)?)
}

fn field_text(of: &Arguments<'_, '_>) -> Result<Value> {
    shown(raw::member(of.text(0)?, of.text(1)?)?)
}

fn element<'a>(of: &'a Arguments<'_, '_>, kind: Kind) -> Result<Option<&'a str>> {
    raw::element(of.text(0)?, of.integer(1)?, kind)
}

/// Calls with the first argument, and the elements of an array of texts.
fn with_path(
    of: &Arguments<'_, '_>,
    at: usize,
    run: impl FnOnce(&str, &[Option<&str>]) -> Result<Value>,
) -> Result<Value> {
    let path = parse(of.text(at)?)?;
    if path.dimensions.len() > 1 {
        return Err(Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, "wrong number of array subscripts"));
    }
    let path: Vec<Option<&str>> = path.elements.iter().map(Option::as_deref).collect();
    run(of.text(0)?, &path)
}

/// `jsonb_set_lax`: what NULL as the new value means is said by the last argument.
fn set_lax(of: &Arguments<'_, '_>) -> Result<Value> {
    if of.is_null(0) || of.is_null(1) || (of.len() > 3 && of.is_null(3)) {
        return Ok(Value::Null);
    }
    let create = of.len() < 4 || of.boolean(3)?;
    let treatment = if of.len() > 4 { of.text_or_null(4)?.unwrap_or("") } else { "use_json_null" };
    // NULL as the treatment is wrong whatever the new value is.
    let new = of.text_or_null(2)?.filter(|_| of.len() < 5 || !of.is_null(4));
    with_path(of, 1, |json, path| match (new, treatment) {
        (Some(new), _) => text(change::set(json, path, new, create)?),
        (None, "use_json_null") => text(change::set(json, path, "null", create)?),
        (None, "delete_key") => text(change::delete_path(json, path)?),
        (None, "return_target") => text(json),
        (None, "raise_exception") => {
            let error = Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, "JSON value must not be null");
            Err(error
                .with_detail("Exception was raised because null_value_treatment is \"raise_exception\".")
                .with_hint(
                    "To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is \
                     not passed.",
                ))
        }
        (None, _) => {
            let message = "null_value_treatment must be \"delete_key\", \"return_target\", \
                           \"use_json_null\", or \"raise_exception\"";
            Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message))
        }
    })
}

/// The arguments after the first.
fn listed<'a>(of: &'a Arguments<'_, '_>) -> Result<Vec<Option<&'a str>>> {
    (1..of.len()).map(|at| of.text_or_null(at)).collect()
}

/// `json_object(array)`, `json_object(keys, values)`.
fn object(of: &Arguments<'_, '_>) -> Result<Value> {
    let wrong = |message: &str| Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message);
    let first = parse(of.text(0)?)?;
    let mut pairs: Vec<(Option<Cow<'_, str>>, Option<Cow<'_, str>>)> = Vec::new();
    if of.len() > 1 {
        let second = parse(of.text(1)?)?;
        if first.dimensions.len() > 1 || first.dimensions.len() != second.dimensions.len() {
            return Err(wrong("wrong number of array subscripts"));
        }
        if first.elements.len() != second.elements.len() {
            return Err(wrong("mismatched array dimensions"));
        }
        pairs.extend(first.elements.into_iter().zip(second.elements));
    } else {
        match first.dimensions.as_slice() {
            [] => {}
            [one] if one.length % 2 == 0 => {}
            [_] => return Err(wrong("array must have even number of elements")),
            [_, two] if two.length == 2 => {}
            [_, _] => return Err(wrong("array must have two columns")),
            _ => return Err(wrong("wrong number of array subscripts")),
        }
        let mut elements = first.elements.into_iter();
        while let (Some(key), Some(value)) = (elements.next(), elements.next()) {
            pairs.push((key, value));
        }
    }
    let mut out = String::from("{");
    for (at, (key, value)) in pairs.iter().enumerate() {
        let Some(key) = key else {
            return Err(Error::new(
                SqlState::NULL_VALUE_NOT_ALLOWED,
                "null value not allowed for object key",
            ));
        };
        out.push_str(if at > 0 { ", " } else { "" });
        push_string(key, &mut out);
        out.push_str(" : ");
        match value {
            Some(value) => push_string(value, &mut out),
            None => out.push_str("null"),
        }
    }
    out.push('}');
    text(out)
}
