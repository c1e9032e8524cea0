//! Writes JSON as PostgreSQL prints jsonb.

use super::{Json, parse_binary};
use crate::Result;

/// The text of jsonb for any JSON. Errors: as [`parse_binary`].
pub fn canonical(text: &str) -> Result<String> {
    let json = parse_binary(text)?;
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    write(&json, &mut out);
    Ok(out)
}

/// Appends a value: `{"a": [1, 2]}`.
pub fn write(json: &Json<'_>, out: &mut String) {
    match json {
        Json::Null => out.push_str("null"),
        Json::Bool(true) => out.push_str("true"),
        Json::Bool(false) => out.push_str("false"),
        Json::Number(text) => out.push_str(text),
        Json::String(text) => push_string(text, out),
        Json::Array(elements) => {
            out.push('[');
            for (n, element) in elements.iter().enumerate() {
                if n > 0 {
                    out.push_str(", ");
                }
                write(element, out);
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (n, (key, value)) in members.iter().enumerate() {
                if n > 0 {
                    out.push_str(", ");
                }
                push_string(key, out);
                out.push_str(": ");
                write(value, out);
            }
            out.push('}');
        }
    }
}

/// Appends a string in quotes, escaped.
pub fn push_string(text: &str, out: &mut String) {
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            8 => "\\b",
            12 => "\\f",
            0..=31 => "",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        if escape.is_empty() {
            out.push_str("\\u00");
            out.push(if byte < 16 { '0' } else { '1' });
            out.push(char::from_digit(u32::from(byte % 16), 16).unwrap_or('0'));
        } else {
            out.push_str(escape);
        }
        from = at + 1;
    }
    out.push_str(&text[from..]);
    out.push('"');
}

impl std::fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = String::new();
        write(self, &mut out);
        f.write_str(&out)
    }
}
