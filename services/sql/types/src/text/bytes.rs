//! bytea and uuid as text.

use super::invalid;
use crate::style::ByteaOutput;
use crate::{Error, Result, SqlState, Type};

const HEX: &[u8; 16] = b"0123456789abcdef";

fn hex_value(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// Reads bytea, in hexadecimal digits or with escapes. Errors: 22P02; 22023 for digits.
pub(super) fn parse(text: &str) -> Result<Vec<u8>> {
    if let Some(digits) = text.strip_prefix("\\x") {
        return parse_hex(digits);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return Ok(out),
            [b'\\', b'\\', after @ ..] => {
                out.push(b'\\');
                after
            }
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] => {
                out.push(((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'));
                after
            }
            [b'\\', ..] => {
                let message = "invalid input syntax for type bytea";
                return Err(Error::new(SqlState::INVALID_TEXT_REPRESENTATION, message));
            }
            [byte, after @ ..] => {
                out.push(*byte);
                after
            }
        };
    }
}

/// Reads pairs of hexadecimal digits; spaces may be between pairs.
pub(crate) fn parse_hex(digits: &str) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(digits.len() / 2);
    let mut chars = digits.char_indices();
    let refuse = |message: String| Error::new(SqlState::INVALID_PARAMETER_VALUE, message);
    let digit = |at: usize, c: char| {
        let value = u8::try_from(c).ok().and_then(hex_value);
        let shown = &digits[at..at + c.len_utf8()];
        value.ok_or_else(|| refuse(format!("invalid hexadecimal digit: \"{shown}\"")))
    };
    while let Some((at, c)) = chars.next() {
        if matches!(c, ' ' | '\n' | '\t' | '\r') {
            continue;
        }
        let high = digit(at, c)?;
        let (at, c) = chars
            .next()
            .ok_or_else(|| refuse("invalid hexadecimal data: odd number of digits".to_owned()))?;
        out.push(high << 4 | digit(at, c)?);
    }
    Ok(out)
}

/// Appends bytea.
pub(super) fn write(bytes: &[u8], how: ByteaOutput, out: &mut Vec<u8>) {
    match how {
        ByteaOutput::Hex => {
            out.reserve(bytes.len() * 2 + 2);
            out.extend_from_slice(b"\\x");
            push_hex(bytes, out);
        }
        ByteaOutput::Escape => {
            for byte in bytes {
                match byte {
                    b'\\' => out.extend_from_slice(b"\\\\"),
                    b' '..=b'~' => out.push(*byte),
                    _ => out.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
                }
            }
        }
    }
}

fn push_hex(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        out.push(HEX[usize::from(byte >> 4)]);
        out.push(HEX[usize::from(byte & 15)]);
    }
}

/// Reads a uuid: hexadecimal digits, a hyphen allowed after each four, braces around all. Errors: 22P02.
pub(super) fn parse_uuid(text: &str) -> Result<[u8; 16]> {
    let read = || {
        let braces = text.strip_prefix('{');
        let mut rest = braces.unwrap_or(text).as_bytes();
        let mut uuid = [0; 16];
        for (n, byte) in uuid.iter_mut().enumerate() {
            let [high, low, after @ ..] = rest else { return None };
            *byte = hex_value(*high)? << 4 | hex_value(*low)?;
            rest = after;
            if n % 2 == 1 && n < 15 {
                rest = rest.strip_prefix(b"-").unwrap_or(rest);
            }
        }
        (if braces.is_some() { rest == b"}" } else { rest.is_empty() }).then_some(uuid)
    };
    read().ok_or_else(|| invalid(Type::UUID, text))
}

/// Appends a uuid.
pub(super) fn write_uuid(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    for length in [4, 2, 2, 2, 6] {
        let (part, after) = rest.split_at(length.min(rest.len()));
        push_hex(part, out);
        if !after.is_empty() {
            out.push(b'-');
        }
        rest = after;
    }
}
