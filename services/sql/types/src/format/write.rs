//! `to_char` of timestamps and intervals.

use super::invalid;
use super::pattern::{self, Case, Field, Node};
use crate::calendar::{self, DAY, HOUR, JULIAN_2000, MINUTE, SECOND};
use crate::datetime::interval::Interval;
use crate::datetime::words::{MONTHS, WEEKDAYS};
use crate::datetime::{arithmetic, is_finite};
use crate::zone::Zone;
use crate::{Error, Result};

/// The fields of a value.
#[derive(Default)]
struct Parts<'a> {
    interval: bool,
    /// Of dates 0 is 1 BC.
    year: i64,
    month: i64,
    day: i64,
    date: i64,
    day_of_year: i64,
    hour: i64,
    minute: i64,
    second: i64,
    microsecond: i64,
    zone: Option<(i64, &'a str)>,
}

/// `to_char(timestamp, pattern)`; `None` is NULL: for infinities and an empty pattern. Errors: 0A000.
pub fn timestamp_to_char(timestamp: i64, pattern: &str) -> Result<Option<String>> {
    if !is_finite(timestamp) || pattern.is_empty() {
        return Ok(None);
    }
    of_local(timestamp).write(pattern).map(Some)
}

/// `to_char(timestamptz, pattern)` by the clock of a zone; `None` is NULL. Errors: 0A000.
pub fn timestamptz_to_char(timestamp: i64, pattern: &str, zone: &Zone) -> Result<Option<String>> {
    if !is_finite(timestamp) || pattern.is_empty() {
        return Ok(None);
    }
    let offset = zone.at(timestamp);
    let local = arithmetic::timestamptz_to_timestamp(timestamp, zone)?;
    let parts = Parts { zone: Some((i64::from(offset.seconds), offset.abbreviation)), ..of_local(local) };
    parts.write(pattern).map(Some)
}

/// `to_char(interval, pattern)`; `None` is NULL. Errors: 22007 for what intervals do not have, 0A000.
pub fn interval_to_char(interval: Interval, pattern: &str) -> Result<Option<String>> {
    if pattern.is_empty() {
        return Ok(None);
    }
    let time = interval.microseconds;
    let days = i64::from(interval.months) * 30 + i64::from(interval.days);
    let parts = Parts {
        interval: true,
        year: i64::from(interval.months / 12),
        month: i64::from(interval.months % 12),
        day: i64::from(interval.days),
        day_of_year: days,
        hour: time / HOUR,
        minute: time / MINUTE % 60,
        second: time / SECOND % 60,
        microsecond: time % SECOND,
        ..Parts::default()
    };
    parts.write(pattern).map(Some)
}

fn of_local(local: i64) -> Parts<'static> {
    let (date, time) = (local.div_euclid(DAY), local.rem_euclid(DAY));
    let (year, month, day) = calendar::civil(date);
    Parts {
        year,
        month,
        day,
        date,
        day_of_year: date - calendar::days(year, 1, 1) + 1,
        hour: time / HOUR,
        minute: time / MINUTE % 60,
        second: time / SECOND % 60,
        microsecond: time % SECOND,
        ..Parts::default()
    }
}

/// A number with zeros before it, a minus not counted.
fn padded(value: i64, digits: usize, fill: bool) -> String {
    let digits = if fill { 0 } else { digits + usize::from(value < 0) };
    format!("{value:0digits$}")
}

fn cased(text: &str, case: Case) -> String {
    match case {
        Case::Upper => text.to_uppercase(),
        Case::Title => text.to_owned(),
        Case::Lower => text.to_lowercase(),
    }
}

/// `st`, `nd`, `rd`, `th`.
fn ordinal(number: &str, upper: bool) -> &'static str {
    let digits = number.as_bytes();
    let teen = digits.len() > 1 && digits[digits.len() - 2] == b'1';
    let at = match digits.last() {
        Some(b'1') if !teen => 0,
        Some(b'2') if !teen => 1,
        Some(b'3') if !teen => 2,
        _ => 3,
    };
    if upper { ["ST", "ND", "RD", "TH"][at] } else { ["st", "nd", "rd", "th"][at] }
}

const ROMAN: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

impl Parts<'_> {
    fn write(&self, text: &str) -> Result<String> {
        let mut out = String::new();
        for node in pattern::parse(text)? {
            match node {
                Node::Character(c) | Node::Quoted(c) => out.push(c),
                Node::Field { field, name, fill, ordinal: suffix } => {
                    if let Some(words) = self.words(field, name, fill)? {
                        out.push_str(&words);
                        continue;
                    }
                    let number = self.number(field, fill)?;
                    out.push_str(&number);
                    if let Some(upper) = suffix {
                        out.push_str(ordinal(&number, upper));
                    }
                }
            }
        }
        Ok(out)
    }

    fn of_date(&self) -> Result<()> {
        if self.interval {
            let error = invalid("invalid format specification for an interval value");
            return Err(error.with_hint("Intervals are not tied to specific calendar dates."));
        }
        Ok(())
    }

    fn name(&self, names: &[&str], at: i64, name: &str, short: bool, fill: bool) -> Result<String> {
        self.of_date()?;
        let full = names[at as usize];
        let full = cased(if short { &full[..3] } else { full }, pattern::case(name));
        Ok(if short || fill { full } else { format!("{full:9}") })
    }

    /// Fields that are no numbers.
    fn words(&self, field: Field, name: &str, fill: bool) -> Result<Option<String>> {
        let case = pattern::case(name);
        let dotted = |upper: &str| Some(cased(upper, case));
        let late = self.hour % 24 >= 12;
        Ok(match field {
            Field::EraDots | Field::Era => {
                self.of_date()?;
                dotted(match (field, self.year <= 0) {
                    (Field::Era, true) => "BC",
                    (Field::Era, false) => "AD",
                    (_, true) => "B.C.",
                    (_, false) => "A.D.",
                })
            }
            Field::HalfDots => dotted(if late { "P.M." } else { "A.M." }),
            Field::Half => dotted(if late { "PM" } else { "AM" }),
            Field::MonthName => Some(self.name(&MONTHS, self.month - 1, name, false, fill)?),
            Field::MonthShort => Some(self.name(&MONTHS, self.month - 1, name, true, fill)?),
            Field::DayName => Some(self.name(&WEEKDAYS, calendar::weekday(self.date), name, false, fill)?),
            Field::DayShort => Some(self.name(&WEEKDAYS, calendar::weekday(self.date), name, true, fill)?),
            Field::Zone => {
                self.of_date()?;
                Some(self.zone.map_or(String::new(), |zone| cased(zone.1, case)))
            }
            Field::Offset | Field::ZoneHour => {
                self.of_date()?;
                let seconds = self.zone.map_or(0, |zone| zone.0);
                let sign = if seconds < 0 { '-' } else { '+' };
                let hours = seconds.abs() / 3_600;
                let minutes = seconds.abs() / 60 % 60;
                Some(match (field, minutes) {
                    (Field::ZoneHour, _) => format!("{sign}{hours:02}"),
                    (_, 0) => format!("{sign}{}", padded(hours, 2, fill)),
                    _ => format!("{sign}{}:{minutes:02}", padded(hours, 2, fill)),
                })
            }
            Field::Roman => {
                if self.interval {
                    return Err(Error::unsupported("the pattern RM for an interval"));
                }
                let text = cased(ROMAN[self.month as usize - 1], case);
                Some(if fill { text } else { format!("{text:4}") })
            }
            Field::Fixed => Some(String::new()),
            _ => None,
        })
    }

    fn number(&self, field: Field, fill: bool) -> Result<String> {
        let plain = |value: i64| Ok(value.to_string());
        let two = |value: i64| Ok(padded(value, 2, fill));
        let shown = |year: i64| if self.interval || year > 0 { year } else { 1 - year };
        match field {
            Field::Hour12 => two(match self.hour % 12 {
                0 => 12,
                hour => hour,
            }),
            Field::Hour24 => two(self.hour),
            Field::Minute => two(self.minute),
            Field::Second => two(self.second),
            Field::Fraction(digits) => {
                let value = self.microsecond / 10_i64.pow(6 - digits);
                Ok(format!("{value:0width$}", width = digits as usize))
            }
            Field::Millisecond => Ok(format!("{:03}", self.microsecond / 1_000)),
            Field::Microsecond => Ok(format!("{:06}", self.microsecond)),
            Field::SecondOfDay => plain(self.hour * 3_600 + self.minute * 60 + self.second),
            Field::Month => two(self.month),
            // PostgreSQL leaves no place for the minus of days.
            Field::Day if fill => plain(self.day),
            Field::Day => Ok(format!("{:02}", self.day)),
            Field::DayOfYear => Ok(padded(self.day_of_year, 3, fill)),
            Field::WeekOfYear => two((self.day_of_year - 1) / 7 + 1),
            Field::WeekOfMonth => plain((self.day - 1) / 7 + 1),
            Field::Quarter if self.interval && self.month == 0 => Ok(String::new()),
            Field::Quarter => plain((self.month - 1) / 3 + 1),
            Field::Century => {
                let century = match self.year {
                    year if self.interval => year / 100,
                    year if year > 0 => (year - 1) / 100 + 1,
                    year => year / 100 - 1,
                };
                if (-99..=99).contains(&century) { two(century) } else { plain(century) }
            }
            Field::YearComma => {
                let year = shown(self.year);
                Ok(format!("{},{:03}", year / 1_000, year % 1_000))
            }
            Field::Year(4) => Ok(padded(shown(self.year), 4, fill)),
            Field::Year(digits) => Ok(padded(shown(self.year) % 10_i64.pow(digits), digits as usize, fill)),
            Field::ZoneMinute => {
                self.of_date()?;
                let minutes = self.zone.map_or(0, |zone| zone.0.abs() / 60 % 60);
                Ok(format!("{minutes:02}"))
            }
            Field::DayOfWeek | Field::IsoDayOfWeek => {
                self.of_date()?;
                let day = calendar::weekday(self.date);
                plain(if field == Field::DayOfWeek { day + 1 } else { (day + 6) % 7 + 1 })
            }
            _ if self.interval => Err(Error::unsupported("a pattern of a date for an interval")),
            Field::Julian => plain(self.date + JULIAN_2000),
            Field::IsoWeek => two(calendar::iso_week(self.date).1),
            Field::IsoDayOfYear => {
                let start = calendar::iso_year_start(calendar::iso_week(self.date).0);
                Ok(padded(self.date - start + 1, 3, fill))
            }
            Field::IsoYear(4) => Ok(padded(shown(calendar::iso_week(self.date).0), 4, fill)),
            Field::IsoYear(digits) => {
                let year = shown(calendar::iso_week(self.date).0) % 10_i64.pow(digits);
                Ok(padded(year, digits as usize, fill))
            }
            _ => Err(Error::unsupported("a pattern")),
        }
    }
}
