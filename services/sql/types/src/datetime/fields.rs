//! Fields of dates and times: `extract`, `date_part`, `date_trunc`, `date_bin`.

use super::arithmetic::{timestamp_to_timestamptz, timestamptz_to_timestamp};
use super::interval::Interval;
use super::words::Unit;
use super::{DATE_INFINITY, INFINITY, in_range, is_finite, is_finite_date};
use crate::calendar::{self, DAY, HOUR, JULIAN_2000, MINUTE, SECOND, UNIX_2000};
use crate::numeric::operators::unscaled;
use crate::numeric::{Decimal, Numeric};
use crate::zone::Zone;
use crate::{Error, Result, SqlState, Type};

/// A value whose fields are asked for.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// A date.
    Date(i64),
    /// A time.
    Time(i64),
    /// A timestamp without a zone.
    Timestamp(i64),
    /// A timestamp, and the zone whose clock is asked.
    Timestamptz(i64, &'a Zone),
    /// An interval.
    Interval(Interval),
}

impl Source<'_> {
    const fn ty(self) -> Type {
        match self {
            Self::Date(_) => Type::DATE,
            Self::Time(_) => Type::TIME,
            Self::Timestamp(_) => Type::TIMESTAMP,
            Self::Timestamptz(..) => Type::TIMESTAMPTZ,
            Self::Interval(_) => Type::INTERVAL,
        }
    }
}

fn not_recognized(name: &str, ty: Type) -> Error {
    let of = ty.info().map_or("", |info| info.sql_name);
    let message = format!("unit \"{}\" not recognized for type {of}", name.to_lowercase());
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

fn not_supported(name: &str, ty: Type) -> Error {
    let of = ty.info().map_or("", |info| info.sql_name);
    Error::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!("unit \"{}\" not supported for type {of}", name.to_lowercase()),
    )
}

/// A field's value: an integer divided by a power of ten, or a text.
enum Field {
    Number(i64, u32),
    Text(String),
    Null,
}

/// `extract(field FROM source)`, as numeric; `None` is NULL, for fields that infinities do not have. Errors: 22023, 0A000.
pub fn extract(field: &str, source: Source<'_>) -> Result<Option<String>> {
    let ty = source.ty();
    let unit = Unit::named(field).ok_or_else(|| not_recognized(field, ty))?;
    let found = match source {
        Source::Date(date) if !is_finite_date(date) => {
            of_date(unit, 0).map(|_| infinite(unit, date == DATE_INFINITY))
        }
        Source::Timestamp(timestamp) | Source::Timestamptz(timestamp, _) if !is_finite(timestamp) => {
            Some(infinite(unit, timestamp == INFINITY))
        }
        Source::Date(date) => of_date(unit, date),
        Source::Time(time) => of_clock(unit, time).or_else(|| epoch(unit, i128::from(time))),
        Source::Timestamp(timestamp) => of_timestamp(unit, timestamp)
            .or_else(|| epoch(unit, i128::from(timestamp) + i128::from(UNIX_2000 * DAY))),
        Source::Timestamptz(timestamp, zone) => {
            let offset = i64::from(zone.at(timestamp).seconds);
            let local = timestamptz_to_timestamp(timestamp, zone)?;
            let zoned = match unit {
                Unit::Timezone => Some(Field::Number(offset, 0)),
                Unit::TimezoneHour => Some(Field::Number(offset / 3_600, 0)),
                Unit::TimezoneMinute => Some(Field::Number(offset / 60 % 60, 0)),
                _ => of_timestamp(unit, local),
            };
            zoned.or_else(|| epoch(unit, i128::from(timestamp) + i128::from(UNIX_2000 * DAY)))
        }
        Source::Interval(interval) => of_interval(unit, interval),
    };
    match found.ok_or_else(|| not_supported(field, ty))? {
        Field::Number(value, scale) => Ok(Some(unscaled(i128::from(value), scale))),
        Field::Text(text) => Ok(Some(text)),
        Field::Null => Ok(None),
    }
}

/// `date_part(field, source)`, as double precision. Errors: as [`extract`].
pub fn date_part(field: &str, source: Source<'_>) -> Result<Option<f64>> {
    if Unit::named(field) == Some(Unit::Epoch) {
        let whole = match source {
            Source::Timestamp(time) | Source::Timestamptz(time, _) if is_finite(time) => {
                time.checked_add(UNIX_2000 * DAY).map(|time| time as f64 / 1e6)
            }
            Source::Interval(interval) => {
                let (years, months) = (f64::from(interval.months / 12), f64::from(interval.months % 12));
                let mut seconds = interval.microseconds as f64 / 1e6;
                seconds += 31_557_600.0 * years;
                seconds += 2_592_000.0 * months;
                Some(seconds + 86_400.0 * f64::from(interval.days))
            }
            _ => None,
        };
        if whole.is_some() {
            return Ok(whole);
        }
    }
    extract(field, source)?.map(|text| Numeric::parse(&text)?.to_f64()).transpose()
}

fn infinite(unit: Unit, positive: bool) -> Field {
    match unit {
        Unit::Year
        | Unit::Decade
        | Unit::Century
        | Unit::Millennium
        | Unit::Julian
        | Unit::IsoYear
        | Unit::Epoch => Field::Text(if positive { "Infinity" } else { "-Infinity" }.to_owned()),
        _ => Field::Null,
    }
}

fn epoch(unit: Unit, microseconds: i128) -> Option<Field> {
    // PostgreSQL divides what is more than a bigint as numeric, whose quotient of so many digits has three after the point.
    let exact = i64::try_from(microseconds).is_ok();
    let shown = if exact { microseconds } else { (microseconds + 500) / 1_000 * 1_000 };
    (unit == Unit::Epoch).then(|| Field::Text(unscaled(shown, 6)))
}

fn of_date(unit: Unit, date: i64) -> Option<Field> {
    if unit == Unit::Epoch {
        return Some(Field::Number((date + UNIX_2000) * 86_400, 0));
    }
    let (year, month, day) = calendar::civil(date);
    let number = match unit {
        Unit::Day => day,
        Unit::Month => month,
        Unit::Quarter => (month - 1) / 3 + 1,
        Unit::Week => calendar::iso_week(date).1,
        Unit::Year => year - i64::from(year <= 0),
        Unit::Decade => year.div_euclid(10),
        Unit::Century if year > 0 => (year + 99) / 100,
        Unit::Century => -((100 - year) / 100),
        Unit::Millennium if year > 0 => (year + 999) / 1_000,
        Unit::Millennium => -((1_000 - year) / 1_000),
        Unit::Julian => date + JULIAN_2000,
        Unit::IsoYear => {
            let year = calendar::iso_week(date).0;
            year - i64::from(year <= 0)
        }
        Unit::Dow => calendar::weekday(date),
        Unit::IsoDow => (calendar::weekday(date) + 6) % 7 + 1,
        Unit::Doy => date - calendar::days(year, 1, 1) + 1,
        _ => return None,
    };
    Some(Field::Number(number, 0))
}

fn of_clock(unit: Unit, time: i64) -> Option<Field> {
    Some(match unit {
        Unit::Microsecond => Field::Number(time % MINUTE, 0),
        Unit::Millisecond => Field::Number(time % MINUTE, 3),
        Unit::Second => Field::Number(time % MINUTE, 6),
        Unit::Minute => Field::Number(time / MINUTE % 60, 0),
        Unit::Hour => Field::Number(time / HOUR, 0),
        _ => return None,
    })
}

fn of_timestamp(unit: Unit, local: i64) -> Option<Field> {
    let (date, time) = (local.div_euclid(DAY), local.rem_euclid(DAY));
    match unit {
        Unit::Epoch => None,
        Unit::Julian => {
            let part = Decimal::from(time).quotient(&Decimal::from(DAY));
            Some(Field::Text(Decimal::from(date + JULIAN_2000).plus(&part).to_string()))
        }
        _ => of_clock(unit, time).or_else(|| of_date(unit, date)),
    }
}

fn of_interval(unit: Unit, interval: Interval) -> Option<Field> {
    let (years, months) = (i64::from(interval.months / 12), i64::from(interval.months % 12));
    let number = match unit {
        Unit::Epoch => {
            let days = i128::from(years) * 1_461 + i128::from(months * 30 + i64::from(interval.days)) * 4;
            let microseconds = days * i128::from(DAY / 4) + i128::from(interval.microseconds);
            return Some(Field::Text(unscaled(microseconds, 6)));
        }
        Unit::Day => i64::from(interval.days),
        Unit::Month => months,
        Unit::Quarter => months / 3 + 1,
        Unit::Year => years,
        Unit::Decade => years / 10,
        Unit::Century => years / 100,
        Unit::Millennium => years / 1_000,
        _ => return of_clock(unit, interval.microseconds),
    };
    Some(Field::Number(number, 0))
}

/// The start of a year's group of years, such as a century.
fn year_start(unit: Unit, year: i64) -> i64 {
    match unit {
        Unit::Millennium if year > 0 => (year + 999) / 1_000 * 1_000 - 999,
        Unit::Millennium => -((999 - (year - 1)) / 1_000) * 1_000 + 1,
        Unit::Century if year > 0 => (year + 99) / 100 * 100 - 99,
        Unit::Century => -((99 - (year - 1)) / 100) * 100 + 1,
        Unit::Decade if year > 0 => year / 10 * 10,
        Unit::Decade => -((8 - (year - 1)) / 10) * 10,
        _ => year,
    }
}

/// The start of the unit that a local timestamp is in.
fn truncated(unit: Unit, local: i64) -> Option<i64> {
    let date = local.div_euclid(DAY);
    let whole = |unit: i64| Some(local - local.rem_euclid(unit));
    let (year, month, _) = calendar::civil(date);
    let days = match unit {
        Unit::Microsecond => return Some(local),
        Unit::Millisecond => return whole(1_000),
        Unit::Second => return whole(SECOND),
        Unit::Minute => return whole(MINUTE),
        Unit::Hour => return whole(HOUR),
        Unit::Day => date,
        Unit::Week => date - (calendar::weekday(date) + 6) % 7,
        Unit::Month => calendar::days(year, month, 1),
        Unit::Quarter => calendar::days(year, (month - 1) / 3 * 3 + 1, 1),
        Unit::Year | Unit::Decade | Unit::Century | Unit::Millennium => {
            calendar::days(year_start(unit, year), 1, 1)
        }
        _ => return None,
    };
    days.checked_mul(DAY)
}

/// `date_trunc(field, timestamp)`. Errors: 22023, 0A000, 22008.
pub fn truncate_timestamp(field: &str, timestamp: i64) -> Result<i64> {
    if !is_finite(timestamp) {
        return Ok(timestamp);
    }
    let unit = Unit::of_length(field).ok_or_else(|| not_recognized(field, Type::TIMESTAMP))?;
    let start = truncated(unit, timestamp).ok_or_else(|| not_supported(field, Type::TIMESTAMP))?;
    in_range(i128::from(start))
}

/// `date_trunc(field, timestamptz)` by the clock of a zone. Errors: 22023, 0A000, 22008.
pub fn truncate_timestamptz(field: &str, timestamp: i64, zone: &Zone) -> Result<i64> {
    if !is_finite(timestamp) {
        return Ok(timestamp);
    }
    let unit = Unit::of_length(field).ok_or_else(|| not_recognized(field, Type::TIMESTAMPTZ))?;
    let local = timestamptz_to_timestamp(timestamp, zone)?;
    let start = truncated(unit, local).ok_or_else(|| not_supported(field, Type::TIMESTAMPTZ))?;
    let start = in_range(i128::from(start))?;
    // Within a day the offset stays; midnight may have another one.
    let within =
        matches!(unit, Unit::Microsecond | Unit::Millisecond | Unit::Second | Unit::Minute | Unit::Hour);
    if within { Ok(timestamp - (local - start)) } else { timestamp_to_timestamptz(start, zone) }
}

/// `date_trunc(field, interval)`. Errors: 22023, 0A000.
pub fn truncate_interval(field: &str, interval: Interval) -> Result<Interval> {
    let unit = Unit::of_length(field).ok_or_else(|| not_recognized(field, Type::INTERVAL))?;
    let months = |count: i32| Interval { months: interval.months / count * count, ..Interval::default() };
    let time = |unit: i64| {
        let microseconds = interval.microseconds / unit * unit;
        Interval { microseconds, ..interval }
    };
    Ok(match unit {
        Unit::Microsecond => interval,
        Unit::Millisecond => time(1_000),
        Unit::Second => time(SECOND),
        Unit::Minute => time(MINUTE),
        Unit::Hour => time(HOUR),
        Unit::Day => Interval { microseconds: 0, ..interval },
        Unit::Month => months(1),
        Unit::Quarter => months(3),
        Unit::Year => months(12),
        Unit::Decade => months(120),
        Unit::Century => months(1_200),
        Unit::Millennium => months(12_000),
        Unit::Week => {
            let error = not_supported(field, Type::INTERVAL);
            return Err(error.with_detail("Months usually have fractional weeks."));
        }
        _ => return Err(not_supported(field, Type::INTERVAL)),
    })
}

/// `date_bin(stride, source, origin)`, of timestamps with and without a zone. Errors: 0A000, 22008.
pub fn bin(stride: Interval, source: i64, origin: i64) -> Result<i64> {
    let refuse = |message: &str| Err(Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message));
    if !is_finite(source) {
        return Ok(source);
    }
    if !is_finite(origin) {
        return refuse("origin out of range");
    }
    if stride.months != 0 {
        let message = "timestamps cannot be binned into intervals containing months or years";
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    let Some(length) = i64::try_from(stride.length()).ok() else {
        return Err(super::interval::out_of_range());
    };
    if length <= 0 {
        return refuse("stride must be greater than zero");
    }
    let distance = source.checked_sub(origin).ok_or_else(super::interval::out_of_range)?;
    in_range(i128::from(source) - i128::from(distance.rem_euclid(length)))
}
