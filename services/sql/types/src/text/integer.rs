//! Integers as text.

use super::{invalid, is_space};
use crate::{Error, Result, SqlState, Type};

fn out_of_range(ty: Type, text: &str) -> Error {
    let name = ty.info().map_or("integer", |info| info.sql_name);
    let message = format!("value \"{text}\" is out of range for type {name}");
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message)
}

/// Reads smallint, integer or bigint. Errors: 22P02, 22003.
pub fn parse(ty: Type, text: &str) -> Result<i64> {
    let trimmed = text.trim_matches(is_space);
    let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid(ty, text));
    }
    let value = trimmed.parse::<i64>().ok().filter(|value| crate::numeric::in_range(*value, ty));
    value.ok_or_else(|| out_of_range(ty, text))
}

/// Reads oid or xid as C's `strtoul` does: an optional sign, which wraps around. Errors: 22P02, 22003.
pub fn parse_oid(ty: Type, text: &str) -> Result<i64> {
    let trimmed = text.trim_matches(is_space);
    let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid(ty, text));
    }
    let value = trimmed.parse::<i64>().ok();
    let value = value.filter(|value| (i64::from(i32::MIN)..=i64::from(u32::MAX)).contains(value));
    value.map(|value| i64::from(value as u32)).ok_or_else(|| out_of_range(ty, text))
}
