//! Functions on bytea.

use bole_sql_types::length::check_length;
use bole_sql_types::{Error, Result, SqlState, Value};

use crate::call::{Arguments, bytes, count, integer};
use crate::scalar::{Scalar, strict};
use crate::text::{overlaid, part};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    strict(c"pg_concat_bytea", 2, |of| {
        check_length(of.bytes(0)?.len(), of.bytes(1)?.len())?;
        bytes([of.bytes(0)?, of.bytes(1)?].concat())
    }),
    strict(c"pg_btrim_bytea", 2, |of| bytes(trim(of.bytes(0)?, of.bytes(1)?, true, true))),
    strict(c"pg_ltrim_bytea", 2, |of| bytes(trim(of.bytes(0)?, of.bytes(1)?, true, false))),
    strict(c"pg_rtrim_bytea", 2, |of| bytes(trim(of.bytes(0)?, of.bytes(1)?, false, true))),
    strict(c"pg_position_bytea", 2, |of| count(position(of.bytes(0)?, of.bytes(1)?))),
    strict(c"pg_substring_bytea", 2, |of| {
        let length = if of.len() > 2 { Some(of.integer(2)?) } else { None };
        bytes(substring(of.bytes(0)?, of.integer(1)?, length)?)
    })
    .optional(1),
    strict(c"pg_overlay_bytea", 3, overlay).optional(1),
    strict(c"pg_get_byte", 2, |of| {
        let (whole, at) = (of.bytes(0)?, of.integer(1)?);
        integer(whole[index(at, whole.len())?])
    }),
    strict(c"pg_set_byte", 3, |of| {
        let (mut whole, at) = (of.bytes(0)?.to_vec(), of.integer(1)?);
        let place = index(at, whole.len())?;
        whole[place] = of.integer(2)? as u8;
        bytes(whole)
    }),
    strict(c"pg_get_bit", 2, |of| {
        let (whole, at) = (of.bytes(0)?, of.integer(1)?);
        let place = index(at, whole.len() * 8)?;
        integer(whole[place / 8] >> (place % 8) & 1)
    }),
    strict(c"pg_set_bit", 3, set_bit),
];

fn trim<'a>(whole: &'a [u8], set: &[u8], left: bool, right: bool) -> &'a [u8] {
    let outside = |byte: &u8| !set.contains(byte);
    let start = if left { whole.iter().position(outside).unwrap_or(whole.len()) } else { 0 };
    let end = if right { whole.iter().rposition(outside).map_or(start, |at| at + 1) } else { whole.len() };
    &whole[start..end.max(start)]
}

fn position(whole: &[u8], part: &[u8]) -> usize {
    if part.is_empty() {
        return 1;
    }
    whole.windows(part.len()).position(|window| window == part).map_or(0, |at| at + 1)
}

fn substring(whole: &[u8], start: i64, length: Option<i64>) -> Result<&[u8]> {
    let (begin, count) = part(start, length)?;
    let rest = &whole[begin.min(whole.len())..];
    Ok(count.map_or(rest, |count| &rest[..count.min(rest.len())]))
}

fn overlay(of: &Arguments<'_, '_>) -> Result<Value> {
    let (whole, new, start) = (of.bytes(0)?, of.bytes(1)?, of.integer(2)?);
    let length = if of.len() > 3 { of.integer(3)? } else { new.len() as i64 };
    let after = overlaid(start, length)?;
    let (before, rest) = (substring(whole, 1, Some(start - 1))?, substring(whole, after, None)?);
    check_length(before.len() + rest.len(), new.len())?;
    bytes([before, new, rest].concat())
}

fn index(at: i64, length: usize) -> Result<usize> {
    match usize::try_from(at) {
        Ok(place) if place < length => Ok(place),
        _ => {
            let message = format!("index {at} out of valid range, 0..{}", length as i64 - 1);
            Err(Error::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message))
        }
    }
}

fn set_bit(of: &Arguments<'_, '_>) -> Result<Value> {
    let (mut whole, at, bit) = (of.bytes(0)?.to_vec(), of.integer(1)?, of.integer(2)?);
    let place = index(at, whole.len() * 8)?;
    let mask = 1_u8 << (place % 8);
    match bit {
        0 => whole[place / 8] &= !mask,
        1 => whole[place / 8] |= mask,
        _ => return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, "new bit must be 0 or 1")),
    }
    bytes(whole)
}
