//! `to_char` and its opposites.

use bole_sql_types::format::{
    interval_to_char, number_to_char, timestamp_to_char, timestamptz_to_char, to_date, to_number,
    to_timestamp,
};
use bole_sql_types::length::check_length;
use bole_sql_types::{Error, Result, Value};

use crate::call::{Arguments, integer, text, text_or_null};
use crate::datetime::interval;
use crate::scalar::{Scalar, contextual, strict};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    strict(c"pg_to_char_int8", 2, |of| text(number_to_char(&of.integer(0)?.to_string(), pattern(of)?)?)),
    strict(c"pg_to_char_numeric", 2, |of| text(number_to_char(of.text(0)?, pattern(of)?)?)),
    strict(c"pg_to_char_float8", 2, |of| float_to_char(of, 15)),
    strict(c"pg_to_char_float4", 2, |of| float_to_char(of, 6)),
    strict(c"pg_to_char_timestamp", 2, |of| text_or_null(timestamp_to_char(of.integer(0)?, pattern(of)?)?)),
    contextual(c"pg_to_char_timestamptz", 2, |of, context| {
        text_or_null(timestamptz_to_char(of.integer(0)?, pattern(of)?, &context.style()?.zone)?)
    }),
    strict(c"pg_to_char_interval", 2, |of| text_or_null(interval_to_char(interval(of, 0)?, pattern(of)?)?)),
    strict(c"pg_to_date", 2, |of| integer(to_date(of.text(0)?, of.text(1)?)?)),
    contextual(c"pg_to_timestamp_text", 2, |of, context| {
        integer(to_timestamp(of.text(0)?, of.text(1)?, &context.style()?.zone)?)
    }),
    strict(c"pg_to_number", 2, |of| text(to_number(of.text(0)?, of.text(1)?)?)),
];

/// A pattern, of which a letter may become twelve.
fn pattern<'a>(of: &'a Arguments<'_, '_>) -> Result<&'a str> {
    let pattern = of.text(1)?;
    check_length(0, pattern.len().saturating_mul(12))?;
    Ok(pattern)
}

/// Floating-point numbers are rounded to the pattern's digits first, which must be no more than the type has for sure.
fn float_to_char(of: &Arguments<'_, '_>, digits_max: usize) -> Result<Value> {
    let (value, pattern) = (of.real(0)?, pattern(of)?);
    let upper = pattern.to_ascii_uppercase();
    let is_plain = !upper.contains(['E', 'V', '"', '\\']) && !upper.contains("RN");
    let after_point = upper.split_once(['.', 'D']).map_or("", |(_, after)| after);
    let decimals = after_point.chars().filter(|c| matches!(c, '9' | '0')).count();
    let before_point = format!("{:.0}", value.abs()).len();
    if !value.is_finite() || !is_plain || before_point + decimals > digits_max {
        return Err(Error::unsupported("to_char of a floating-point number with this pattern"));
    }
    text(bole_sql_types::format::float_to_char(&format!("{value:.decimals$}"), pattern)?)
}
