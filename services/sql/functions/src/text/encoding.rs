//! Encodings of bytes as text, and hashes.

use base64ct::{Base64, Encoding as _};
use bole_sql_types::length::check_length;
use bole_sql_types::{Error, Result, SqlState, Value, ValueRef};
use sha2::Digest as _;

use crate::call::{bytes, text};
use crate::scalar::{Scalar, strict};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    strict(c"pg_md5", 1, |of| match of.value(0)? {
        ValueRef::Blob(value) => text(hex(&md5::Md5::digest(value))),
        _ => text(hex(&md5::Md5::digest(of.text(0)?))),
    }),
    strict(c"pg_sha224", 1, |of| bytes(sha2::Sha224::digest(of.bytes(0)?).to_vec())),
    strict(c"pg_sha256", 1, |of| bytes(sha2::Sha256::digest(of.bytes(0)?).to_vec())),
    strict(c"pg_sha384", 1, |of| bytes(sha2::Sha384::digest(of.bytes(0)?).to_vec())),
    strict(c"pg_sha512", 1, |of| bytes(sha2::Sha512::digest(of.bytes(0)?).to_vec())),
    strict(c"pg_encode", 2, |of| encode(of.bytes(0)?, of.text(1)?)),
    strict(c"pg_decode", 2, |of| decode(of.text(0)?, of.text(1)?)),
    strict(c"pg_convert_to", 2, |of| convert_to(of.text(0)?, of.text(1)?)),
    strict(c"pg_convert_from", 2, |of| convert_from(of.bytes(0)?, of.text(1)?)),
];

fn refused(message: impl Into<String>) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

fn hex(of: &[u8]) -> String {
    use std::fmt::Write as _;
    of.iter().fold(String::with_capacity(of.len() * 2), |mut out, byte| {
        let _never_fails = write!(out, "{byte:02x}");
        out
    })
}

fn unknown_encoding(name: &str) -> Error {
    refused(format!("unrecognized encoding: \"{name}\""))
}

fn encode(of: &[u8], name: &str) -> Result<Value> {
    match name.to_ascii_lowercase().as_str() {
        "hex" => {
            check_length(of.len(), of.len())?;
            text(hex(of))
        }
        "base64" => {
            check_length(of.len(), of.len() / 3 + of.len() / 57 + 4)?;
            text(base64_lines(&Base64::encode_string(of)))
        }
        "escape" => text(escape(of)?),
        _ => Err(unknown_encoding(name)),
    }
}

/// RFC 2045: lines of 76 characters.
fn base64_lines(encoded: &str) -> String {
    let mut out = String::with_capacity(encoded.len() + encoded.len() / 76);
    for (at, c) in encoded.chars().enumerate() {
        if at > 0 && at % 76 == 0 {
            out.push('\n');
        }
        out.push(c);
    }
    out
}

/// NUL and bytes above 127 in octal, backslashes doubled.
fn escape(of: &[u8]) -> Result<String> {
    let mut out = String::with_capacity(of.len());
    for byte in of {
        check_length(out.len(), 4)?;
        match byte {
            0 | 128.. => {
                out.push('\\');
                out.extend([byte >> 6, byte >> 3 & 7, byte & 7].map(|digit| char::from(b'0' + digit)));
            }
            b'\\' => out.push_str("\\\\"),
            _ => out.push(char::from(*byte)),
        }
    }
    Ok(out)
}

fn decode(of: &str, name: &str) -> Result<Value> {
    match name.to_ascii_lowercase().as_str() {
        "hex" => unhex(of),
        "base64" => unbase64(of),
        "escape" => unescape(of),
        _ => Err(unknown_encoding(name)),
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\n' | '\t' | '\r')
}

fn unhex(of: &str) -> Result<Value> {
    let mut out = Vec::with_capacity(of.len() / 2);
    let mut high = None;
    for c in of.chars().filter(|c| !is_space(*c)) {
        let digit = c.to_digit(16).ok_or_else(|| refused(format!("invalid hexadecimal digit: \"{c}\"")))?;
        match high.take() {
            None => high = Some(digit),
            Some(high) => out.push((high << 4 | digit) as u8),
        }
    }
    if high.is_some() {
        return Err(refused("invalid hexadecimal data: odd number of digits"));
    }
    bytes(out)
}

fn unbase64(of: &str) -> Result<Value> {
    let mut out = Vec::with_capacity(of.len() * 3 / 4);
    let (mut bits, mut count, mut end) = (0_u32, 0, 0);
    for c in of.chars().filter(|c| !is_space(*c)) {
        let value = match c {
            '=' => {
                end = match (end, count) {
                    (0, 2) => 1,
                    (0 | 1, 3) => 2,
                    _ => return Err(refused("unexpected \"=\" while decoding base64 sequence")),
                };
                0
            }
            'A'..='Z' => c as u32 - 'A' as u32,
            'a'..='z' => c as u32 - 'a' as u32 + 26,
            '0'..='9' => c as u32 - '0' as u32 + 52,
            '+' => 62,
            '/' => 63,
            _ => return Err(refused(format!("invalid symbol \"{c}\" found while decoding base64 sequence"))),
        };
        bits = bits << 6 | value;
        count += 1;
        if count == 4 {
            let three = [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8];
            out.extend_from_slice(&three[..three.len() - padding_of(of, end)]);
            (bits, count) = (0, 0);
        }
    }
    if count != 0 {
        let hint = "Input data is missing padding, is truncated, or is otherwise corrupted.";
        return Err(refused("invalid base64 end sequence").with_hint(hint));
    }
    bytes(out)
}

/// How many bytes the last group lacks.
fn padding_of(of: &str, end: i32) -> usize {
    if end == 0 { 0 } else { of.chars().filter(|c| *c == '=').count() }
}

fn unescape(of: &str) -> Result<Value> {
    let invalid = || Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type bytea");
    let source = of.as_bytes();
    let mut out = Vec::with_capacity(source.len());
    let mut at = 0;
    while let Some(byte) = source.get(at) {
        if *byte != b'\\' {
            out.push(*byte);
            at += 1;
        } else if source.get(at + 1) == Some(&b'\\') {
            out.push(b'\\');
            at += 2;
        } else {
            let digits = source.get(at + 1..at + 4).ok_or_else(invalid)?;
            let octal = digits.iter().all(|digit| (b'0'..=b'7').contains(digit)) && digits[0] <= b'3';
            if !octal {
                return Err(invalid());
            }
            out.push(digits.iter().fold(0, |byte, digit| byte << 3 | (digit - b'0')));
            at += 4;
        }
    }
    bytes(out)
}

/// A name of UTF-8 or Latin 1, of the spellings that PostgreSQL takes.
fn is_latin1(name: &str) -> Result<bool> {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    match plain.as_str() {
        "utf8" | "unicode" => Ok(false),
        "latin1" | "iso88591" => Ok(true),
        _ => Err(Error::unsupported(format!("the encoding \"{name}\""))),
    }
}

fn convert_to(of: &str, name: &str) -> Result<Value> {
    if !is_latin1(name)? {
        return bytes(of.as_bytes());
    }
    let one = |c: char| {
        u8::try_from(u32::from(c)).map_err(|_| {
            let mut buffer = [0; 4];
            let shown: Vec<String> = c.encode_utf8(&mut buffer).bytes().map(|byte| format!("0x{byte:02x}")).collect();
            let message = format!(
                "character with byte sequence {} in encoding \"UTF8\" has no equivalent in encoding \"LATIN1\"",
                shown.join(" ")
            );
            Error::new(SqlState(*b"22P05"), message)
        })
    };
    of.chars().map(one).collect::<Result<Vec<u8>>>().and_then(bytes)
}

fn convert_from(of: &[u8], name: &str) -> Result<Value> {
    let is_latin1 = is_latin1(name)?;
    let encoding = if is_latin1 { "LATIN1" } else { "UTF8" };
    if let Some(at) = of.iter().position(|byte| *byte == 0) {
        return Err(invalid_bytes(encoding, &of[at..=at]));
    }
    if is_latin1 {
        return text(of.iter().map(|byte| char::from(*byte)).collect::<String>());
    }
    match std::str::from_utf8(of) {
        Ok(value) => text(value),
        Err(error) => {
            let at = error.valid_up_to();
            let length = match of[at] {
                0xc0..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf7 => 4,
                _ => 1,
            };
            Err(invalid_bytes(encoding, &of[at..of.len().min(at + length)]))
        }
    }
}

fn invalid_bytes(encoding: &str, sequence: &[u8]) -> Error {
    let shown: Vec<String> = sequence.iter().map(|byte| format!("0x{byte:02x}")).collect();
    let message = format!("invalid byte sequence for encoding \"{encoding}\": {}", shown.join(" "));
    Error::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message)
}
