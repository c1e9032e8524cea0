//! Dates, times and intervals: arithmetic, parts, making, casts. What depends on the session's time zone asks the context.

use bole_sql_types::datetime::arithmetic as compute;
use bole_sql_types::datetime::fields::{self, Source};
use bole_sql_types::datetime::interval::Interval;
use bole_sql_types::datetime::make::{self, Place};
use bole_sql_types::datetime::{is_finite, is_finite_date};
use bole_sql_types::{Error, Result, Value};

use crate::call::{Arguments, boolean, integer, real, text, text_or_null};
use crate::context::Context;
use crate::scalar::{Scalar, contextual, lenient, strict};

/// Arithmetic and casts.
pub(crate) const ARITHMETIC: &[Scalar] = &[
    strict(c"pg_add_date_int4", 2, |of| integer(compute::date_add_days(of.integer(0)?, of.integer(1)?)?)),
    strict(c"pg_subtract_date_int4", 2, |of| {
        integer(compute::date_add_days(of.integer(0)?, -of.integer(1)?)?)
    }),
    strict(c"pg_subtract_date", 2, |of| integer(compute::date_subtract(of.integer(0)?, of.integer(1)?)?)),
    strict(c"pg_add_date_interval", 2, |of| {
        integer(compute::timestamp_add(compute::date_to_timestamp(of.integer(0)?)?, interval(of, 1)?)?)
    }),
    strict(c"pg_subtract_date_interval", 2, |of| {
        integer(compute::timestamp_subtract(compute::date_to_timestamp(of.integer(0)?)?, interval(of, 1)?)?)
    }),
    strict(c"pg_add_date_time", 2, |of| integer(compute::date_add_time(of.integer(0)?, of.integer(1)?)?)),
    strict(c"pg_add_time_interval", 2, |of| integer(compute::time_add(of.integer(0)?, interval(of, 1)?))),
    strict(c"pg_subtract_time_interval", 2, |of| {
        integer(compute::time_subtract(of.integer(0)?, interval(of, 1)?))
    }),
    strict(c"pg_subtract_time", 2, |of| stored(compute::time_difference(of.integer(0)?, of.integer(1)?))),
    strict(c"pg_add_timestamp_interval", 2, |of| {
        integer(compute::timestamp_add(of.integer(0)?, interval(of, 1)?)?)
    }),
    strict(c"pg_subtract_timestamp_interval", 2, |of| {
        integer(compute::timestamp_subtract(of.integer(0)?, interval(of, 1)?)?)
    }),
    strict(c"pg_subtract_timestamp", 2, |of| {
        stored(compute::timestamp_difference(of.integer(0)?, of.integer(1)?)?)
    }),
    contextual(c"pg_add_timestamptz_interval", 2, |of, context| {
        integer(compute::timestamptz_add(of.integer(0)?, interval(of, 1)?, &context.style()?.zone)?)
    }),
    contextual(c"pg_subtract_timestamptz_interval", 2, |of, context| {
        integer(compute::timestamptz_subtract(of.integer(0)?, interval(of, 1)?, &context.style()?.zone)?)
    }),
    strict(c"pg_add_interval", 2, |of| stored(compute::interval_add(interval(of, 0)?, interval(of, 1)?)?)),
    strict(c"pg_subtract_interval", 2, |of| {
        stored(compute::interval_subtract(interval(of, 0)?, interval(of, 1)?)?)
    }),
    strict(c"pg_negate_interval", 1, |of| stored(compute::interval_negate(interval(of, 0)?)?)),
    strict(c"pg_multiply_interval", 2, |of| {
        stored(compute::interval_multiply(interval(of, 0)?, of.real(1)?)?)
    }),
    strict(c"pg_divide_interval", 2, |of| stored(compute::interval_divide(interval(of, 0)?, of.real(1)?)?)),
    strict(c"pg_timestamp_date", 1, |of| integer(compute::date_to_timestamp(of.integer(0)?)?)),
    contextual(c"pg_timestamptz_date", 1, |of, context| {
        integer(compute::date_to_timestamptz(of.integer(0)?, &context.style()?.zone)?)
    }),
    strict(c"pg_date_timestamp", 1, |of| integer(compute::timestamp_to_date(of.integer(0)?))),
    contextual(c"pg_date_timestamptz", 1, |of, context| {
        integer(compute::timestamp_to_date(local(of, 0, context)?))
    }),
    strict(c"pg_time_timestamp", 1, |of| Ok(number(compute::timestamp_to_time(of.integer(0)?)))),
    contextual(c"pg_time_timestamptz", 1, |of, context| {
        Ok(number(compute::timestamp_to_time(local(of, 0, context)?)))
    }),
    contextual(c"pg_timestamptz_timestamp", 1, |of, context| {
        integer(compute::timestamp_to_timestamptz(of.integer(0)?, &context.style()?.zone)?)
    }),
    contextual(c"pg_timestamp_timestamptz", 1, |of, context| integer(local(of, 0, context)?)),
    strict(c"pg_time_interval", 1, |of| integer(compute::interval_to_time(interval(of, 0)?))),
    strict(c"pg_interval_time", 1, |of| {
        stored(Interval { microseconds: of.integer(0)?, ..Interval::default() })
    }),
];

/// Parts, and what is made of parts.
pub(crate) const PARTS: &[Scalar] = &[
    strict(c"pg_extract_date", 2, |of| extract(of, Source::Date(of.integer(1)?))),
    strict(c"pg_extract_time", 2, |of| extract(of, Source::Time(of.integer(1)?))),
    strict(c"pg_extract_timestamp", 2, |of| extract(of, Source::Timestamp(of.integer(1)?))),
    strict(c"pg_extract_interval", 2, |of| extract(of, Source::Interval(interval(of, 1)?))),
    contextual(c"pg_extract_timestamptz", 2, |of, context| {
        extract(of, Source::Timestamptz(of.integer(1)?, &context.style()?.zone))
    }),
    // A date's parts are those of its midnight, so `hour` is one of them.
    strict(c"pg_date_part_date", 2, |of| {
        date_part(of, Source::Timestamp(compute::date_to_timestamp(of.integer(1)?)?))
    }),
    strict(c"pg_date_part_time", 2, |of| date_part(of, Source::Time(of.integer(1)?))),
    strict(c"pg_date_part_timestamp", 2, |of| date_part(of, Source::Timestamp(of.integer(1)?))),
    strict(c"pg_date_part_interval", 2, |of| date_part(of, Source::Interval(interval(of, 1)?))),
    contextual(c"pg_date_part_timestamptz", 2, |of, context| {
        date_part(of, Source::Timestamptz(of.integer(1)?, &context.style()?.zone))
    }),
    strict(c"pg_date_trunc_timestamp", 2, |of| {
        integer(fields::truncate_timestamp(of.text(0)?, of.integer(1)?)?)
    }),
    strict(c"pg_date_trunc_interval", 2, |of| {
        stored(fields::truncate_interval(of.text(0)?, interval(of, 1)?)?)
    }),
    contextual(c"pg_date_trunc_timestamptz", 2, truncate_timestamptz).optional(1),
    strict(c"pg_date_bin_timestamp", 3, bin),
    strict(c"pg_date_bin_timestamptz", 3, bin),
    strict(c"pg_isfinite_date", 1, |of| boolean(is_finite_date(of.integer(0)?))),
    strict(c"pg_isfinite_timestamp", 1, |of| boolean(is_finite(of.integer(0)?))),
    strict(c"pg_isfinite_timestamptz", 1, |of| boolean(is_finite(of.integer(0)?))),
    strict(c"pg_isfinite_interval", 1, |_| boolean(true)),
    strict(c"pg_justify_days", 1, |of| stored(compute::justify_days(interval(of, 0)?)?)),
    strict(c"pg_justify_hours", 1, |of| stored(compute::justify_hours(interval(of, 0)?)?)),
    strict(c"pg_justify_interval", 1, |of| stored(compute::justify_interval(interval(of, 0)?)?)),
    contextual(c"pg_age_timestamp", 1, |of, context| {
        let (from, to) = if of.len() > 1 { (of.integer(0)?, 1) } else { (today(context)?, 0) };
        stored(compute::age(from, of.integer(to)?)?)
    })
    .optional(1),
    contextual(c"pg_age_timestamptz", 1, |of, context| {
        let (from, to) = if of.len() > 1 { (dated(of, 0, context)?, 1) } else { (today(context)?, 0) };
        stored(compute::age(from, dated(of, to, context)?)?)
    })
    .optional(1),
    strict(c"pg_make_date", 3, |of| {
        integer(make::make_date(of.integer(0)?, of.integer(1)?, of.integer(2)?)?)
    }),
    strict(c"pg_make_time", 3, |of| integer(make::make_time(of.integer(0)?, of.integer(1)?, of.real(2)?)?)),
    strict(c"pg_make_timestamp", 6, |of| integer(made(of)?)),
    contextual(c"pg_make_timestamptz", 6, |of, context| {
        let local = made(of)?;
        if of.len() > 6 {
            return integer(Place::written(of.text(6)?)?.to_utc(local)?);
        }
        integer(compute::timestamp_to_timestamptz(local, &context.style()?.zone)?)
    })
    .optional(1),
    strict(c"pg_make_interval", 0, make_interval).optional(7),
    strict(c"pg_to_timestamp", 1, |of| integer(make::from_unix(of.real(0)?)?)),
    strict(c"pg_timezone_text_timestamp", 2, |of| integer(Place::find(of.text(0)?)?.to_utc(of.integer(1)?)?)),
    strict(c"pg_timezone_text_timestamptz", 2, |of| {
        integer(Place::find(of.text(0)?)?.to_local(of.integer(1)?)?)
    }),
    strict(c"pg_timezone_interval_timestamp", 2, |of| {
        integer(Place::from_interval(interval(of, 0)?)?.to_utc(of.integer(1)?)?)
    }),
    strict(c"pg_timezone_interval_timestamptz", 2, |of| {
        integer(Place::from_interval(interval(of, 0)?)?.to_local(of.integer(1)?)?)
    }),
    lenient(c"pg_overlaps", 4, |of| {
        let bound = |at| if of.is_null(at) { Ok(None) } else { of.integer(at).map(Some) };
        let found = compute::overlaps((bound(0)?, bound(1)?), (bound(2)?, bound(3)?));
        Ok(found.map_or(Value::Null, |is| Value::Integer(is.into())))
    }),
];

fn number(value: Option<i64>) -> Value {
    value.map_or(Value::Null, Value::Integer)
}

/// An argument that is an interval.
pub(crate) fn interval(of: &Arguments<'_, '_>, at: usize) -> Result<Interval> {
    Interval::from_storage(of.text(at)?)
}

/// Answers an interval.
pub(crate) fn stored(interval: Interval) -> Result<Value> {
    text(interval.to_storage())
}

/// A timestamptz by the session's clock.
fn local(of: &Arguments<'_, '_>, at: usize, context: &Context) -> Result<i64> {
    compute::timestamptz_to_timestamp(of.integer(at)?, &context.style()?.zone)
}

/// As [`local`], of what `age` counts from: infinity has a date there, which the time zone moves.
fn dated(of: &Arguments<'_, '_>, at: usize, context: &Context) -> Result<i64> {
    let moved = of.integer(at)? == i64::MAX && context.style()?.zone.at(i64::MAX).seconds != 0;
    if moved {
        Err(Error::unsupported("the age of infinity in this time zone"))
    } else {
        local(of, at, context)
    }
}

/// Midnight of the day on which the transaction began.
fn today(context: &Context) -> Result<i64> {
    let now = compute::timestamptz_to_timestamp(context.session()?.transaction_time, &context.style()?.zone)?;
    compute::date_to_timestamp(compute::timestamp_to_date(now))
}

fn extract(of: &Arguments<'_, '_>, source: Source<'_>) -> Result<Value> {
    text_or_null(fields::extract(of.text(0)?, source)?)
}

fn date_part(of: &Arguments<'_, '_>, source: Source<'_>) -> Result<Value> {
    fields::date_part(of.text(0)?, source)?.map_or(Ok(Value::Null), real)
}

fn truncate_timestamptz(of: &Arguments<'_, '_>, context: &Context) -> Result<Value> {
    let (field, time) = (of.text(0)?, of.integer(1)?);
    if of.len() < 3 {
        return integer(fields::truncate_timestamptz(field, time, &context.style()?.zone)?);
    }
    match Place::find(of.text(2)?)? {
        Place::Zone(zone) => integer(fields::truncate_timestamptz(field, time, &zone)?),
        place @ Place::Abbreviation(..) => {
            integer(place.to_utc(fields::truncate_timestamp(field, place.to_local(time)?)?)?)
        }
    }
}

fn bin(of: &Arguments<'_, '_>) -> Result<Value> {
    integer(fields::bin(interval(of, 0)?, of.integer(1)?, of.integer(2)?)?)
}

fn made(of: &Arguments<'_, '_>) -> Result<i64> {
    let date = (of.integer(0)?, of.integer(1)?, of.integer(2)?);
    make::make_timestamp(date, of.integer(3)?, of.integer(4)?, of.real(5)?)
}

fn make_interval(of: &Arguments<'_, '_>) -> Result<Value> {
    let mut given = [0; 6];
    for (at, field) in given.iter_mut().enumerate().take(of.len()) {
        *field = of.integer(at)?;
    }
    let seconds = if of.len() > 6 { of.real(6)? } else { 0.0 };
    stored(make::make_interval(given, seconds)?)
}
