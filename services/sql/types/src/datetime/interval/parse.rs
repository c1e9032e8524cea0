//! Input of intervals: words and units, `1-2 3 4:05:06`, ISO 8601.

use super::{Interval, fields, out_of_range};
use crate::calendar::{DAY, HOUR, MINUTE, SECOND};
use crate::datetime::decode::{self, Fault, Outcome};
use crate::datetime::read::refuse;
use crate::datetime::tokens::{self, Kind, Token};
use crate::datetime::words::{self, Unit};
use crate::{Result, Type};

/// Reads an interval and fits it to a type modifier, which also says what a number without a unit is. Errors: 22007, 22008, 22015.
pub fn parse(text: &str, typmod: i32) -> Result<Interval> {
    let range = if typmod < 0 { fields::FULL } else { (typmod >> 16) & 0x7fff };
    let mut outcome =
        tokens::split(text).ok_or(Fault::Format).and_then(|tokens| words_and_units(&tokens, range));
    if outcome.as_ref().err() == Some(&Fault::Format) {
        outcome = iso(text.trim_end());
    }
    let sum = outcome.map_err(|fault| refuse(fault, text, Type::INTERVAL))?;
    let months = i32::try_from(sum.years * 12 + sum.months).map_err(|_| out_of_range())?;
    let days = i32::try_from(sum.days).map_err(|_| refuse(Fault::Overflow, text, Type::INTERVAL))?;
    Ok(Interval { months, days, microseconds: sum.microseconds }.with_typmod(typmod))
}

/// What was read so far.
#[derive(Default)]
struct Sum {
    years: i64,
    months: i64,
    days: i64,
    microseconds: i64,
    /// A bit for each unit; none may come twice.
    seen: u32,
}

impl Sum {
    fn mark(&mut self, units: u32) -> Outcome<()> {
        if self.seen & units != 0 {
            return Err(Fault::Format);
        }
        self.seen |= units;
        Ok(())
    }

    fn add_microseconds(&mut self, value: i64, fraction: f64, unit: i64) -> Outcome<()> {
        let whole = value.checked_mul(unit).and_then(|value| value.checked_add(self.microseconds));
        self.microseconds = whole.ok_or(Fault::Overflow)?;
        self.add_fraction(fraction * unit as f64)
    }

    /// Rounds halves towards zero, as PostgreSQL does here.
    fn add_fraction(&mut self, microseconds: f64) -> Outcome<()> {
        let whole = microseconds.trunc();
        let rest = microseconds - whole;
        let whole = whole as i64 + i64::from(rest > 0.5) - i64::from(rest < -0.5);
        self.microseconds = self.microseconds.checked_add(whole).ok_or(Fault::Overflow)?;
        Ok(())
    }

    fn add_days(&mut self, value: i64, fraction: f64, unit: i64) -> Outcome<()> {
        let small = |days: &i64| i32::try_from(*days).is_ok();
        let days = value.checked_mul(unit).and_then(|days| days.checked_add(self.days)).filter(small);
        let fraction = fraction * unit as f64;
        self.days = days.ok_or(Fault::Overflow)? + fraction.trunc() as i64;
        self.add_fraction(fraction.fract() * DAY as f64)
    }

    fn add_months(&mut self, value: i64, unit: i64) -> Outcome<()> {
        let small = |months: &i64| i32::try_from(*months).is_ok();
        let months = value.checked_mul(unit).and_then(|months| months.checked_add(self.months)).filter(small);
        self.months = months.ok_or(Fault::Overflow)?;
        Ok(())
    }

    fn add(&mut self, unit: Unit, value: i64, fraction: f64) -> Outcome<()> {
        let years = |count: i64| (fraction * count as f64 * 12.0).round_ties_even() as i64;
        match unit {
            Unit::Microsecond => self.add_microseconds(value, fraction, 1),
            Unit::Millisecond => self.add_microseconds(value, fraction, 1_000),
            Unit::Second => self.add_microseconds(value, fraction, SECOND),
            Unit::Minute => self.add_microseconds(value, fraction, MINUTE),
            Unit::Hour => self.add_microseconds(value, fraction, HOUR),
            Unit::Day => self.add_days(value, fraction, 1),
            Unit::Week => self.add_days(value, fraction, 7),
            Unit::Month => {
                self.add_months(value, 1)?;
                self.add_days(0, fraction, 30)
            }
            Unit::Year | Unit::Decade | Unit::Century | Unit::Millennium => {
                let count = match unit {
                    Unit::Year => 1,
                    Unit::Decade => 10,
                    Unit::Century => 100,
                    _ => 1_000,
                };
                let small = |years: &i64| i32::try_from(*years).is_ok();
                let added =
                    value.checked_mul(count).and_then(|value| value.checked_add(self.years)).filter(small);
                self.years = added.ok_or(Fault::Overflow)?;
                self.add_months(years(count), 1)
            }
            _ => Err(Fault::Format),
        }
    }

    fn negate(&mut self) {
        (self.years, self.months, self.days) = (-self.years, -self.months, -self.days);
        self.microseconds = self.microseconds.wrapping_neg();
    }
}

const fn bit(unit: Unit) -> u32 {
    1 << unit as u32
}

const CLOCK: u32 = bit(Unit::Hour) | bit(Unit::Minute) | bit(Unit::Second);

/// Units come before their numbers, since all is read from the right.
fn words_and_units(tokens: &[Token], range: i32) -> Outcome<Sum> {
    let mut sum = Sum::default();
    let mut unit = None;
    let mut ago = false;
    for token in tokens.iter().rev() {
        match token.kind {
            Kind::Time => {
                clock(&token.text, 1, range, &mut sum)?;
                unit = Some(Unit::Day);
            }
            Kind::Zone if token.text[1..].contains(':') => {
                clock(&token.text[1..], if token.text.starts_with('-') { -1 } else { 1 }, range, &mut sum)?;
                unit = Some(Unit::Day);
            }
            Kind::Zone | Kind::Date | Kind::Number => {
                let is = *unit.get_or_insert_with(|| default_unit(range));
                if let Some(read) = number(&token.text, is, &mut sum)? {
                    unit = Some(read);
                }
            }
            Kind::Word | Kind::Special => match words::unit(&token.text) {
                Some(found) => unit = Some(found),
                None if token.text == "ago" => {
                    ago = true;
                    unit = None;
                }
                None => return Err(Fault::Format),
            },
        }
    }
    if sum.seen == 0 {
        return Err(Fault::Format);
    }
    if ago {
        sum.negate();
    }
    Ok(sum)
}

fn default_unit(range: i32) -> Unit {
    use fields::{DAY, HOUR, MINUTE, MONTH, SECOND, YEAR};
    let last = [
        (SECOND, Unit::Second),
        (MINUTE, Unit::Minute),
        (HOUR, Unit::Hour),
        (DAY, Unit::Day),
        (MONTH, Unit::Month),
    ];
    let found = last.iter().find(|field| range & field.0 != 0).map(|field| field.1);
    found.unwrap_or(if range & YEAR != 0 { Unit::Year } else { Unit::Second })
}

fn clock(text: &str, sign: i64, range: i32, sum: &mut Sum) -> Outcome<()> {
    sum.mark(CLOCK)?;
    let mut parts = decode::clock(text)?;
    if range == fields::MINUTE | fields::SECOND && text.matches(':').count() == 1 && !text.contains('.') {
        parts = [0, parts[0], parts[1], 0];
    }
    let hours = parts[0].checked_mul(HOUR).ok_or(Fault::Overflow)?;
    let rest = parts[1] * MINUTE + parts[2] * SECOND + parts[3];
    let time = hours.checked_add(rest).ok_or(Fault::Overflow)? * sign;
    sum.microseconds = sum.microseconds.checked_add(time).ok_or(Fault::Overflow)?;
    Ok(())
}

/// A number of some unit, or `years-months`, which changes the unit.
fn number(text: &str, unit: Unit, sum: &mut Sum) -> Outcome<Option<Unit>> {
    let negative = text.starts_with('-');
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let signed = &text[..text.len() - digits.len() + end];
    let value = if end == 0 { 0 } else { signed.parse::<i64>().map_err(|_| Fault::Overflow)? };
    let rest = &digits[end..];
    if let Some(months) = rest.strip_prefix('-') {
        let months = match months.parse::<i64>() {
            Ok(months) if (0..12).contains(&months) => months,
            Ok(_) => return Err(Fault::Overflow),
            Err(_) => return Err(Fault::Format),
        };
        sum.mark(bit(Unit::Month))?;
        let total = value.checked_mul(12).ok_or(Fault::Overflow)? + if negative { -months } else { months };
        sum.add_months(total, 1)?;
        return Ok(Some(Unit::Month));
    }
    let fraction = match rest {
        "" => 0.0,
        _ if rest.starts_with('.') && rest[1..].bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("0{rest}0").parse::<f64>().map_err(|_| Fault::Format)?
        }
        _ => return Err(Fault::Format),
    };
    let mut bits = bit(unit);
    if unit == Unit::Second && fraction != 0.0 {
        bits |= bit(Unit::Millisecond) | bit(Unit::Microsecond);
    }
    sum.mark(bits)?;
    sum.add(unit, value, if negative { -fraction } else { fraction })?;
    Ok(None)
}

/// `P1Y2M3DT4H5M6.7S`.
fn iso(text: &str) -> Outcome<Sum> {
    let mut rest = text.strip_prefix('P').filter(|rest| !rest.is_empty()).ok_or(Fault::Format)?;
    let mut sum = Sum::default();
    let mut time = false;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('T').filter(|_| !time) {
            (time, rest) = (true, after);
            continue;
        }
        let end = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-' | 'e' | 'E')));
        let end = match end {
            Some(end) if end > 0 => end,
            Some(_) => return Err(Fault::Format),
            // The alternative format, `P0001-02-03T04:05:06`, is PostgreSQL's too.
            None => return Err(Fault::Unsupported),
        };
        let value =
            rest[..end].parse::<f64>().ok().filter(|_| rest[..end].bytes().any(|b| b.is_ascii_digit()));
        let unit = match (time, rest.as_bytes()[end]) {
            (false, b'Y') => Unit::Year,
            (false, b'M') => Unit::Month,
            (false, b'W') => Unit::Week,
            (false, b'D') => Unit::Day,
            (true, b'H') => Unit::Hour,
            (true, b'M') => Unit::Minute,
            (true, b'S') => Unit::Second,
            (_, b':' | b'T') | (false, b'H' | b'S') => return Err(Fault::Unsupported),
            _ => return Err(Fault::Format),
        };
        let value = value.ok_or(Fault::Unsupported)?;
        if value.abs() >= 9.2e18 {
            return Err(Fault::Overflow);
        }
        sum.add(unit, value.trunc() as i64, value.fract())?;
        rest = &rest[end + 1..];
    }
    Ok(sum)
}
