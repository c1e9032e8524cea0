//! `format(template, …)`.

use std::iter::Peekable;
use std::str::Chars;

use bole_sql_types::length::check_length;
use bole_sql_types::{Error, Result, SqlState, Value};

use super::quote;
use crate::call::{Arguments, text};
use crate::scalar::{Scalar, lenient};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[lenient(c"pg_format", -1, format)];

fn refused(message: impl Into<String>) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

fn unterminated() -> Error {
    refused("unterminated format() type specifier").with_hint("For a single \"%\" use \"%%\".")
}

/// The arguments, and which of them is next.
struct Supply<'a, 'b, 'c> {
    of: &'a Arguments<'b, 'c>,
    next: usize,
}

impl<'a> Supply<'a, '_, '_> {
    /// The argument at a position, or the one after the last that was used.
    fn take(&mut self, position: Option<usize>) -> Result<Option<&'a str>> {
        let at = position.unwrap_or(self.next);
        self.next = at + 1;
        if at >= self.of.len() {
            Err(refused("too few arguments for format()"))
        } else {
            self.of.text_or_null(at)
        }
    }
}

fn format(of: &Arguments<'_, '_>) -> Result<Value> {
    let Some(template) = of.text_or_null(0)? else { return Ok(Value::Null) };
    let mut supply = Supply { of, next: 1 };
    let mut out = String::new();
    let mut rest = template.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
        } else if rest.next_if_eq(&'%').is_some() {
            out.push('%');
        } else {
            specifier(&mut rest, &mut supply, &mut out)?;
        }
    }
    text(out)
}

/// Reads digits; none gives none.
fn number(rest: &mut Peekable<Chars<'_>>) -> Result<Option<usize>> {
    let mut value: Option<i32> = None;
    while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
        rest.next();
        let grown = value.unwrap_or(0).checked_mul(10).and_then(|value| value.checked_add(digit as i32));
        value = Some(
            grown
                .ok_or_else(|| Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "number is out of range"))?,
        );
    }
    if rest.peek().is_none() { Err(unterminated()) } else { Ok(value.map(|value| value as usize)) }
}

fn positioned(at: usize) -> Result<usize> {
    if at == 0 {
        return Err(refused("format specifies argument 0, but arguments are numbered from 1"));
    }
    Ok(at)
}

/// `[position$][-][width]type`, where the width is a number, `*` or `*position$`.
fn specifier(
    rest: &mut Peekable<Chars<'_>>,
    supply: &mut Supply<'_, '_, '_>,
    out: &mut String,
) -> Result<()> {
    let mut position = None;
    let mut width = None;
    if let Some(value) = number(rest)? {
        if rest.next_if_eq(&'$').is_some() {
            position = Some(positioned(value)?);
        } else {
            width = Some(value as i64);
        }
    }
    let mut to_left = false;
    if width.is_none() {
        while rest.next_if_eq(&'-').is_some() {
            to_left = true;
        }
        width = read_width(rest, supply)?;
    }
    let width = width.unwrap_or(0);
    let kind = rest.next().ok_or_else(unterminated)?;
    if !matches!(kind, 's' | 'I' | 'L') {
        let message = format!("unrecognized format() type specifier \"{kind}\"");
        return Err(refused(message).with_hint("For a single \"%\" use \"%%\"."));
    }
    let value = match (kind, supply.take(position)?) {
        ('s', value) => value.unwrap_or("").to_owned(),
        ('I', Some(value)) => quote::identifier(value),
        ('I', None) => {
            let message = "null values cannot be formatted as an SQL identifier";
            return Err(Error::new(SqlState::NULL_VALUE_NOT_ALLOWED, message));
        }
        (_, Some(value)) => quote::literal(value),
        (_, None) => "NULL".to_owned(),
    };
    put(out, &value, width.unsigned_abs() as usize, to_left || width < 0)
}

fn read_width(rest: &mut Peekable<Chars<'_>>, supply: &mut Supply<'_, '_, '_>) -> Result<Option<i64>> {
    if rest.next_if_eq(&'*').is_none() {
        return Ok(number(rest)?.map(|width| width as i64));
    }
    let position = match number(rest)? {
        None => None,
        Some(at) if rest.next_if_eq(&'$').is_some() => Some(positioned(at)?),
        Some(_) => return Err(refused("width argument position must be ended by \"$\"")),
    };
    let Some(width) = supply.take(position)? else { return Ok(Some(0)) };
    let width: i32 = width.trim().parse().map_err(|_| {
        let message = format!("invalid input syntax for type integer: \"{width}\"");
        Error::new(SqlState::INVALID_TEXT_REPRESENTATION, message)
    })?;
    Ok(Some(width.into()))
}

fn put(out: &mut String, value: &str, width: usize, to_left: bool) -> Result<()> {
    let fill = width.saturating_sub(value.chars().count());
    check_length(out.len(), value.len() + fill)?;
    if to_left {
        out.push_str(value);
    }
    out.extend(std::iter::repeat_n(' ', fill));
    if !to_left {
        out.push_str(value);
    }
    Ok(())
}
