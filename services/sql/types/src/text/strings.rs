//! Strings of limited length.

use std::fmt::Write as _;

use crate::{Error, Result, SqlState, Type};

/// Text as `character(n)` or `character varying(n)` keeps it: padded or cut. What is too long is cut silently if `explicit`, as by a
/// cast that is written; else only spaces are cut. Errors: 22001.
pub fn with_length(ty: Type, typmod: i32, text: &str, explicit: bool) -> Result<String> {
    if typmod < 4 {
        return Ok(text.to_owned());
    }
    let limit = (typmod - 4) as usize;
    let end = text.char_indices().nth(limit).map_or(text.len(), |(at, _)| at);
    if end < text.len() {
        if !explicit && text[end..].bytes().any(|byte| byte != b' ') {
            let name = ty.info().map_or("", |info| info.sql_name);
            let message = format!("value too long for type {name}({limit})");
            return Err(Error::new(SqlState::STRING_DATA_RIGHT_TRUNCATION, message));
        }
        return Ok(text[..end].to_owned());
    }
    let mut padded = text.to_owned();
    if ty == Type::BPCHAR {
        let length = if text.is_ascii() { text.len() } else { text.chars().count() };
        let _ = write!(padded, "{:1$}", "", limit - length);
    }
    Ok(padded)
}

/// The first 63 bytes, or less where they would cut a character.
pub fn name_prefix(text: &str) -> &str {
    &text[..text.floor_char_boundary(63)]
}

/// What `"char"` keeps: the first byte. Errors: 0A000 if that is not a character.
pub(super) fn single_byte(text: &str) -> Result<String> {
    match text.bytes().next() {
        None => Ok(String::new()),
        Some(byte) if byte.is_ascii() => Ok(char::from(byte).to_string()),
        Some(_) => Err(Error::unsupported("a \"char\" that is not ASCII")),
    }
}
