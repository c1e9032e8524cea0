//! `LIKE`: `%` is any text, `_` one character, and what follows the escape stands for itself.

use bole_sql_types::{Error, Result, SqlState};

use crate::call::{Arguments, boolean, text};
use crate::scalar::{Scalar, strict};
use crate::text::lower;

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    strict(c"pg_like", 2, |of| {
        boolean(is_like(of.text(0)?.as_bytes(), of.text(1)?.as_bytes(), escape(of)?, character_length)?)
    })
    .optional(1),
    strict(c"pg_ilike", 2, |of| {
        let (value, pattern) = (lower(of.text(0)?), lower(of.text(1)?));
        boolean(is_like(value.as_bytes(), pattern.as_bytes(), escape(of)?, character_length)?)
    })
    .optional(1),
    strict(c"pg_like_bytea", 2, |of| boolean(is_like(of.bytes(0)?, of.bytes(1)?, Some("\\"), |_| 1)?)),
    strict(c"pg_like_escape", 2, |of| text(with_backslash(of.text(0)?, checked_escape(of.text(1)?)?))),
];

/// The escape of a call: its third argument, or a backslash. None if it is empty.
fn escape<'a>(of: &'a Arguments<'_, '_>) -> Result<Option<&'a str>> {
    if of.len() > 2 { checked_escape(of.text(2)?) } else { Ok(Some("\\")) }
}

/// An escape is one character, or none at all.
pub(crate) fn checked_escape(escape: &str) -> Result<Option<&str>> {
    match escape.chars().count() {
        0 => Ok(None),
        1 => Ok(Some(escape)),
        _ => Err(Error::new(SqlState(*b"22025"), "invalid escape string")
            .with_hint("Escape string must be empty or one character.")),
    }
}

/// Bytes of the UTF-8 character that begins with a byte.
fn character_length(first: u8) -> usize {
    match first {
        0..=0xbf => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    }
}

fn ends_with_escape() -> Error {
    Error::new(SqlState(*b"22025"), "LIKE pattern must not end with escape character")
}

/// Bytes are compared, as UTF-8 allows; only `_` takes characters, whose length is asked. Where what follows a `%` does not match, it is
/// tried one byte further; going back to an earlier `%` would find nothing that the last one does not.
fn is_like(value: &[u8], pattern: &[u8], escape: Option<&str>, length: fn(u8) -> usize) -> Result<bool> {
    let escape = escape.map_or(&[][..], str::as_bytes);
    let (mut at, mut in_pattern) = (0, 0);
    let mut last_any: Option<(usize, usize)> = None;
    loop {
        let rest = &pattern[in_pattern..];
        let is_escape = !escape.is_empty() && rest.starts_with(escape);
        if !is_escape && rest.first() == Some(&b'%') {
            in_pattern += 1;
            if in_pattern == pattern.len() {
                return Ok(true);
            }
            last_any = Some((at, in_pattern));
            continue;
        }
        if rest.is_empty() && at == value.len() {
            return Ok(true);
        }
        let matched = match value.get(at) {
            None if last_any.is_none() || !is_escape => return Ok(false),
            None => None,
            Some(byte) => one(*byte, rest, if is_escape { escape.len() } else { 0 }, length)?,
        };
        if let Some((of_value, of_pattern)) = matched {
            at += of_value;
            in_pattern += of_pattern;
        } else if let Some((from, after_any)) = last_any.filter(|(from, _)| *from < value.len()) {
            let from = from + length(value[from]);
            last_any = Some((from, after_any));
            (at, in_pattern) = (from, after_any);
        } else {
            return Ok(false);
        }
    }
}

/// How far a byte of the value, and the pattern's next element, take both on.
fn one(byte: u8, rest: &[u8], escape: usize, length: fn(u8) -> usize) -> Result<Option<(usize, usize)>> {
    if escape > 0 {
        let literal = rest.get(escape).ok_or_else(ends_with_escape)?;
        return Ok((*literal == byte).then_some((1, escape + 1)));
    }
    Ok(match rest.first() {
        Some(b'_') => Some((length(byte), 1)),
        Some(literal) if *literal == byte => Some((1, 1)),
        _ => None,
    })
}

/// The pattern with a backslash for its escape.
fn with_backslash(pattern: &str, escape: Option<&str>) -> String {
    let escape = escape.and_then(|escape| escape.chars().next());
    if escape == Some('\\') {
        return pattern.to_owned();
    }
    let mut out = String::with_capacity(pattern.len());
    let mut escaped = false;
    for c in pattern.chars() {
        if Some(c) == escape && !escaped {
            out.push('\\');
            escaped = true;
        } else {
            if c == '\\' && !escaped {
                out.push('\\');
            }
            out.push(c);
            escaped = false;
        }
    }
    out
}
