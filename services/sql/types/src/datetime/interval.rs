//! Intervals: months, days and microseconds, each for itself.

mod parse;

use std::cmp::Ordering;

pub use parse::parse;

use super::print::push_clock;
use super::round_to;
use crate::calendar::{DAY, HOUR, MINUTE};
use crate::{Error, Result, SqlState};

/// An interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    /// Months.
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Microseconds.
    pub microseconds: i64,
}

/// 22008, with PostgreSQL's message.
pub(crate) fn out_of_range() -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "interval out of range")
}

/// Bits of the fields in a type modifier (PostgreSQL's `INTERVAL_MASK`).
pub mod fields {
    /// Months.
    pub const MONTH: i32 = 1 << 1;
    /// Years.
    pub const YEAR: i32 = 1 << 2;
    /// Days.
    pub const DAY: i32 = 1 << 3;
    /// Hours.
    pub const HOUR: i32 = 1 << 10;
    /// Minutes.
    pub const MINUTE: i32 = 1 << 11;
    /// Seconds.
    pub const SECOND: i32 = 1 << 12;
    /// All there are.
    pub const FULL: i32 = 0x7fff;
}

impl Interval {
    /// From the storage form. Errors: XX000 if it is none.
    pub fn from_storage(text: &str) -> Result<Self> {
        let mut parts = text.splitn(3, ' ');
        let mut part = || parts.next().and_then(|part| part.parse::<i64>().ok());
        let (Some(months), Some(days), Some(microseconds)) = (part(), part(), part()) else {
            return Err(Error::new(SqlState::DATA_CORRUPTED, format!("\"{text}\" is not a stored interval")));
        };
        Ok(Self { months: months as i32, days: days as i32, microseconds })
    }

    /// The storage form.
    pub fn to_storage(self) -> String {
        format!("{} {} {}", self.months, self.days, self.microseconds)
    }

    /// The length in microseconds, a month being 30 days of 24 hours.
    pub const fn length(self) -> i128 {
        (self.months as i128 * 30 + self.days as i128) * DAY as i128 + self.microseconds as i128
    }

    /// The order of intervals.
    pub fn compare(self, other: Self) -> Ordering {
        self.length().cmp(&other.length())
    }

    /// Cut and rounded to what a type modifier allows; -1 allows all.
    #[must_use]
    pub fn with_typmod(self, typmod: i32) -> Self {
        if typmod < 0 {
            return self;
        }
        let (range, digits) = ((typmod >> 16) & 0x7fff, typmod & 0xffff);
        let mut cut = self;
        let whole = |unit: i64| self.microseconds / unit * unit;
        let months = fields::YEAR | fields::MONTH;
        if range != fields::FULL && range & !months == 0 {
            (cut.days, cut.microseconds) = (0, 0);
            if range == fields::YEAR {
                cut.months = self.months / 12 * 12;
            }
        } else if range & fields::SECOND == 0 {
            cut.microseconds = match range {
                range if range & fields::MINUTE != 0 => whole(MINUTE),
                range if range & fields::HOUR != 0 => whole(HOUR),
                _ => 0,
            };
        } else {
            cut.microseconds = round_to(self.microseconds, digits);
        }
        cut
    }

    /// Appends the text in the style `postgres`: `1 year -2 days +03:00:00`.
    pub fn write(self, out: &mut Vec<u8>) {
        let (mut empty, mut before) = (true, false);
        let mut part = |value: i32, unit: &str| {
            if value == 0 {
                return;
            }
            if !empty {
                out.push(b' ');
            }
            if before && value > 0 {
                out.push(b'+');
            }
            out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
            out.push(b' ');
            out.extend_from_slice(unit.as_bytes());
            if value != 1 {
                out.push(b's');
            }
            (before, empty) = (value < 0, false);
        };
        part(self.months / 12, "year");
        part(self.months % 12, "mon");
        part(self.days, "day");
        if !empty && self.microseconds == 0 {
            return;
        }
        if !empty {
            out.push(b' ');
        }
        if self.microseconds < 0 {
            out.push(b'-');
        } else if before {
            out.push(b'+');
        }
        // The magnitude of the lowest number has no i64, but hours do.
        let magnitude = self.microseconds.unsigned_abs();
        if magnitude > i64::MAX as u64 {
            out.extend_from_slice(b"2562047788:00:54.775808");
        } else {
            push_clock(magnitude as i64, out);
        }
    }
}

impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = Vec::new();
        self.write(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}
