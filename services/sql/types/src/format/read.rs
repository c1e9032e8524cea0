//! `to_date` and `to_timestamp` of text. Of the patterns that PostgreSQL reads, those of calendar dates and clocks are here.

use super::invalid;
use super::pattern::{self, Field, Node};
use crate::calendar::{self, DAY, HOUR, JULIAN_2000, MINUTE, SECOND};
use crate::datetime::words::{MONTHS, WEEKDAYS};
use crate::datetime::{DATE_END, DATE_MIN, in_range};
use crate::text::is_space;
use crate::zone::Zone;
use crate::{Error, Result, SqlState};

/// What was read.
#[derive(Debug, Default)]
struct Parts {
    year: Option<i64>,
    year_digits: u32,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    julian: Option<i64>,
    hour: Option<i64>,
    twelve: bool,
    minute: Option<i64>,
    second: Option<i64>,
    second_of_day: Option<i64>,
    microsecond: Option<i64>,
    late: Option<bool>,
    bc: bool,
    zone_hour: Option<i64>,
    zone_minute: Option<i64>,
    zone_negative: bool,
}

/// `to_date(text, pattern)`. Errors: 22007, 22008, 0A000.
pub fn to_date(text: &str, pattern: &str) -> Result<i64> {
    Reader::read(text, pattern)?.date(text)
}

/// `to_timestamp(text, pattern)`: a timestamptz, in the zone of the session unless the text has one. Errors: 22007, 22008, 0A000.
pub fn to_timestamp(text: &str, pattern: &str, zone: &Zone) -> Result<i64> {
    let parts = Reader::read(text, pattern)?;
    let local = i128::from(parts.date(text)?) * i128::from(DAY) + i128::from(parts.time(text)?);
    let local = in_range(local)?;
    let offset = match parts.zone_hour {
        Some(hour) => {
            let seconds = hour * 3_600 + parts.zone_minute.unwrap_or(0) * 60;
            if parts.zone_negative { -seconds } else { seconds }
        }
        None => i64::from(zone.at_local(local).seconds),
    };
    in_range(i128::from(local) - i128::from(offset * SECOND))
}

/// PostgreSQL takes 0 for a month or a day that is not there.
fn given(number: Option<i64>) -> Option<i64> {
    number.filter(|number| *number != 0)
}

fn out_of_range(text: &str) -> Error {
    let message = format!("date/time field value out of range: \"{text}\"");
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
}

impl Parts {
    fn date(&self, text: &str) -> Result<i64> {
        if let Some(julian) = self.julian {
            if self.year.is_some() || self.month.is_some() || self.day.is_some() {
                return Err(Error::unsupported("a Julian day together with other dates"));
            }
            return Ok(julian - JULIAN_2000);
        }
        let mut year = self.year.unwrap_or(0);
        if self.year_digits < 4 {
            // Towards 2020, as PostgreSQL does it.
            year += match year {
                0..70 if self.year.is_some() => 2_000,
                70..100 => 1_900,
                100..520 => 2_000,
                520..1_000 => 1_000,
                _ => 0,
            };
        }
        if self.bc {
            year = if year > 0 { 1 - year } else { return Err(Error::unsupported("a year before 1 BC")) };
        }
        if let Some(day) = given(self.day_of_year) {
            if self.month.is_some() || self.day.is_some() || self.year.is_none() {
                return Err(Error::unsupported("a day of the year together with other dates"));
            }
            let length = if calendar::is_leap(year) { 366 } else { 365 };
            let good = (1..=length).contains(&day);
            return if good { Ok(calendar::days(year, 1, 1) + day - 1) } else { Err(out_of_range(text)) };
        }
        let month = given(self.month).unwrap_or(1);
        let day = given(self.day).unwrap_or(1);
        if !(1..=12).contains(&month) || day < 1 || day > calendar::month_days(year, month) {
            return Err(out_of_range(text));
        }
        let date = calendar::days(year, month, day);
        if (DATE_MIN..DATE_END).contains(&date) { Ok(date) } else { Err(out_of_range(text)) }
    }

    fn time(&self, text: &str) -> Result<i64> {
        let mut hour = self.hour.unwrap_or(0);
        if let Some(seconds) = self.second_of_day {
            if self.hour.is_some() || self.minute.is_some() || self.second.is_some() {
                return Err(Error::unsupported("seconds of the day together with a clock"));
            }
            return Ok(seconds * SECOND + self.microsecond.unwrap_or(0));
        }
        if self.twelve {
            if !(1..=12).contains(&hour) {
                let error = invalid(format!("hour \"{hour}\" is invalid for the 12-hour clock"));
                return Err(error.with_hint("Use the 24-hour clock, or give an hour between 1 and 12."));
            }
            hour = hour % 12 + if self.late == Some(true) { 12 } else { 0 };
            if self.late.is_none() && self.hour == Some(12) {
                hour = 0;
            }
        }
        let (minute, second) = (self.minute.unwrap_or(0), self.second.unwrap_or(0));
        let microsecond = self.microsecond.unwrap_or(0);
        if hour > 23 || minute > 59 || second > 59 || microsecond >= SECOND {
            return Err(out_of_range(text));
        }
        Ok(hour * HOUR + minute * MINUTE + second * SECOND + microsecond)
    }
}

struct Reader<'a> {
    whole: &'a str,
    rest: &'a str,
    /// Spaces that were skipped beyond what the pattern has.
    skipped: i32,
}

fn is_separator(c: char) -> bool {
    c.is_ascii() && c > ' ' && c < '\x7f' && !c.is_ascii_alphanumeric()
}

impl<'a> Reader<'a> {
    fn read(text: &'a str, pattern: &str) -> Result<Parts> {
        let nodes = pattern::parse(pattern)?;
        let mut parts = Parts::default();
        let mut reader = Self { whole: text, rest: text, skipped: 0 };
        for (n, node) in nodes.iter().enumerate() {
            if reader.rest.is_empty() {
                break;
            }
            let copied = matches!(node, Node::Character(c) if !is_separator(*c) && !is_space(*c))
                || matches!(node, Node::Quoted(_));
            if !copied || n == 0 {
                reader.skip_spaces();
            }
            match node {
                Node::Character(c) if is_separator(*c) || is_space(*c) => reader.separator(),
                Node::Character(_) | Node::Quoted(_) => reader.character(),
                Node::Field { field: Field::Fixed, .. } => {
                    return Err(Error::unsupported("the pattern modifier FX for input"));
                }
                Node::Field { field, name, fill, ordinal } => {
                    // A number takes all its digits if none may follow.
                    let open = *fill || ordinal.is_some() || is_open(nodes.get(n + 1));
                    reader.field(*field, name, open, &mut parts)?;
                    if ordinal.is_some() {
                        let end = reader.rest.char_indices().nth(2).map_or(reader.rest.len(), |(at, _)| at);
                        reader.rest = &reader.rest[end..];
                    }
                    reader.skipped = 0;
                    reader.skip_spaces();
                }
            }
        }
        Ok(parts)
    }

    fn skip_spaces(&mut self) {
        let trimmed = self.rest.trim_start_matches(is_space);
        self.skipped += (self.rest.len() - trimmed.len()) as i32;
        self.rest = trimmed;
    }

    fn separator(&mut self) {
        self.skipped -= 1;
        if let Some(c) = self.rest.chars().next().filter(|c| is_separator(*c) || is_space(*c)) {
            self.rest = &self.rest[c.len_utf8()..];
            self.skipped += 1;
        }
    }

    fn character(&mut self) {
        if self.skipped > 0 {
            self.skipped -= 1;
        } else if let Some(c) = self.rest.chars().next() {
            self.rest = &self.rest[c.len_utf8()..];
        }
    }

    /// A number of so many digits, or all there are. Gives how many were read too.
    fn number(&mut self, name: &str, length: usize, open: bool) -> Result<(i64, usize)> {
        let shown = |rest: &str| rest.chars().take(length).collect::<String>();
        let rest = self.rest;
        let sign = usize::from(rest.starts_with(['-', '+']));
        let digits = rest[sign..].bytes().take_while(u8::is_ascii_digit).count();
        let end = if open { sign + digits } else { (sign + digits).min(length) };
        if !open && rest.chars().count() < length {
            let error = invalid(format!("source string too short for \"{name}\" formatting field"));
            let count = rest.chars().count();
            let detail = format!("Field requires {length} characters, but only {count} remain.");
            return Err(error
                .with_detail(detail)
                .with_hint("If your source string is not fixed-width, try using the \"FM\" modifier."));
        }
        if digits == 0 || (!open && end < length) {
            let error = invalid(format!("invalid value \"{}\" for \"{name}\"", shown(rest)));
            if digits == 0 {
                return Err(error.with_detail("Value must be an integer."));
            }
            let detail = format!("Field requires {length} characters, but only {end} could be parsed.");
            return Err(error
                .with_detail(detail)
                .with_hint("If your source string is not fixed-width, try using the \"FM\" modifier."));
        }
        let value = rest[..end].parse::<i64>().ok().filter(|value| i32::try_from(*value).is_ok());
        let value = value.ok_or_else(|| Error::unsupported("a number that is too large in a date"))?;
        self.rest = &rest[end..];
        Ok((value, end))
    }

    fn name(&mut self, names: &[&str], short: bool, name: &str) -> Result<i64> {
        let found = names.iter().position(|full| {
            let wanted = if short { &full[..3] } else { full };
            self.rest.get(..wanted.len()).is_some_and(|given| given.eq_ignore_ascii_case(wanted))
        });
        let Some(at) = found else {
            let shown = self.rest.split(is_space).next().unwrap_or("");
            let error = invalid(format!("invalid value \"{shown}\" for \"{name}\""));
            return Err(
                error.with_detail("The given value did not match any of the allowed values for this field.")
            );
        };
        let length = if short { 3 } else { names[at].len() };
        self.rest = &self.rest[length..];
        Ok(at as i64)
    }

    fn field(&mut self, field: Field, name: &'static str, open: bool, parts: &mut Parts) -> Result<()> {
        match field {
            Field::MonthName => return set(&mut parts.month, self.name(&MONTHS, false, name)? + 1, name),
            Field::MonthShort => return set(&mut parts.month, self.name(&MONTHS, true, name)? + 1, name),
            Field::DayName => return self.name(&WEEKDAYS, false, name).map(|_| ()),
            Field::DayShort => return self.name(&WEEKDAYS, true, name).map(|_| ()),
            Field::Half => {
                parts.late = Some(self.name(&["AM", "PM"], false, name)? == 1);
                parts.twelve = true;
                return Ok(());
            }
            Field::HalfDots => {
                parts.late = Some(self.name(&["A.M.", "P.M."], false, name)? == 1);
                parts.twelve = true;
                return Ok(());
            }
            Field::Era => {
                parts.bc = self.name(&["AD", "BC"], false, name)? == 1;
                return Ok(());
            }
            Field::ZoneHour => {
                // The sign may have been taken for a separator.
                let before = &self.whole[..self.whole.len() - self.rest.len()];
                let signed = self.rest.starts_with(['-', '+']);
                parts.zone_negative =
                    self.rest.starts_with('-') || (!signed && self.skipped > 0 && before.ends_with('-'));
                self.rest = self.rest.strip_prefix(['-', '+']).unwrap_or(self.rest);
                return set(&mut parts.zone_hour, self.number(name, 2, open)?.0, name);
            }
            _ => {}
        }
        let (length, target): (usize, &mut Option<i64>) = match field {
            Field::Year(digits) => (digits as usize, &mut parts.year),
            Field::Month => (2, &mut parts.month),
            Field::Day => (2, &mut parts.day),
            Field::DayOfYear => (3, &mut parts.day_of_year),
            Field::Julian => {
                let (value, _) = self.number(name, usize::MAX, true)?;
                return set(&mut parts.julian, value, name);
            }
            Field::Hour24 => (2, &mut parts.hour),
            Field::Hour12 => {
                parts.twelve = true;
                (2, &mut parts.hour)
            }
            Field::Minute => (2, &mut parts.minute),
            Field::Second => (2, &mut parts.second),
            Field::SecondOfDay => (5, &mut parts.second_of_day),
            Field::ZoneMinute => (2, &mut parts.zone_minute),
            Field::Millisecond => return self.fraction(name, 3, open, parts),
            Field::Microsecond => return self.fraction(name, 6, open, parts),
            Field::Fraction(digits) => return self.fraction(name, digits as usize, open, parts),
            _ => return Err(Error::unsupported(format!("the pattern {name} for input"))),
        };
        let (value, read) = self.number(name, length, open)?;
        if value < 0 {
            return Err(match field {
                Field::Month | Field::Day => out_of_range(self.whole),
                _ => Error::unsupported("a negative number in a date"),
            });
        }
        set(target, value, name)?;
        if let Field::Year(digits) = field {
            // A year that is written with four digits is one.
            parts.year_digits = if read >= 4 { 4 } else { digits };
        }
        Ok(())
    }

    /// Digits after a point: `5` of `MS` is half a second.
    fn fraction(&mut self, name: &str, digits: usize, open: bool, parts: &mut Parts) -> Result<()> {
        let (value, read) = self.number(name, digits, open)?;
        if value < 0 || read > digits {
            return Err(Error::unsupported("such a fraction of a second"));
        }
        set(&mut parts.microsecond, value * 10_i64.pow(6 - read as u32), name)
    }
}

/// Whether what follows cannot begin with a digit.
fn is_open(next: Option<&Node>) -> bool {
    match next {
        None => true,
        Some(Node::Character(c) | Node::Quoted(c)) => !c.is_ascii_digit(),
        Some(Node::Field { field, .. }) => matches!(
            field,
            Field::MonthName
                | Field::MonthShort
                | Field::DayName
                | Field::DayShort
                | Field::Half
                | Field::HalfDots
                | Field::Era
                | Field::EraDots
                | Field::ZoneHour
                | Field::Zone
                | Field::Offset
                | Field::Roman
        ),
    }
}

fn set(target: &mut Option<i64>, value: i64, name: &str) -> Result<()> {
    if target.is_some_and(|old| old != value) {
        let error = invalid(format!("conflicting values for \"{name}\" field in formatting string"));
        return Err(error.with_detail("This value contradicts a previous setting for the same field type."));
    }
    *target = Some(value);
    Ok(())
}
