//! JSON made of SQL values: `to_json`, `json_build_array`, `json_build_object` and their aggregates.

use super::operators::{Kind, invalid};
use super::{canonical, push_string};
use crate::array::{self, Array};
use crate::datetime;
use crate::style::{DateFormat, Style};
use crate::{Error, Result, Type, ValueRef, text};

/// Appends the JSON of a value, as `to_json` gives it. Enums are to be given as text of their labels.
pub fn push_value(ty: Type, value: ValueRef<'_>, style: &Style, out: &mut String) -> Result<()> {
    match (ty, value) {
        (_, ValueRef::Null) => out.push_str("null"),
        (Type::BOOL, ValueRef::Integer(value)) => out.push_str(if value == 0 { "false" } else { "true" }),
        (Type::JSON | Type::JSONB, ValueRef::Text(text)) => out.push_str(text),
        (Type::INT2 | Type::INT4 | Type::INT8 | Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC, value) => {
            let number = text::to_string(ty, value, style)?;
            // NaN and infinities are no JSON.
            if number.ends_with(|c: char| c.is_ascii_digit()) {
                out.push_str(&number);
            } else {
                push_string(&number, out);
            }
        }
        (ty, ValueRef::Text(text)) if ty.element().is_some() => {
            push_array(ty.element().unwrap_or(Type::TEXT), text, style, out)?;
        }
        (ty, value) => push_string(&scalar_text(ty, value, style)?, out),
    }
    Ok(())
}

/// Dates and times have the form of XML Schema, whatever the session's style.
fn scalar_text(ty: Type, value: ValueRef<'_>, style: &Style) -> Result<String> {
    if !matches!(ty, Type::DATE | Type::TIMESTAMP | Type::TIMESTAMPTZ) {
        return text::to_string(ty, value, style);
    }
    let iso = Style { date_format: DateFormat::Iso, ..style.clone() };
    let mut text = text::to_string(ty, value, &iso)?;
    let ValueRef::Integer(time) = value else { return Ok(text) };
    if ty == Type::DATE || !datetime::is_finite(time) {
        return Ok(text);
    }
    text = text.replacen(' ', "T", 1);
    if ty == Type::TIMESTAMPTZ {
        let seconds = style.zone.at(time).seconds;
        if seconds % 3_600 == 0 {
            // The minutes are always there.
            let at = text.rfind(['+', '-']).map_or(text.len(), |at| at + 3);
            text.insert_str(at, ":00");
        }
    }
    Ok(text)
}

fn push_array(element: Type, text: &str, style: &Style, out: &mut String) -> Result<()> {
    let array = array::parse(text)?;
    push_dimension(element, &array, 0, &mut 0, style, out)
}

fn push_dimension(
    element: Type,
    array: &Array<'_>,
    level: usize,
    at: &mut usize,
    style: &Style,
    out: &mut String,
) -> Result<()> {
    out.push('[');
    let count = array.dimensions.get(level).map_or(0, |dimension| dimension.length);
    for n in 0..count {
        if n > 0 {
            out.push(',');
        }
        if level + 1 < array.dimensions.len() {
            push_dimension(element, array, level + 1, at, style, out)?;
            continue;
        }
        match &array.elements[*at] {
            None => out.push_str("null"),
            Some(text) => {
                push_value(element, array::element_value(element, text)?.as_ref(), style, out)?;
            }
        }
        *at += 1;
    }
    out.push(']');
    Ok(())
}

fn finish(text: String, kind: Kind) -> Result<String> {
    if kind == Kind::Jsonb { canonical(&text) } else { Ok(text) }
}

/// `to_json`, `to_jsonb` of a value that is not NULL.
pub fn to_json(ty: Type, value: ValueRef<'_>, style: &Style, kind: Kind) -> Result<String> {
    let mut out = String::new();
    push_value(ty, value, style, &mut out)?;
    finish(out, kind)
}

/// `json_build_array`, `jsonb_build_array`; and of a group's values `json_agg`, `jsonb_agg`.
pub fn build_array(values: &[(Type, ValueRef<'_>)], style: &Style, kind: Kind) -> Result<String> {
    let mut out = String::from("[");
    for (n, (ty, value)) in values.iter().enumerate() {
        if n > 0 {
            out.push_str(", ");
        }
        push_value(*ty, *value, style, &mut out)?;
    }
    out.push(']');
    finish(out, kind)
}

/// Appends a value as a key.
pub fn push_key(ty: Type, value: ValueRef<'_>, style: &Style, out: &mut String) -> Result<()> {
    if ty.element().is_some() || matches!(ty, Type::JSON | Type::JSONB) {
        return Err(invalid("key value must be scalar, not array, composite, or json"));
    }
    match (ty, value) {
        (Type::BOOL, ValueRef::Integer(value)) => push_string(if value == 0 { "false" } else { "true" }, out),
        (ty, value) => push_string(&scalar_text(ty, value, style)?, out),
    }
    Ok(())
}

fn null_key(at: usize, kind: Kind) -> Error {
    match kind {
        Kind::Json => {
            invalid(format!("argument {at} cannot be null")).with_hint("Object keys should be text.")
        }
        Kind::Jsonb => invalid(format!("argument {at}: key must not be null")),
    }
}

/// `json_build_object`, `jsonb_build_object`. Errors: 22023.
pub fn build_object(values: &[(Type, ValueRef<'_>)], style: &Style, kind: Kind) -> Result<String> {
    if !values.len().is_multiple_of(2) {
        let name = if kind == Kind::Json { "json_build_object" } else { "jsonb_build_object" };
        let error = invalid("argument list must have even number of elements");
        let hint = format!("The arguments of {name}() must consist of alternating keys and values.");
        return Err(error.with_hint(hint));
    }
    let mut out = String::from("{");
    for (n, pair) in values.chunks_exact(2).enumerate() {
        if n > 0 {
            out.push_str(", ");
        }
        if pair[0].1 == ValueRef::Null {
            return Err(null_key(n * 2 + 1, kind));
        }
        push_key(pair[0].0, pair[0].1, style, &mut out)?;
        out.push_str(" : ");
        push_value(pair[1].0, pair[1].1, style, &mut out)?;
    }
    out.push('}');
    finish(out, kind)
}
