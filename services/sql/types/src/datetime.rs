//! Dates, times, timestamps and intervals: read, written and computed with, on their storage forms.
//!
//! All are numbers: days or microseconds since 2000-01-01, microseconds since midnight; infinities are the extremes. What depends on a
//! time zone takes it as an argument.

pub mod arithmetic;
mod decode;
pub mod fields;
pub mod interval;
pub mod make;
mod print;
mod read;
mod tokens;
pub(crate) mod words;

pub use print::{write_date, write_time, write_timestamp, write_timestamptz};
pub use read::{parse_date, parse_time, parse_timestamp, parse_timestamptz};
pub use words::Unit;

use crate::calendar::JULIAN_2000;
use crate::{Error, Result, SqlState};

/// `infinity` as a date.
pub const DATE_INFINITY: i64 = i32::MAX as i64;
/// `-infinity` as a date.
pub const DATE_NEGATIVE_INFINITY: i64 = i32::MIN as i64;
/// `infinity` as a timestamp.
pub const INFINITY: i64 = i64::MAX;
/// `-infinity` as a timestamp.
pub const NEGATIVE_INFINITY: i64 = i64::MIN;

/// The first date: 4714-11-24 BC.
pub const DATE_MIN: i64 = -JULIAN_2000;
/// After the last date: 5874898-01-01.
pub const DATE_END: i64 = 2_147_483_494 - JULIAN_2000;
/// The first timestamp: 4714-11-24 BC.
pub const TIMESTAMP_MIN: i64 = -211_813_488_000_000_000;
/// After the last timestamp: 294277-01-01.
pub const TIMESTAMP_END: i64 = 9_223_371_331_200_000_000;

/// Whether a date is finite.
pub const fn is_finite_date(date: i64) -> bool {
    date != DATE_INFINITY && date != DATE_NEGATIVE_INFINITY
}

/// Whether a timestamp is finite.
pub const fn is_finite(timestamp: i64) -> bool {
    timestamp != INFINITY && timestamp != NEGATIVE_INFINITY
}

/// 22008, with PostgreSQL's message.
pub(crate) fn timestamp_out_of_range() -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "timestamp out of range")
}

/// A timestamp within its limits. Errors: 22008.
pub(crate) fn in_range(timestamp: i128) -> Result<i64> {
    if timestamp < i128::from(TIMESTAMP_MIN) || timestamp >= i128::from(TIMESTAMP_END) {
        return Err(timestamp_out_of_range());
    }
    Ok(timestamp as i64)
}

/// Microseconds rounded to digits of a second, halves away from zero; a negative number of digits keeps all.
pub fn round_to(microseconds: i64, digits: i32) -> i64 {
    if !(0..6).contains(&digits) {
        return microseconds;
    }
    let unit = 10_i64.pow(6 - digits as u32);
    let up = |value: i64| (value + unit / 2) / unit * unit;
    if microseconds >= 0 { up(microseconds) } else { -up(-microseconds) }
}
