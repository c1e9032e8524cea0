//! Dates and times.

use bole_sql_types::datetime::fields::{self, Source};
use bole_sql_types::datetime::interval::{self, Interval};
use bole_sql_types::datetime::make::{self, Place};
use bole_sql_types::datetime::{self, arithmetic};
use bole_sql_types::text::float;
use bole_sql_types::{Result, Type, Value, text};

use crate::{check, shown, style};

struct Arguments<'a>(&'a [String]);

impl Arguments<'_> {
    fn timestamp(&self, at: usize) -> i64 {
        datetime::parse_timestamp(&self.0[at], -1, &style()).unwrap()
    }
    fn timestamptz(&self, at: usize) -> i64 {
        datetime::parse_timestamptz(&self.0[at], -1, &style()).unwrap()
    }
    fn date(&self, at: usize) -> i64 {
        datetime::parse_date(&self.0[at], &style()).unwrap()
    }
    fn time(&self, at: usize) -> i64 {
        datetime::parse_time(&self.0[at], -1, &style()).unwrap()
    }
    fn interval(&self, at: usize) -> Interval {
        interval::parse(&self.0[at], -1).unwrap()
    }
    fn int(&self, at: usize) -> i64 {
        self.0[at].parse().unwrap()
    }
    fn float(&self, at: usize) -> f64 {
        float::parse_f64(&self.0[at]).unwrap()
    }
}

fn arithmetic(call: &str, a: &Arguments<'_>) -> Option<Result<(Type, i64)>> {
    let style = style();
    let (ty, result) = match call {
        "timestamp_add" => (Type::TIMESTAMP, arithmetic::timestamp_add(a.timestamp(0), a.interval(1))),
        "timestamp_subtract" => {
            (Type::TIMESTAMP, arithmetic::timestamp_subtract(a.timestamp(0), a.interval(1)))
        }
        "timestamptz_add" => {
            (Type::TIMESTAMPTZ, arithmetic::timestamptz_add(a.timestamptz(0), a.interval(1), &style.zone))
        }
        "date_add_days" => (Type::DATE, arithmetic::date_add_days(a.date(0), a.int(1))),
        "date_subtract" => (Type::INT4, arithmetic::date_subtract(a.date(0), a.date(1))),
        "date_to_timestamp" => (Type::TIMESTAMP, arithmetic::date_to_timestamp(a.date(0))),
        "date_to_timestamptz" => (Type::TIMESTAMPTZ, arithmetic::date_to_timestamptz(a.date(0), &style.zone)),
        "date_add_time" => (Type::TIMESTAMP, arithmetic::date_add_time(a.date(0), a.time(1))),
        "timestamp_to_date" => (Type::DATE, Ok(arithmetic::timestamp_to_date(a.timestamp(0)))),
        "timestamp_to_timestamptz" => {
            (Type::TIMESTAMPTZ, arithmetic::timestamp_to_timestamptz(a.timestamp(0), &style.zone))
        }
        "time_add" => (Type::TIME, Ok(arithmetic::time_add(a.time(0), a.interval(1)))),
        "time_subtract" => (Type::TIME, Ok(arithmetic::time_subtract(a.time(0), a.interval(1)))),
        "interval_to_time" => (Type::TIME, Ok(arithmetic::interval_to_time(a.interval(0)))),
        "truncate_timestamp" => (Type::TIMESTAMP, fields::truncate_timestamp(&a.0[0], a.timestamp(1))),
        "truncate_timestamptz" => {
            (Type::TIMESTAMPTZ, fields::truncate_timestamptz(&a.0[0], a.timestamptz(1), &style.zone))
        }
        "bin" => (Type::TIMESTAMP, fields::bin(a.interval(0), a.timestamp(1), a.timestamp(2))),
        "make_date" => (Type::DATE, make::make_date(a.int(0), a.int(1), a.int(2))),
        "make_time" => (Type::TIME, make::make_time(a.int(0), a.int(1), a.float(2))),
        "make_timestamp" => {
            let date = (a.int(0), a.int(1), a.int(2));
            (Type::TIMESTAMP, make::make_timestamp(date, a.int(3), a.int(4), a.float(5)))
        }
        "from_unix" => (Type::TIMESTAMPTZ, make::from_unix(a.float(0))),
        "to_utc" => (Type::TIMESTAMPTZ, Place::find(&a.0[0]).and_then(|place| place.to_utc(a.timestamp(1)))),
        "to_local" => {
            (Type::TIMESTAMP, Place::find(&a.0[0]).and_then(|place| place.to_local(a.timestamp(1))))
        }
        "interval_zone" => {
            let place = Place::from_interval(a.interval(0));
            (Type::TIMESTAMPTZ, place.and_then(|place| place.to_utc(a.timestamp(1))))
        }
        _ => return None,
    };
    Some(result.map(|value| (ty, value)))
}

fn intervals(call: &str, a: &Arguments<'_>) -> Option<Result<Interval>> {
    Some(match call {
        "timestamp_difference" => arithmetic::timestamp_difference(a.timestamp(0), a.timestamp(1)),
        "age" => arithmetic::age(a.timestamp(0), a.timestamp(1)),
        "time_difference" => Ok(arithmetic::time_difference(a.time(0), a.time(1))),
        "interval_add" => arithmetic::interval_add(a.interval(0), a.interval(1)),
        "interval_subtract" => arithmetic::interval_subtract(a.interval(0), a.interval(1)),
        "interval_negate" => arithmetic::interval_negate(a.interval(0)),
        "interval_multiply" => arithmetic::interval_multiply(a.interval(0), a.float(1)),
        "interval_divide" => arithmetic::interval_divide(a.interval(0), a.float(1)),
        "justify_hours" => arithmetic::justify_hours(a.interval(0)),
        "justify_days" => arithmetic::justify_days(a.interval(0)),
        "justify_interval" => arithmetic::justify_interval(a.interval(0)),
        "truncate_interval" => fields::truncate_interval(&a.0[0], a.interval(1)),
        "make_interval" => make::make_interval(std::array::from_fn(|at| a.int(at)), a.float(6)),
        _ => return None,
    })
}

fn parts(call: &str, a: &Arguments<'_>) -> Result<Option<String>> {
    let style = style();
    let source = match call {
        "overlaps" => {
            let day = |at: usize| (!a.0[at].is_empty()).then(|| a.int(at));
            let overlap = arithmetic::overlaps((day(0), day(1)), (day(2), day(3)));
            return Ok(overlap.map(|yes| if yes { "t" } else { "f" }.to_owned()));
        }
        "extract_timestamp" | "date_part" => Source::Timestamp(a.timestamp(1)),
        "extract_timestamptz" => Source::Timestamptz(a.timestamptz(1), &style.zone),
        "extract_date" => Source::Date(a.date(1)),
        "extract_time" => Source::Time(a.time(1)),
        "extract_interval" | "date_part_interval" => Source::Interval(a.interval(1)),
        _ => panic!("{call}"),
    };
    if call.starts_with("extract") {
        return fields::extract(&a.0[0], source);
    }
    let part = fields::date_part(&a.0[0], source)?;
    part.map(|value| text::to_string(Type::FLOAT8, float::to_value(value).as_ref(), &style)).transpose()
}

#[test]
fn dates_and_times() {
    check(include_str!("datetime.txt"), 2_000, |call, arguments| {
        let arguments = Arguments(arguments);
        if let Some(result) = arithmetic(call, &arguments) {
            let (ty, value) = result?;
            return shown(ty, &Value::Integer(value), &style());
        }
        if let Some(result) = intervals(call, &arguments) {
            return result.map(|interval| Some(interval.to_string()));
        }
        parts(call, &arguments)
    });
}
