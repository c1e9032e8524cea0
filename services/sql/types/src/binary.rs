//! Binary form: what `receive` and `send` functions of PostgreSQL's types do.
//!
//! Memory is bounded by the input: no length in it is believed before the bytes are there.

mod arrays;
mod numbers;

pub use arrays::{receive_array, send_array};

use crate::datetime::interval::Interval;
use crate::datetime::{self, DATE_END, DATE_MIN, TIMESTAMP_END, TIMESTAMP_MIN};
use crate::text::{self, float};
use crate::{Error, Result, SqlState, Style, Type, Value, ValueRef, numeric};

/// 22P03.
pub(crate) fn malformed(message: &str) -> Error {
    Error::new(SqlState::INVALID_BINARY_REPRESENTATION, message)
}

/// Bytes that are taken from the front.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) =
            self.0.split_at_checked(length).ok_or_else(|| malformed("insufficient data left in message"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn i16(&mut self) -> Result<i16> {
        self.array().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Result<i32> {
        self.array().map(i32::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_be_bytes)
    }

    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn text(&mut self) -> Result<&'a str> {
        utf8(self.rest())
    }
}

/// Bytes as text. Errors: 22021 where they are not UTF-8 or hold a zero.
pub fn utf8(bytes: &[u8]) -> Result<&str> {
    let at = match std::str::from_utf8(bytes) {
        Ok(text) => match bytes.iter().position(|byte| *byte == 0) {
            None => return Ok(text),
            Some(at) => at,
        },
        Err(error) => {
            let valid = error.valid_up_to();
            bytes[..valid].iter().position(|byte| *byte == 0).unwrap_or(valid)
        }
    };
    let length = match bytes[at] {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => 1,
    };
    let shown: Vec<String> = bytes[at..].iter().take(length).map(|byte| format!("0x{byte:02x}")).collect();
    let message = format!("invalid byte sequence for encoding \"UTF8\": {}", shown.join(" "));
    Err(Error::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message))
}

/// Reads a value from its binary form, as on assignment. Errors: 22P03, those of [`text::input`], 0A000 for types that are not built in.
pub fn input(ty: Type, typmod: i32, bytes: &[u8], style: &Style) -> Result<Value> {
    let mut reader = Reader(bytes);
    let value = receive(ty, typmod, &mut reader, style)?;
    if reader.0.is_empty() { Ok(value) } else { Err(malformed("incorrect binary data format")) }
}

fn receive(ty: Type, typmod: i32, reader: &mut Reader<'_>, style: &Style) -> Result<Value> {
    Ok(match ty {
        Type::BOOL => Value::Integer(i64::from(reader.array::<1>()? != [0])),
        Type::INT2 => Value::Integer(reader.i16()?.into()),
        Type::INT4 => Value::Integer(reader.i32()?.into()),
        Type::INT8 => Value::Integer(reader.i64()?),
        Type::OID | Type::XID | Type::REGPROC | Type::REGCLASS | Type::REGTYPE | Type::REGNAMESPACE => {
            Value::Integer(reader.u32()?.into())
        }
        Type::FLOAT4 => float::to_value(f64::from(f32::from_be_bytes(reader.array()?))),
        Type::FLOAT8 => float::to_value(f64::from_be_bytes(reader.array()?)),
        Type::NUMERIC => Value::Text(numbers::receive(reader)?.with_typmod(typmod)?.to_string()),
        Type::BYTEA => Value::Blob(reader.rest().to_vec()),
        Type::UUID => Value::Blob(reader.take(16)?.to_vec()),
        Type::DATE => Value::Integer(date(reader.i32()?)?),
        Type::TIME => Value::Integer(time(reader.i64()?, typmod)?),
        Type::TIMESTAMP | Type::TIMESTAMPTZ => Value::Integer(timestamp(reader.i64()?, typmod)?),
        Type::INTERVAL => {
            let (microseconds, days, months) = (reader.i64()?, reader.i32()?, reader.i32()?);
            Value::Text(Interval { months, days, microseconds }.with_typmod(typmod).to_storage())
        }
        Type::JSONB | Type::JSONPATH => {
            let [version] = reader.array::<1>()?;
            if version != 1 {
                let name = if ty == Type::JSONB { "jsonb" } else { "jsonpath" };
                let message = format!("unsupported {name} version number {version}");
                return Err(Error::new(SqlState::INTERNAL_ERROR, message));
            }
            return text::input(ty, typmod, reader.text()?, style);
        }
        Type::CHAR => match reader.take(1)? {
            [0] => Value::Text(String::new()),
            byte => return text::input(ty, -1, utf8(byte)?, style),
        },
        Type::VOID => Value::Text(String::new()),
        Type::TEXT | Type::UNKNOWN | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::JSON => {
            return text::input(ty, typmod, reader.text()?, style);
        }
        _ => {
            let Some(element) = ty.element() else {
                return Err(Error::unsupported(format!("binary input of type {}", ty.0)));
            };
            let storage = Style::default();
            let read = |bytes: &[u8]| {
                let value = input(element, typmod, bytes, style)?;
                text::to_string(element, value.as_ref(), &storage)
            };
            Value::Text(receive_array(element, reader.rest(), read)?)
        }
    })
}

fn out_of_range(what: &str) -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("{what} out of range"))
}

fn date(days: i32) -> Result<i64> {
    let date = i64::from(days);
    let good = !datetime::is_finite_date(date) || (DATE_MIN..DATE_END).contains(&date);
    if good { Ok(date) } else { Err(out_of_range("date")) }
}

fn time(time: i64, typmod: i32) -> Result<i64> {
    let good = (0..=crate::calendar::DAY).contains(&time);
    if good { Ok(datetime::round_to(time, typmod)) } else { Err(out_of_range("time")) }
}

fn timestamp(timestamp: i64, typmod: i32) -> Result<i64> {
    if !datetime::is_finite(timestamp) {
        return Ok(timestamp);
    }
    let good = (TIMESTAMP_MIN..TIMESTAMP_END).contains(&timestamp);
    if good { Ok(datetime::round_to(timestamp, typmod)) } else { Err(out_of_range("timestamp")) }
}

/// Appends the binary form of a value, which is not NULL. Errors: the value is not in the storage form of its type, or the type is not
/// known.
pub fn output(ty: Type, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    match (ty, value) {
        (Type::BOOL, ValueRef::Integer(value)) => out.push(u8::from(value != 0)),
        (Type::INT2, ValueRef::Integer(value)) => out.extend_from_slice(&(value as i16).to_be_bytes()),
        (Type::INT8 | Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ, ValueRef::Integer(value)) => {
            out.extend_from_slice(&value.to_be_bytes());
        }
        (_, ValueRef::Integer(value)) => out.extend_from_slice(&(value as i32).to_be_bytes()),
        (Type::FLOAT4, value) => {
            let value = float::from_value(value).ok_or_else(not_stored)?;
            out.extend_from_slice(&(value as f32).to_be_bytes());
        }
        (Type::FLOAT8, value) => {
            let value = float::from_value(value).ok_or_else(not_stored)?;
            out.extend_from_slice(&value.to_be_bytes());
        }
        (Type::NUMERIC, ValueRef::Text(text)) => numbers::send(&numeric::Numeric::parse(text)?, out),
        (Type::INTERVAL, ValueRef::Text(text)) => {
            let interval = Interval::from_storage(text)?;
            out.extend_from_slice(&interval.microseconds.to_be_bytes());
            out.extend_from_slice(&interval.days.to_be_bytes());
            out.extend_from_slice(&interval.months.to_be_bytes());
        }
        (Type::JSONB | Type::JSONPATH, ValueRef::Text(text)) => {
            out.push(1);
            out.extend_from_slice(text.as_bytes());
        }
        (Type::CHAR, ValueRef::Text("")) => out.push(0),
        (_, ValueRef::Text(text)) => match ty.element() {
            None => out.extend_from_slice(text.as_bytes()),
            Some(element) => send_array(element, text, out, |text, out| {
                let value = crate::array::element_value(element, text)?;
                output(element, value.as_ref(), out)
            })?,
        },
        (_, ValueRef::Blob(bytes)) => out.extend_from_slice(bytes),
        _ => return Err(not_stored()),
    }
    Ok(())
}

fn not_stored() -> Error {
    Error::new(SqlState::INTERNAL_ERROR, "a value that is not in the form of its type")
}
