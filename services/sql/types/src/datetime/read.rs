//! Input of dates, times and timestamps.

use super::decode::{self, DATE, Fault, Fields, TIME, ZoneSpec};
use super::words::Word;
use super::{
    DATE_END, DATE_INFINITY, DATE_MIN, DATE_NEGATIVE_INFINITY, INFINITY, NEGATIVE_INFINITY, in_range,
    round_to, tokens,
};
use crate::calendar::{self, SECOND, UNIX_2000};
use crate::{Error, Result, SqlState, Style, Type};

/// The error of a fault, with PostgreSQL's message.
pub(super) fn refuse(fault: Fault, text: &str, ty: Type) -> Error {
    let overflow = |what: &str| format!("{what} out of range: \"{text}\"");
    match fault {
        Fault::Format => {
            let name = match ty {
                Type::TIME => "time",
                Type::TIMESTAMP => "timestamp",
                _ => ty.info().map_or("", |info| info.sql_name),
            };
            let message = format!("invalid input syntax for type {name}: \"{text}\"");
            Error::new(SqlState::INVALID_DATETIME_FORMAT, message)
        }
        Fault::Overflow if ty == Type::INTERVAL => {
            Error::new(SqlState::INTERVAL_FIELD_OVERFLOW, overflow("interval field value"))
        }
        Fault::Overflow => Error::new(SqlState::DATETIME_FIELD_OVERFLOW, overflow("date/time field value")),
        Fault::MonthDay => Error::new(SqlState::DATETIME_FIELD_OVERFLOW, overflow("date/time field value"))
            .with_hint("Perhaps you need a different \"datestyle\" setting."),
        Fault::ZoneOverflow => {
            Error::new(SqlState::INVALID_TIME_ZONE_DISPLACEMENT_VALUE, overflow("time zone displacement"))
        }
        Fault::Zone(name) => {
            let message = format!("time zone \"{name}\" not recognized");
            Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
        }
        Fault::Unsupported => Error::unsupported(format!("a date or time such as \"{text}\"")),
    }
}

fn fields(text: &str, style: &Style, ty: Type) -> Result<Fields> {
    let refuse = |fault| refuse(fault, text, ty);
    let tokens = tokens::split(text).ok_or_else(|| refuse(Fault::Format))?;
    let fields = decode::decode(&tokens, style.date_order, ty == Type::TIME).map_err(refuse)?;
    let needed = if ty == Type::TIME { TIME } else { DATE };
    if fields.seen & needed != needed {
        return Err(refuse(Fault::Format));
    }
    Ok(fields)
}

/// The local time of now and its like: days and microseconds.
fn relative(fields: &Fields, special: Word, style: &Style) -> Result<(i64, i64)> {
    let now = style.now.ok_or_else(|| Error::unsupported("a date such as \"now\" outside of a session"))?;
    let local = style.zone.to_local(now).unwrap_or(now);
    let (day, time) = (local.div_euclid(calendar::DAY), local.rem_euclid(calendar::DAY));
    Ok(match special {
        Word::Now => (day, time),
        Word::Tomorrow => (day + 1, fields.time),
        Word::Yesterday => (day - 1, fields.time),
        _ => (day, fields.time),
    })
}

/// Days since 2000-01-01. Errors: 22007, 22008.
pub fn parse_date(text: &str, style: &Style) -> Result<i64> {
    let fields = fields(text, style, Type::DATE)?;
    match fields.special {
        Some(Word::Infinity) => return Ok(DATE_INFINITY),
        Some(Word::NegativeInfinity) => return Ok(DATE_NEGATIVE_INFINITY),
        Some(Word::Epoch) => return Ok(-UNIX_2000),
        Some(special) => return relative(&fields, special, style).map(|(day, _)| day),
        None => {}
    }
    let day = calendar::days(fields.year, fields.month, fields.day);
    if !(DATE_MIN..DATE_END).contains(&day) {
        let message = format!("date out of range: \"{text}\"");
        return Err(Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message));
    }
    Ok(day)
}

/// Microseconds since midnight, rounded to the digits of `typmod`. Errors: 22007, 22008.
pub fn parse_time(text: &str, typmod: i32, style: &Style) -> Result<i64> {
    let fields = fields(text, style, Type::TIME)?;
    let time = match fields.special {
        Some(Word::Now) => relative(&fields, Word::Now, style)?.1,
        Some(Word::Infinity | Word::NegativeInfinity | Word::Epoch) => {
            return Err(refuse(Fault::Format, text, Type::TIME));
        }
        _ => fields.time,
    };
    if matches!(fields.zone, Some(ZoneSpec::Zone(_) | ZoneSpec::Abbreviation(..)))
        && fields.seen & DATE != DATE
    {
        return Err(refuse(Fault::Format, text, Type::TIME));
    }
    Ok(round_to(time, typmod))
}

/// Microseconds since 2000-01-01 by the clock that is written; a zone is ignored. Errors: 22007, 22008.
pub fn parse_timestamp(text: &str, typmod: i32, style: &Style) -> Result<i64> {
    timestamp(text, typmod, style, Type::TIMESTAMP)
}

/// Microseconds since 2000-01-01 UTC; without a zone in the text it is that of the style. Errors: 22007, 22008, 22009.
pub fn parse_timestamptz(text: &str, typmod: i32, style: &Style) -> Result<i64> {
    timestamp(text, typmod, style, Type::TIMESTAMPTZ)
}

fn timestamp(text: &str, typmod: i32, style: &Style, ty: Type) -> Result<i64> {
    let fields = fields(text, style, ty)?;
    let out_of_range = |_| {
        let message = format!("timestamp out of range: \"{text}\"");
        Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
    };
    let (day, time) = match fields.special {
        Some(Word::Infinity) => return Ok(INFINITY),
        Some(Word::NegativeInfinity) => return Ok(NEGATIVE_INFINITY),
        Some(Word::Epoch) => return Ok(-UNIX_2000 * calendar::DAY),
        Some(special) => relative(&fields, special, style)?,
        None => (calendar::days(fields.year, fields.month, fields.day), fields.time),
    };
    let local = i128::from(day) * i128::from(calendar::DAY) + i128::from(time);
    let mut timestamp = local;
    if ty == Type::TIMESTAMPTZ {
        // The zone's offset does not change beyond what a timestamp can be.
        let near = local.clamp(i128::from(i64::MIN / 2), i128::from(i64::MAX)) as i64;
        let offset = match &fields.zone {
            None => i64::from(style.zone.at_local(near).seconds),
            Some(ZoneSpec::Offset(offset)) => *offset,
            Some(ZoneSpec::Zone(zone)) => i64::from(zone.at_local(near).seconds),
            Some(ZoneSpec::Abbreviation(zone, name)) => {
                i64::from(zone.abbreviation_at(near, name).unwrap_or_else(|| zone.at_local(near).seconds))
            }
        };
        timestamp -= i128::from(offset * SECOND);
    }
    in_range(timestamp).map(|timestamp| round_to(timestamp, typmod)).map_err(out_of_range)
}
