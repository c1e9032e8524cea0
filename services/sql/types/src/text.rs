//! Text form: what `input` and `output` functions of PostgreSQL's types do.
//!
//! Types of users are not known here: the caller maps labels of enums, and [`crate::array::map_elements`] those in arrays.

mod bytes;
pub mod float;
pub mod integer;
mod strings;

use crate::datetime::{self, interval};
use crate::{Error, Result, SqlState, Style, Type, Value, ValueRef, array, json, numeric};

pub use strings::{name_prefix, with_length};

/// What C's `isspace` takes for a space.
pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r')
}

/// 22P02: `invalid input syntax for type integer: "x"`.
pub(crate) fn invalid(ty: Type, text: &str) -> Error {
    let name = ty.info().map_or("unknown", |info| info.sql_name);
    Error::new(
        SqlState::INVALID_TEXT_REPRESENTATION,
        format!("invalid input syntax for type {name}: \"{text}\""),
    )
}

/// Reads a value from text, as on assignment: what is too long for its `typmod` is an error. A `typmod` of -1 allows all.
///
/// Errors: PostgreSQL's; 0A000 for types that are not built in, and for names where the catalog would be asked (`regclass`).
pub fn input(ty: Type, typmod: i32, text: &str, style: &Style) -> Result<Value> {
    if text.contains('\0') {
        let message = "invalid byte sequence for encoding \"UTF8\": 0x00";
        return Err(Error::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message));
    }
    match ty {
        Type::BOOL => boolean(text).map(|value| Value::Integer(i64::from(value))),
        Type::INT2 | Type::INT4 | Type::INT8 => integer::parse(ty, text).map(Value::Integer),
        Type::OID | Type::XID => integer::parse_oid(ty, text).map(Value::Integer),
        Type::REGPROC | Type::REGCLASS | Type::REGTYPE | Type::REGNAMESPACE => object(ty, text),
        Type::FLOAT4 => float::parse_f32(text).map(|value| float::to_value(f64::from(value))),
        Type::FLOAT8 => float::parse_f64(text).map(float::to_value),
        Type::NUMERIC => numeric(text, typmod),
        Type::TEXT | Type::UNKNOWN => Ok(Value::Text(text.to_owned())),
        Type::VARCHAR | Type::BPCHAR => with_length(ty, typmod, text, false).map(Value::Text),
        Type::NAME => Ok(Value::Text(name_prefix(text).to_owned())),
        Type::CHAR => strings::single_byte(text).map(Value::Text),
        Type::BYTEA => bytes::parse(text).map(Value::Blob),
        Type::UUID => bytes::parse_uuid(text).map(|bytes| Value::Blob(bytes.to_vec())),
        Type::DATE => datetime::parse_date(text, style).map(Value::Integer),
        Type::TIME => datetime::parse_time(text, typmod, style).map(Value::Integer),
        Type::TIMESTAMP => datetime::parse_timestamp(text, typmod, style).map(Value::Integer),
        Type::TIMESTAMPTZ => datetime::parse_timestamptz(text, typmod, style).map(Value::Integer),
        Type::INTERVAL => Ok(Value::Text(interval::parse(text, typmod)?.to_storage())),
        Type::JSON => json::validate(text).map(|()| Value::Text(text.to_owned())),
        Type::JSONB => json::canonical(text).map(Value::Text),
        Type::JSONPATH => json::path::canonical(text).map(Value::Text),
        Type::VOID => Ok(Value::Text(String::new())),
        _ => match ty.element() {
            Some(element) => array::input(element, typmod, text, style).map(Value::Text),
            None => Err(Error::unsupported(format!(
                "input of type {}",
                ty.info().map_or("unknown", |i| i.sql_name)
            ))),
        },
    }
}

/// Appends the text of a value, which is not NULL. Errors: the value is not in the storage form of its type, or the type is not known.
pub fn output(ty: Type, value: ValueRef<'_>, style: &Style, out: &mut Vec<u8>) -> Result<()> {
    match (ty, value) {
        (Type::BOOL, ValueRef::Integer(value)) => out.push(if value == 0 { b'f' } else { b't' }),
        (Type::DATE, ValueRef::Integer(value)) => datetime::write_date(value, style, out),
        (Type::TIME, ValueRef::Integer(value)) => datetime::write_time(value, out),
        (Type::TIMESTAMP, ValueRef::Integer(value)) => datetime::write_timestamp(value, style, out),
        (Type::TIMESTAMPTZ, ValueRef::Integer(value)) => datetime::write_timestamptz(value, style, out),
        (Type::REGPROC, ValueRef::Integer(0)) => out.push(b'-'),
        (_, ValueRef::Integer(value)) => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
        (Type::FLOAT4 | Type::FLOAT8, ValueRef::Real(value)) => {
            float::write(value, ty, style.extra_float_digits, out);
        }
        (Type::UUID, ValueRef::Blob(bytes)) => bytes::write_uuid(bytes, out),
        (_, ValueRef::Blob(bytes)) => bytes::write(bytes, style.bytea_output, out),
        (Type::INTERVAL, ValueRef::Text(text)) => interval::Interval::from_storage(text)?.write(out),
        (_, ValueRef::Text(text)) => match ty.element() {
            Some(element) => array::output(element, text, style, out)?,
            None => out.extend_from_slice(text.as_bytes()),
        },
        (_, ValueRef::Real(value)) => float::write(value, Type::FLOAT8, style.extra_float_digits, out),
        (_, ValueRef::Null) => return Err(Error::new(SqlState::INTERNAL_ERROR, "NULL has no text")),
    }
    Ok(())
}

/// The text of a value, which is not NULL.
pub fn to_string(ty: Type, value: ValueRef<'_>, style: &Style) -> Result<String> {
    let mut out = Vec::new();
    output(ty, value, style, &mut out)?;
    String::from_utf8(out).map_err(|_| Error::new(SqlState::INTERNAL_ERROR, "text that is not UTF-8"))
}

/// Reads a boolean: `true`, `yes`, `on`, `1` and their opposites, in any case, or the beginnings of them.
pub fn boolean(text: &str) -> Result<bool> {
    let word = text.trim_matches(is_space).to_ascii_lowercase();
    let begins = |of: &str, least: usize| word.len() >= least && of.starts_with(&word);
    if begins("true", 1) || begins("yes", 1) || word == "on" || word == "1" {
        return Ok(true);
    }
    if begins("false", 1) || begins("no", 1) || begins("off", 2) || word == "0" {
        return Ok(false);
    }
    Err(invalid(Type::BOOL, text))
}

fn numeric(text: &str, typmod: i32) -> Result<Value> {
    let number = numeric::Numeric::parse(text)?.with_typmod(typmod)?;
    Ok(Value::Text(number.to_string()))
}

/// The number of a `reg…` type; names need a catalog.
fn object(ty: Type, text: &str) -> Result<Value> {
    if text == "-" {
        return Ok(Value::Integer(0));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        return integer::parse_oid(Type::OID, text).map(Value::Integer);
    }
    let name = ty.info().map_or("", |info| info.sql_name);
    Err(Error::unsupported(format!("a name of {name} without a catalog")))
}
