//! Casts between the built-in types.

use crate::arithmetic;
use crate::array;
use crate::datetime::{self, arithmetic as calendar, interval::Interval};
use crate::json::{self, Json};
use crate::numeric::{Numeric, in_range, out_of_range};
use crate::text::{self, float};
use crate::{Error, Result, SqlState, Style, Type, Value, ValueRef};

/// `CAST(value AS to(typmod))` as it is written: what is too long for a string type is cut. NULL stays NULL. Enums are the caller's.
///
/// Errors: PostgreSQL's; 42846 where there is no such cast.
pub fn cast(from: Type, to: Type, typmod: i32, value: ValueRef<'_>, style: &Style) -> Result<Value> {
    convert(from, to, typmod, value, style, true)
}

/// As [`cast`], but as on assignment: what is too long is an error, unless it is spaces.
pub fn assign(from: Type, to: Type, typmod: i32, value: ValueRef<'_>, style: &Style) -> Result<Value> {
    convert(from, to, typmod, value, style, false)
}

/// A value of a type fitted to its modifier; `explicit`: as by a cast that is written. Errors: 22001, 22003.
pub fn with_typmod(ty: Type, typmod: i32, value: Value, explicit: bool) -> Result<Value> {
    if typmod < 0 {
        return Ok(value);
    }
    Ok(match (ty, value) {
        (Type::VARCHAR | Type::BPCHAR, Value::Text(text)) => {
            Value::Text(text::with_length(ty, typmod, &text, explicit)?)
        }
        (Type::NUMERIC, Value::Text(text)) => {
            Value::Text(Numeric::parse(&text)?.with_typmod(typmod)?.to_string())
        }
        (Type::INTERVAL, Value::Text(text)) => {
            Value::Text(Interval::from_storage(&text)?.with_typmod(typmod).to_storage())
        }
        (Type::TIME, Value::Integer(time)) => Value::Integer(datetime::round_to(time, typmod)),
        (Type::TIMESTAMP | Type::TIMESTAMPTZ, Value::Integer(time)) if datetime::is_finite(time) => {
            Value::Integer(datetime::round_to(time, typmod))
        }
        (_, value) => match (ty.element(), value) {
            (Some(element), Value::Text(array)) => Value::Text(array::map_elements(&array, |text| {
                let value = with_typmod(element, typmod, array::element_value(element, text)?, explicit)?;
                text::to_string(element, value.as_ref(), &Style::default())
            })?),
            (_, value) => value,
        },
    })
}

fn convert(
    from: Type,
    to: Type,
    typmod: i32,
    value: ValueRef<'_>,
    style: &Style,
    explicit: bool,
) -> Result<Value> {
    if value == ValueRef::Null {
        return Ok(Value::Null);
    }
    let converted = if from == to { value.to_owned() } else { between(from, to, value, style)? };
    with_typmod(to, typmod, converted, explicit)
}

const fn is_string(ty: Type) -> bool {
    matches!(ty, Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN)
}

const fn is_oid(ty: Type) -> bool {
    matches!(ty, Type::OID | Type::REGPROC | Type::REGCLASS | Type::REGTYPE | Type::REGNAMESPACE)
}

fn is_number(ty: Type) -> bool {
    is_integer(ty) || matches!(ty, Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC)
}

const fn is_integer(ty: Type) -> bool {
    matches!(ty, Type::INT2 | Type::INT4 | Type::INT8)
}

/// Casts that are neither between numbers nor to or from strings, nor of arrays.
const PAIRS: &[(Type, Type)] = &[
    (Type::BOOL, Type::INT4),
    (Type::INT4, Type::BOOL),
    (Type::CHAR, Type::INT4),
    (Type::INT4, Type::CHAR),
    (Type::JSON, Type::JSONB),
    (Type::JSONB, Type::JSON),
    (Type::JSONB, Type::BOOL),
    (Type::DATE, Type::TIMESTAMP),
    (Type::DATE, Type::TIMESTAMPTZ),
    (Type::TIMESTAMP, Type::DATE),
    (Type::TIMESTAMP, Type::TIME),
    (Type::TIMESTAMP, Type::TIMESTAMPTZ),
    (Type::TIMESTAMPTZ, Type::DATE),
    (Type::TIMESTAMPTZ, Type::TIME),
    (Type::TIMESTAMPTZ, Type::TIMESTAMP),
    (Type::TIME, Type::INTERVAL),
    (Type::INTERVAL, Type::TIME),
];

/// Whether there is a cast, written or not, from a built-in type to another.
pub fn exists(from: Type, to: Type) -> bool {
    from == to
        || is_string(from)
        || is_string(to)
        || (is_number(from) && is_number(to))
        || (is_oid(from) && (is_oid(to) || matches!(to, Type::INT4 | Type::INT8)))
        || (is_integer(from) && is_oid(to))
        || (from == Type::JSONB && is_number(to))
        || PAIRS.contains(&(from, to))
        || from.element().zip(to.element()).is_some_and(|(from, to)| exists(from, to))
}

fn between(from: Type, to: Type, value: ValueRef<'_>, style: &Style) -> Result<Value> {
    if !exists(from, to) {
        return Err(no_cast(from, to));
    }
    if is_number(from) && is_number(to) {
        return number(from, to, value);
    }
    if let Some(result) = special(from, to, value, style) {
        return result;
    }
    if is_string(to) {
        return string(from, to, value, style);
    }
    if is_string(from) || json_pair(from, to) {
        let ValueRef::Text(text) = value else { return Err(not_stored()) };
        return text::input(to, -1, text, style);
    }
    if let (Some(inner), Some(outer), ValueRef::Text(array)) = (from.element(), to.element(), value) {
        let storage = Style::default();
        let mapped = array::map_elements(array, |text| {
            let element = array::element_value(inner, text)?;
            let element =
                if inner == outer { element } else { between(inner, outer, element.as_ref(), style)? };
            text::to_string(outer, element.as_ref(), &storage)
        });
        return mapped.map(Value::Text);
    }
    Err(no_cast(from, to))
}

fn json_pair(from: Type, to: Type) -> bool {
    matches!((from, to), (Type::JSON, Type::JSONB) | (Type::JSONB, Type::JSON))
}

fn not_stored() -> Error {
    Error::new(SqlState::INTERNAL_ERROR, "a value that is not in the form of its type")
}

fn no_cast(from: Type, to: Type) -> Error {
    let name = |ty: Type| ty.info().map_or_else(|| ty.0.to_string(), |info| info.sql_name.to_owned());
    let message = format!("cannot cast type {} to {}", name(from), name(to));
    Error::new(SqlState::CANNOT_COERCE, message)
}

/// Between integers, floats and numeric.
fn number(from: Type, to: Type, value: ValueRef<'_>) -> Result<Value> {
    let rounded = |value: f64| {
        let value = if to == Type::FLOAT4 { arithmetic::to_single(value)? } else { value };
        Ok(float::to_value(value))
    };
    match value {
        ValueRef::Integer(value) => match to {
            Type::FLOAT4 => Ok(Value::Real(f64::from(value as f32))),
            Type::FLOAT8 => Ok(Value::Real(value as f64)),
            Type::NUMERIC => Ok(Value::Text(value.to_string())),
            _ if in_range(value, to) => Ok(Value::Integer(value)),
            _ => Err(out_of_range(to)),
        },
        ValueRef::Text(text) if from == Type::NUMERIC => {
            let number = Numeric::parse(text)?;
            match to {
                Type::FLOAT4 => Ok(float::to_value(f64::from(number.to_f32()?))),
                Type::FLOAT8 => Ok(float::to_value(number.to_f64()?)),
                _ => number.to_integer(to).map(Value::Integer),
            }
        }
        other => {
            let value = float::from_value(other).ok_or_else(not_stored)?;
            match to {
                Type::NUMERIC if from == Type::FLOAT4 => {
                    Ok(Value::Text(Numeric::from_f32(value as f32).to_string()))
                }
                Type::NUMERIC => Ok(Value::Text(Numeric::from_f64(value).to_string())),
                Type::FLOAT4 | Type::FLOAT8 => rounded(value),
                _ => arithmetic::float_to_integer(to, value).map(Value::Integer),
            }
        }
    }
}

/// To a string, as the type writes itself.
fn string(from: Type, to: Type, value: ValueRef<'_>, style: &Style) -> Result<Value> {
    let text = match (from, value) {
        (Type::BOOL, ValueRef::Integer(value)) if to != Type::NAME => {
            if value == 0 { "false" } else { "true" }.to_owned()
        }
        // Only text drops the spaces; char and varchar are kept by their own rules.
        (Type::BPCHAR, ValueRef::Text(text)) => text.trim_end_matches(' ').to_owned(),
        _ => text::to_string(from, value, style)?,
    };
    Ok(Value::Text(if to == Type::NAME { text::name_prefix(&text).to_owned() } else { text }))
}

/// Casts that are functions of their own.
fn special(from: Type, to: Type, value: ValueRef<'_>, style: &Style) -> Option<Result<Value>> {
    if let Some(found) = dates(from, to, value, style) {
        return Some(found);
    }
    Some(match (from, to, value) {
        (Type::BOOL, Type::INT4, ValueRef::Integer(value)) => Ok(Value::Integer(value)),
        (Type::INT4, Type::BOOL, ValueRef::Integer(value)) => Ok(Value::Integer(i64::from(value != 0))),
        (Type::CHAR, Type::INT4, ValueRef::Text(text)) => {
            Ok(Value::Integer(text.bytes().next().map_or(0, |byte| i64::from(byte as i8))))
        }
        (Type::INT4, Type::CHAR, ValueRef::Integer(value)) => match value {
            0 => Ok(Value::Text(String::new())),
            1..=127 => Ok(Value::Text(char::from(value as u8).to_string())),
            -128..=-1 => Err(Error::unsupported("a \"char\" that is not ASCII")),
            _ => Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "\"char\" out of range")),
        },
        (from, to, ValueRef::Integer(value)) if is_oid(from) && is_oid(to) => Ok(Value::Integer(value)),
        (from, to, ValueRef::Integer(value)) if is_integer(from) && is_oid(to) => {
            let fits = from != Type::INT8 || u32::try_from(value).is_ok();
            let error = || Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "OID out of range");
            if fits { Ok(Value::Integer(i64::from(value as u32))) } else { Err(error()) }
        }
        (from, Type::INT8, ValueRef::Integer(value)) if is_oid(from) => Ok(Value::Integer(value)),
        (from, Type::INT4, ValueRef::Integer(value)) if is_oid(from) => {
            Ok(Value::Integer(i64::from(value as u32 as i32)))
        }
        (Type::JSONB, to, ValueRef::Text(text)) if is_number(to) || to == Type::BOOL => from_jsonb(text, to),
        _ => return None,
    })
}

fn dates(from: Type, to: Type, value: ValueRef<'_>, style: &Style) -> Option<Result<Value>> {
    if let (Type::INTERVAL, Type::TIME, ValueRef::Text(text)) = (from, to, value) {
        let interval = Interval::from_storage(text);
        return Some(interval.map(|interval| Value::Integer(calendar::interval_to_time(interval))));
    }
    let ValueRef::Integer(value) = value else { return None };
    let time = |local: i64| Ok(calendar::timestamp_to_time(local).map_or(Value::Null, Value::Integer));
    let zone = &style.zone;
    let integer = match (from, to) {
        (Type::DATE, Type::TIMESTAMP) => calendar::date_to_timestamp(value),
        (Type::DATE, Type::TIMESTAMPTZ) => calendar::date_to_timestamptz(value, zone),
        (Type::TIMESTAMP, Type::DATE) => Ok(calendar::timestamp_to_date(value)),
        (Type::TIMESTAMP, Type::TIMESTAMPTZ) => calendar::timestamp_to_timestamptz(value, zone),
        (Type::TIMESTAMP, Type::TIME) => return Some(time(value)),
        (Type::TIMESTAMPTZ, Type::TIMESTAMP) => calendar::timestamptz_to_timestamp(value, zone),
        (Type::TIMESTAMPTZ, Type::DATE) => {
            calendar::timestamptz_to_timestamp(value, zone).map(calendar::timestamp_to_date)
        }
        (Type::TIMESTAMPTZ, Type::TIME) => {
            return Some(calendar::timestamptz_to_timestamp(value, zone).and_then(time));
        }
        (Type::TIME, Type::INTERVAL) => {
            let interval = Interval { microseconds: value, ..Interval::default() };
            return Some(Ok(Value::Text(interval.to_storage())));
        }
        _ => return None,
    };
    Some(integer.map(Value::Integer))
}

fn from_jsonb(text: &str, to: Type) -> Result<Value> {
    let json = json::parse(text)?;
    match (&json, to) {
        (Json::Bool(value), Type::BOOL) => Ok(Value::Integer(i64::from(*value))),
        (Json::Number(text), to) if is_number(to) => between_numbers(text, to),
        _ => {
            let kind = if json.type_name() == "number" { "numeric" } else { json.type_name() };
            let name = to.info().map_or("", |info| info.sql_name);
            let message = format!("cannot cast jsonb {kind} to type {name}");
            Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message))
        }
    }
}

fn between_numbers(text: &str, to: Type) -> Result<Value> {
    if to == Type::NUMERIC {
        return Ok(Value::Text(text.to_owned()));
    }
    number(Type::NUMERIC, to, ValueRef::Text(text))
}
