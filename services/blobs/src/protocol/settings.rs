//! Documents of settings: the protocol library's types to those of the rules, and back. What a document says is carried over or refused by
//! name; the rules check the rest.
//!
//! Each setting has two functions, `read` (what a client sent) and `show` (what it gets back). What was shown and is read again is the same.

pub mod access;
pub mod cors;
pub mod lifecycle;
pub mod lock;
pub mod logging;
pub mod notifications;
pub mod tags;
pub mod website;

use std::time::{Duration, SystemTime};

use bole_base::Timestamp;
use s3s::dto;

use crate::error::{Code, Error, Result};
use crate::rules::calendar;

/// A document that does not follow its schema.
fn malformed(message: impl Into<String>) -> Error {
    Error::new(Code::MalformedXML, message)
}

/// A number that the schema has with a sign and the rules have without.
fn unsigned<T: TryFrom<i64>>(name: &str, value: impl Into<i64>) -> Result<T> {
    let value = value.into();
    T::try_from(value).map_err(|_| Error::new(Code::InvalidArgument, format!("{name} may not be {value}")))
}

/// A number for the schema, whose numbers have a sign.
fn signed<T: Into<i64>, S: TryFrom<i64>>(value: T) -> Option<S> {
    S::try_from(value.into()).ok()
}

/// A time as the rules have it. Errors: it is before 1970.
pub fn read_time(name: &str, time: &dto::Timestamp) -> Result<Timestamp> {
    let mut text = Vec::with_capacity(32);
    let written = time.format(dto::TimestampFormat::DateTime, &mut text);
    let text = String::from_utf8_lossy(&text);
    written
        .ok()
        .and_then(|()| calendar::parse_iso(&text))
        .ok_or_else(|| Error::new(Code::InvalidArgument, format!("{name} is no time from 1970 on: {text}")))
}

/// A time as the protocol has it.
pub fn show_time(time: Timestamp) -> dto::Timestamp {
    (SystemTime::UNIX_EPOCH + Duration::from_millis(time.0)).into()
}

#[cfg(test)]
mod tests;
