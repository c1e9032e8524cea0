//! Sums and differences of dates, times, timestamps and intervals.

use super::interval::{self, Interval};
use super::{
    DATE_END, DATE_INFINITY, DATE_MIN, DATE_NEGATIVE_INFINITY, INFINITY, NEGATIVE_INFINITY, TIMESTAMP_END,
    in_range, is_finite, is_finite_date,
};
use crate::calendar::{self, DAY, SECOND};
use crate::numeric::division_by_zero;
use crate::zone::Zone;
use crate::{Error, Result, SqlState};

fn overflow(message: &str) -> Error {
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
}

/// `date + integer`; with a negative number, `date - integer`. Errors: 22008.
pub fn date_add_days(date: i64, days: i64) -> Result<i64> {
    if !is_finite_date(date) {
        return Ok(date);
    }
    let sum = date + days;
    if (DATE_MIN..DATE_END).contains(&sum) { Ok(sum) } else { Err(overflow("date out of range")) }
}

/// `date - date`: days. Errors: 22008 for infinities.
pub fn date_subtract(a: i64, b: i64) -> Result<i64> {
    if !is_finite_date(a) || !is_finite_date(b) {
        return Err(overflow("cannot subtract infinite dates"));
    }
    Ok(a - b)
}

/// A date as a timestamp: its midnight. Errors: 22008.
pub fn date_to_timestamp(date: i64) -> Result<i64> {
    match date {
        DATE_INFINITY => Ok(INFINITY),
        DATE_NEGATIVE_INFINITY => Ok(NEGATIVE_INFINITY),
        _ if date >= TIMESTAMP_END / DAY => Err(overflow("date out of range for timestamp")),
        _ => Ok(date * DAY),
    }
}

/// A date as a timestamptz: its midnight in a zone. Errors: 22008.
pub fn date_to_timestamptz(date: i64, zone: &Zone) -> Result<i64> {
    let timestamp = date_to_timestamp(date)?;
    if !is_finite(timestamp) {
        return Ok(timestamp);
    }
    let utc = i128::from(timestamp) - i128::from(zone.at_local(timestamp).seconds) * i128::from(SECOND);
    in_range(utc).map_err(|_| overflow("date out of range for timestamp"))
}

/// The date of a timestamp.
pub fn timestamp_to_date(timestamp: i64) -> i64 {
    match timestamp {
        INFINITY => DATE_INFINITY,
        NEGATIVE_INFINITY => DATE_NEGATIVE_INFINITY,
        _ => timestamp.div_euclid(DAY),
    }
}

/// The time of a timestamp; `None` for infinities.
pub fn timestamp_to_time(timestamp: i64) -> Option<i64> {
    is_finite(timestamp).then(|| timestamp.rem_euclid(DAY))
}

/// A local timestamp in UTC: `timestamp AT TIME ZONE`, and the cast to timestamptz. Errors: 22008.
pub fn timestamp_to_timestamptz(timestamp: i64, zone: &Zone) -> Result<i64> {
    if !is_finite(timestamp) {
        return Ok(timestamp);
    }
    in_range(i128::from(timestamp) - i128::from(zone.at_local(timestamp).seconds) * i128::from(SECOND))
}

/// UTC as a local timestamp: `timestamptz AT TIME ZONE`, and the cast to timestamp. Errors: 22008.
pub fn timestamptz_to_timestamp(timestamp: i64, zone: &Zone) -> Result<i64> {
    if !is_finite(timestamp) {
        return Ok(timestamp);
    }
    in_range(i128::from(timestamp) + i128::from(zone.at(timestamp).seconds) * i128::from(SECOND))
}

/// `date + time`. Errors: 22008.
pub fn date_add_time(date: i64, time: i64) -> Result<i64> {
    let timestamp = date_to_timestamp(date)?;
    if is_finite(timestamp) { in_range(i128::from(timestamp) + i128::from(time)) } else { Ok(timestamp) }
}

/// Months and days of an interval added to a local timestamp; a day that its month does not have becomes the last one.
fn add_calendar(local: i64, interval: Interval) -> Result<i64> {
    let mut local = i128::from(local);
    if interval.months != 0 {
        let day = i128::from(DAY);
        let (date, time) = (local.div_euclid(day), local.rem_euclid(day));
        let (year, month, day_of_month) = calendar::civil(date as i64);
        let months = year * 12 + month - 1 + i64::from(interval.months);
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        let day_of_month = day_of_month.min(calendar::month_days(year, month));
        local = i128::from(calendar::days(year, month, day_of_month)) * day + time;
        in_range(local)?;
    }
    in_range(local + i128::from(interval.days) * i128::from(DAY))
}

/// `timestamp + interval`. Errors: 22008.
pub fn timestamp_add(timestamp: i64, interval: Interval) -> Result<i64> {
    if !is_finite(timestamp) {
        return Ok(timestamp);
    }
    in_range(i128::from(add_calendar(timestamp, interval)?) + i128::from(interval.microseconds))
}

/// `timestamptz + interval`: months and days by the calendar of a zone. Errors: 22008.
pub fn timestamptz_add(timestamp: i64, interval: Interval, zone: &Zone) -> Result<i64> {
    if !is_finite(timestamp) {
        return Ok(timestamp);
    }
    let mut moved = timestamp;
    for part in [Interval { days: 0, ..interval }, Interval { months: 0, ..interval }] {
        if part.months != 0 || part.days != 0 {
            let local = timestamptz_to_timestamp(moved, zone)?;
            moved = timestamp_to_timestamptz(add_calendar(local, part)?, zone)?;
        }
    }
    in_range(i128::from(moved) + i128::from(interval.microseconds))
}

/// `timestamp - interval`. Errors: 22008.
pub fn timestamp_subtract(timestamp: i64, interval: Interval) -> Result<i64> {
    timestamp_add(timestamp, interval_negate(interval)?)
}

/// `timestamptz - interval`. Errors: 22008.
pub fn timestamptz_subtract(timestamp: i64, interval: Interval, zone: &Zone) -> Result<i64> {
    timestamptz_add(timestamp, interval_negate(interval)?, zone)
}

/// `timestamp - timestamp`, and of timestamptz: days and the rest. What is further apart than 64 bits of microseconds wraps around, as in PostgreSQL 15. Errors: 22008 for
/// infinities.
pub fn timestamp_difference(a: i64, b: i64) -> Result<Interval> {
    if !is_finite(a) || !is_finite(b) {
        return Err(overflow("cannot subtract infinite timestamps"));
    }
    justify_hours(Interval { months: 0, days: 0, microseconds: a.wrapping_sub(b) })
}

/// `time + interval`, round the clock.
pub fn time_add(time: i64, interval: Interval) -> i64 {
    (time + interval.microseconds % DAY).rem_euclid(DAY)
}

/// `time - interval`, round the clock.
pub fn time_subtract(time: i64, interval: Interval) -> i64 {
    (time - interval.microseconds % DAY).rem_euclid(DAY)
}

/// `time - time`.
pub const fn time_difference(a: i64, b: i64) -> Interval {
    Interval { months: 0, days: 0, microseconds: a - b }
}

/// The time that an interval leaves on the clock.
pub const fn interval_to_time(interval: Interval) -> i64 {
    interval.microseconds.rem_euclid(DAY)
}

/// `interval + interval`. Errors: 22008.
pub fn interval_add(a: Interval, b: Interval) -> Result<Interval> {
    let sum = || {
        Some(Interval {
            months: a.months.checked_add(b.months)?,
            days: a.days.checked_add(b.days)?,
            microseconds: a.microseconds.checked_add(b.microseconds)?,
        })
    };
    sum().ok_or_else(interval::out_of_range)
}

/// `interval - interval`. Errors: 22008.
pub fn interval_subtract(a: Interval, b: Interval) -> Result<Interval> {
    let difference = || {
        Some(Interval {
            months: a.months.checked_sub(b.months)?,
            days: a.days.checked_sub(b.days)?,
            microseconds: a.microseconds.checked_sub(b.microseconds)?,
        })
    };
    difference().ok_or_else(interval::out_of_range)
}

/// `- interval`. Errors: 22008.
pub fn interval_negate(a: Interval) -> Result<Interval> {
    interval_subtract(Interval::default(), a)
}

/// Rounded to microseconds of a second.
fn to_microseconds(seconds: f64) -> f64 {
    (seconds * 1e6).round_ties_even() / 1e6
}

/// What is left of months becomes days, and of days time, as PostgreSQL spreads it.
fn scaled(a: Interval, scale: impl Fn(f64) -> f64) -> Result<Interval> {
    let whole = |value: f64| {
        let fits = value >= f64::from(i32::MIN) && value <= f64::from(i32::MAX);
        if fits { Ok(value as i32) } else { Err(interval::out_of_range()) }
    };
    let (months_exact, days_exact) = (scale(f64::from(a.months)), scale(f64::from(a.days)));
    let (months, mut days) = (whole(months_exact)?, whole(days_exact)?);
    let month_days = to_microseconds((months_exact - f64::from(months)) * 30.0);
    let mut seconds =
        to_microseconds((days_exact - f64::from(days) + month_days - month_days.trunc()) * 86_400.0);
    if seconds.abs() >= 86_400.0 {
        let more = (seconds / 86_400.0) as i32;
        days = days.checked_add(more).ok_or_else(interval::out_of_range)?;
        seconds -= f64::from(more) * 86_400.0;
    }
    let days = days.checked_add(month_days as i32).ok_or_else(interval::out_of_range)?;
    let time = (scale(a.microseconds as f64) + seconds * 1e6).round_ties_even();
    let limit = 9_223_372_036_854_775_808.0;
    if !(time >= -limit && time < limit) {
        return Err(interval::out_of_range());
    }
    Ok(Interval { months, days, microseconds: time as i64 })
}

/// `interval * double precision`. Errors: 22008.
pub fn interval_multiply(a: Interval, factor: f64) -> Result<Interval> {
    scaled(a, |value| value * factor)
}

/// `interval / double precision`. Errors: 22012, 22008.
pub fn interval_divide(a: Interval, divisor: f64) -> Result<Interval> {
    if divisor == 0.0 {
        return Err(division_by_zero());
    }
    scaled(a, |value| value / divisor)
}

/// Moves whole units up, so that what is left is below `unit` and has the sign of the larger.
fn carry(high: i32, low: i64, unit: i64) -> Option<(i32, i64)> {
    let more = low / unit;
    let (mut high, mut low) = (i64::from(high) + more, low - more * unit);
    if high > 0 && low < 0 {
        (high, low) = (high - 1, low + unit);
    } else if high < 0 && low > 0 {
        (high, low) = (high + 1, low - unit);
    }
    Some((i32::try_from(high).ok()?, low))
}

/// `justify_hours`: 24 hours are a day. Errors: 22008.
pub fn justify_hours(a: Interval) -> Result<Interval> {
    let (days, microseconds) = carry(a.days, a.microseconds, DAY).ok_or_else(interval::out_of_range)?;
    Ok(Interval { days, microseconds, ..a })
}

/// `justify_days`: 30 days are a month. Errors: 22008.
pub fn justify_days(a: Interval) -> Result<Interval> {
    let (months, days) = carry(a.months, i64::from(a.days), 30).ok_or_else(interval::out_of_range)?;
    Ok(Interval { months, days: days as i32, ..a })
}

/// `justify_interval`: both, and one sign for all. Errors: 22008.
pub fn justify_interval(a: Interval) -> Result<Interval> {
    let same = (a.days > 0 && a.microseconds > 0) || (a.days < 0 && a.microseconds < 0);
    let mut days = i64::from(a.days);
    let mut months = i64::from(a.months);
    if same {
        (months, days) = (months + days / 30, days % 30);
    }
    days += a.microseconds / DAY;
    let mut microseconds = a.microseconds % DAY;
    (months, days) = (months + days / 30, days % 30);
    if months > 0 && (days < 0 || (days == 0 && microseconds < 0)) {
        (months, days) = (months - 1, days + 30);
    } else if months < 0 && (days > 0 || (days == 0 && microseconds > 0)) {
        (months, days) = (months + 1, days - 30);
    }
    if days > 0 && microseconds < 0 {
        (days, microseconds) = (days - 1, microseconds + DAY);
    } else if days < 0 && microseconds > 0 {
        (days, microseconds) = (days + 1, microseconds - DAY);
    }
    let months = i32::try_from(months).map_err(|_| interval::out_of_range())?;
    Ok(Interval { months, days: days as i32, microseconds })
}

/// `age(a, b)` of local timestamps: years, months, days and time between them. Errors: 22008 for infinities.
pub fn age(a: i64, b: i64) -> Result<Interval> {
    // Infinity counts as the last microsecond there is, as in PostgreSQL 15; before the first one there are no dates.
    if a == super::NEGATIVE_INFINITY || b == super::NEGATIVE_INFINITY {
        return Err(super::timestamp_out_of_range());
    }
    let (later, earlier) = (a.max(b), a.min(b));
    let parts = |timestamp: i64| {
        let (year, month, day) = calendar::civil(timestamp.div_euclid(DAY));
        (year, month, day, timestamp.rem_euclid(DAY))
    };
    let (to, from) = (parts(later), parts(earlier));
    let mut months = (to.0 - from.0) * 12 + to.1 - from.1;
    let (mut days, mut time) = (to.2 - from.2, to.3 - from.3);
    if time < 0 {
        (days, time) = (days - 1, time + DAY);
    }
    // The month that is broken into days is that of the second argument, or of the first if it is the earlier.
    while days < 0 {
        days += calendar::month_days(from.0, from.1);
        months -= 1;
    }
    let age = Interval { months: months as i32, days: days as i32, microseconds: time };
    if a < b { interval_negate(age) } else { Ok(age) }
}

/// `(start1, end1) OVERLAPS (start2, end2)` of what is ordered as integers; `None` is NULL.
pub fn overlaps(first: (Option<i64>, Option<i64>), second: (Option<i64>, Option<i64>)) -> Option<bool> {
    let ordered = |(start, end): (Option<i64>, Option<i64>)| match (start, end) {
        (Some(start), Some(end)) => Some((start.min(end), Some(start.max(end)))),
        (start, end) => start.or(end).map(|start| (start, None)),
    };
    let (first, second) = (ordered(first)?, ordered(second)?);
    if first.0 == second.0 {
        return first.1.and(second.1).map(|_| true);
    }
    let (early, late) = if first.0 < second.0 { (first, second) } else { (second, first) };
    if late.0 < early.1? {
        return Some(true);
    }
    late.1.map(|_| false)
}
