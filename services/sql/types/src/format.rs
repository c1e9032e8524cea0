//! `to_char`, `to_date`, `to_timestamp`: values by a pattern.
//!
//! Patterns that are known to PostgreSQL but not here are refused; what it copies, is copied.

mod numbers;
mod pattern;
mod read;
mod write;

pub use numbers::{float_to_char, number_to_char, to_number};
pub use read::{to_date, to_timestamp};
pub use write::{interval_to_char, timestamp_to_char, timestamptz_to_char};

use crate::{Error, SqlState};

/// 22007, as PostgreSQL's formatting functions report.
fn invalid(message: impl Into<String>) -> Error {
    Error::new(SqlState::INVALID_DATETIME_FORMAT, message)
}
