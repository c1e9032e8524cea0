//! Dates and times made of their fields, and zones by the names that `AT TIME ZONE` takes.

use super::arithmetic::{timestamp_to_timestamptz, timestamptz_to_timestamp};
use super::interval::{self, Interval};
use super::{DATE_END, DATE_MIN, INFINITY, NEGATIVE_INFINITY, in_range, is_finite};
use crate::calendar::{self, DAY, HOUR, MINUTE, SECOND, UNIX_2000};
use crate::text::float::write_significant;
use crate::zone::Zone;
use crate::zone::abbreviations::{self, Meaning};
use crate::{Error, Result, SqlState};

fn overflow(message: String) -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
}

/// `make_date(year, month, day)`; negative years are BC. Errors: 22008.
pub fn make_date(year: i64, month: i64, day: i64) -> Result<i64> {
    let refuse = || Err(overflow(format!("date field value out of range: {year}-{month:02}-{day:02}")));
    let counted = if year < 0 { year + 1 } else { year };
    let good = year != 0 && (1..=12).contains(&month);
    if !good || day < 1 || day > calendar::month_days(counted, month) {
        return refuse();
    }
    let date = calendar::days(counted, month, day);
    if !(DATE_MIN..DATE_END).contains(&date) {
        return Err(overflow(format!("date out of range: {counted}-{month:02}-{day:02}")));
    }
    Ok(date)
}

/// C's `%02g`.
fn two_digits(value: f64) -> String {
    let mut text = String::new();
    write_significant(value, 6, &mut text);
    format!("{text:0>2}")
}

fn clock(hour: i64, minute: i64, second: f64) -> Option<i64> {
    let microseconds = (second * 1e6).round_ties_even();
    let good =
        (0..=24).contains(&hour) && (0..60).contains(&minute) && (0.0..=60_000_000.0).contains(&microseconds);
    let time = hour.checked_mul(HOUR)? + minute.checked_mul(MINUTE)? + microseconds as i64;
    (good && time <= DAY).then_some(time)
}

/// `make_time(hour, minute, second)`. Errors: 22008.
pub fn make_time(hour: i64, minute: i64, second: f64) -> Result<i64> {
    clock(hour, minute, second).ok_or_else(|| {
        overflow(format!("time field value out of range: {hour}:{minute:02}:{}", two_digits(second)))
    })
}

/// `make_timestamp(year, month, day, hour, minute, second)`. Errors: 22008.
pub fn make_timestamp(date: (i64, i64, i64), hour: i64, minute: i64, second: f64) -> Result<i64> {
    let day = make_date(date.0, date.1, date.2)?;
    let time = make_time(hour, minute, second)?;
    in_range(i128::from(day) * i128::from(DAY) + i128::from(time)).map_err(|_| {
        let second = two_digits(second);
        let (year, month, day) = date;
        overflow(format!("timestamp out of range: {year}-{month:02}-{day:02} {hour}:{minute:02}:{second}"))
    })
}

/// `make_interval(years, months, weeks, days, hours, minutes, seconds)`. Errors: 22008.
pub fn make_interval(fields: [i64; 6], seconds: f64) -> Result<Interval> {
    let [years, months, weeks, days, hours, minutes] = fields;
    let seconds = (seconds * 1e6).round_ties_even();
    let time = hours.checked_mul(HOUR).and_then(|time| time.checked_add(minutes.checked_mul(MINUTE)?));
    let made = || {
        // As a number of 64 bits, without its ends.
        let seconds = (seconds.abs() < 9.2e18).then_some(seconds as i64)?;
        Some(Interval {
            months: i32::try_from(years.checked_mul(12)?.checked_add(months)?).ok()?,
            days: i32::try_from(weeks.checked_mul(7)?.checked_add(days)?).ok()?,
            microseconds: time?.checked_add(seconds)?,
        })
    };
    made().ok_or_else(interval::out_of_range)
}

/// `to_timestamp(double precision)`: seconds since 1970. Errors: 22008.
pub fn from_unix(seconds: f64) -> Result<i64> {
    if seconds.is_nan() {
        return Err(overflow("timestamp cannot be NaN".to_owned()));
    }
    if seconds.is_infinite() {
        return Ok(if seconds > 0.0 { INFINITY } else { NEGATIVE_INFINITY });
    }
    let refuse = || {
        let mut text = String::new();
        write_significant(seconds, 6, &mut text);
        overflow(format!("timestamp out of range: \"{text}\""))
    };
    // Julian days 0 and that of 294277-01-01, in seconds since 1970.
    if !(-210_866_803_200.0..9_224_318_016_000.0).contains(&seconds) {
        return Err(refuse());
    }
    let since_2000 = seconds - (UNIX_2000 * 86_400) as f64;
    in_range((since_2000 * 1e6).round_ties_even() as i128).map_err(|_| refuse())
}

/// A zone as `AT TIME ZONE` names it: an abbreviation first, then a name or a rule.
#[derive(Clone, Debug)]
pub enum Place {
    /// A zone.
    Zone(Zone),
    /// An abbreviation whose meaning in the zone changed.
    Abbreviation(Zone, String),
}

impl Place {
    /// The zone of a name. Errors: 22023.
    pub fn find(name: &str) -> Result<Self> {
        let lower = name.to_lowercase();
        Ok(match abbreviations::find(&lower) {
            Some(Meaning::Fixed(offset)) => Self::Zone(Zone::fixed(offset)),
            Some(Meaning::In(zone)) => Self::Abbreviation(Zone::find(zone)?, lower),
            None => Self::Zone(Zone::find(name)?),
        })
    }

    /// As [`Place::find`], of what `make_timestamptz` is given: an offset there counts to the east, as in a literal. Errors: 22023.
    pub fn written(name: &str) -> Result<Self> {
        if !name.starts_with(['+', '-']) {
            if name.starts_with(|c: char| c.is_ascii_digit()) {
                let hint = "Numeric time zones must have \"-\" or \"+\" as first character.";
                let message = format!("invalid input syntax for type numeric time zone: \"{name}\"");
                return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message).with_hint(hint));
            }
            return Self::find(name);
        }
        match super::decode::zone_offset(name) {
            Ok(offset) => Ok(Self::Zone(Zone::fixed(offset as i32))),
            Err(super::decode::Fault::ZoneOverflow) => {
                let message = format!("numeric time zone \"{name}\" out of range");
                Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message))
            }
            Err(_) => {
                let message = format!("time zone \"{name}\" not recognized");
                Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message))
            }
        }
    }

    /// The zone of an interval. Errors: 22023 where it has months or days.
    pub fn from_interval(interval: Interval) -> Result<Self> {
        if interval.months != 0 || interval.days != 0 {
            let message = format!("interval time zone \"{interval}\" must not include months or days");
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
        Ok(Self::Zone(Zone::fixed((interval.microseconds / SECOND) as i32)))
    }

    fn offset(&self, time: i64, local: bool) -> i32 {
        match self {
            Self::Zone(zone) if local => zone.at_local(time).seconds,
            Self::Zone(zone) => zone.at(time).seconds,
            Self::Abbreviation(zone, name) => {
                zone.abbreviation_at(time, name).unwrap_or_else(|| zone.at_local(time).seconds)
            }
        }
    }

    /// `timestamp AT TIME ZONE`: UTC of a local timestamp. Errors: 22008.
    pub fn to_utc(&self, timestamp: i64) -> Result<i64> {
        if !is_finite(timestamp) {
            return Ok(timestamp);
        }
        timestamp_to_timestamptz(timestamp, &Zone::fixed(self.offset(timestamp, true)))
    }

    /// `timestamptz AT TIME ZONE`: the local timestamp of UTC. Errors: 22008.
    pub fn to_local(&self, timestamp: i64) -> Result<i64> {
        if !is_finite(timestamp) {
            return Ok(timestamp);
        }
        timestamptz_to_timestamp(timestamp, &Zone::fixed(self.offset(timestamp, false)))
    }
}
