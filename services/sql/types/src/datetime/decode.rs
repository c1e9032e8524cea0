//! What the fields of a date and time mean (PostgreSQL's rules, "Date/Time Input Interpretation", appendix B of its manual).

use super::tokens::{Kind, Token};
use super::words::{self, Word};
use crate::calendar::{self, JULIAN_2000};
use crate::style::DateOrder;
use crate::zone::Zone;
use crate::zone::abbreviations::{self, Meaning};

/// Why text is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Format,
    Overflow,
    /// As `Overflow`; another order of day and month might do.
    MonthDay,
    ZoneOverflow,
    /// The name of a zone that there is not.
    Zone(String),
    Unsupported,
}

pub(super) type Outcome<T> = Result<T, Fault>;

/// A zone that was written.
#[derive(Clone, Debug)]
pub(super) enum ZoneSpec {
    Offset(i64),
    Zone(Zone),
    /// An abbreviation whose meaning in the zone depends on the time.
    Abbreviation(Zone, String),
}

/// What was found.
#[expect(clippy::struct_excessive_bools, reason = "each is a mark that the text has or has not")]
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    day_of_year: Option<i64>,
    /// The clock, in microseconds since midnight.
    pub(super) time: i64,
    hour: i64,
    pub(super) zone: Option<ZoneSpec>,
    pub(super) special: Option<Word>,
    pub(super) seen: u16,
    two_digits: bool,
    text_month: bool,
    bc: bool,
    half: Option<Word>,
    /// Numbers alone are times.
    time_only: bool,
    /// What the next number is.
    next: Option<Word>,
}

pub(super) const YEAR: u16 = 1;
pub(super) const MONTH: u16 = 2;
pub(super) const DAY: u16 = 4;
pub(super) const DATE: u16 = YEAR | MONTH | DAY;
pub(super) const TIME: u16 = 8;
const ZONE: u16 = 16;
const JULIAN: u16 = 32;
const WEEKDAY: u16 = 64;
const HALF: u16 = 128;
const ERA: u16 = 256;

/// Reads all fields. `time_only`: numbers alone are times.
pub(super) fn decode(tokens: &[Token], order: DateOrder, time_only: bool) -> Outcome<Fields> {
    let mut fields = Fields { time_only, ..Fields::default() };
    for (n, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Date => fields.date(&token.text, order)?,
            Kind::Time => fields.clock(&token.text)?,
            Kind::Zone => {
                let offset = zone_offset(&token.text)?;
                fields.set_zone(ZoneSpec::Offset(offset))?;
            }
            Kind::Number => fields.number(&token.text, order)?,
            Kind::Word | Kind::Special => fields.word(&token.text, tokens.get(n + 1))?,
        }
    }
    if fields.next.is_some() {
        return Err(Fault::Format);
    }
    fields.finish()?;
    Ok(fields)
}

/// Digits as a number, capped where no date could be.
fn int(text: &str) -> Outcome<i64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Format);
    }
    text.parse::<i64>().ok().filter(|value| *value <= i64::from(i32::MAX)).ok_or(Fault::Overflow)
}

/// `.123` in microseconds.
pub(super) fn fraction(text: &str) -> Outcome<i64> {
    let digits = text.strip_prefix('.').ok_or(Fault::Format)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Format);
    }
    let value = format!("0.{digits}0").parse::<f64>().map_err(|_| Fault::Format)?;
    Ok((value * 1e6).round_ties_even() as i64)
}

/// `+hh`, `+hhmm`, `+hh:mm` or `+hh:mm:ss` in seconds east of Greenwich.
pub(super) fn zone_offset(text: &str) -> Outcome<i64> {
    let digits = &text[1..];
    let mut parts = digits.split(':');
    let first = parts.next().unwrap_or("");
    let mut hour = int(first)?;
    let (mut minute, mut second) = (0, 0);
    if let Some(part) = parts.next() {
        minute = int(part)?;
        second = parts.next().map_or(Ok(0), int)?;
        if parts.next().is_some() {
            return Err(Fault::Format);
        }
    } else if digits.len() > 2 {
        (hour, minute) = (hour / 100, hour % 100);
    }
    if hour > 15 || minute > 59 || second > 59 {
        return Err(Fault::ZoneOverflow);
    }
    let offset = hour * 3_600 + minute * 60 + second;
    Ok(if text.starts_with('-') { -offset } else { offset })
}

/// `hh:mm[:ss[.ffffff]]`, `mm:ss.ffffff`: hours, minutes, seconds, microseconds.
pub(super) fn clock(text: &str) -> Outcome<[i64; 4]> {
    let (whole, part) = text.split_at(text.find('.').unwrap_or(text.len()));
    let microseconds = if part.is_empty() { 0 } else { fraction(part)? };
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or("");
    let hour = first.parse::<i64>().map_err(|_| Fault::Overflow)?;
    let minute = int(parts.next().unwrap_or(""))?;
    let second = parts.next();
    if parts.next().is_some() {
        return Err(Fault::Format);
    }
    let clock = match second {
        Some("") | None if part.is_empty() => [hour, minute, 0, 0],
        Some(second) => [hour, minute, int(second)?, microseconds],
        None => [0, hour, minute, microseconds],
    };
    if clock[1] > 59 || clock[2] > 60 {
        return Err(Fault::Overflow);
    }
    Ok(clock)
}

impl Fields {
    fn mark(&mut self, found: u16) -> Outcome<()> {
        if self.seen & found != 0 {
            return Err(Fault::Format);
        }
        self.seen |= found;
        Ok(())
    }

    fn set_zone(&mut self, zone: ZoneSpec) -> Outcome<()> {
        self.zone = Some(zone);
        self.mark(ZONE)
    }

    fn set_clock(&mut self, [hour, minute, second, microsecond]: [i64; 4]) -> Outcome<()> {
        self.hour = hour;
        let rest = (minute * 60 + second) * 1_000_000 + microsecond;
        if hour > 24 || (hour == 24 && rest > 0) {
            return Err(Fault::Overflow);
        }
        self.time = hour * calendar::HOUR + rest;
        self.mark(TIME)
    }

    fn clock(&mut self, text: &str) -> Outcome<()> {
        if self.next.take().is_some_and(|next| next != Word::Time) {
            return Err(Fault::Format);
        }
        self.set_clock(clock(text)?)
    }

    /// A date; or with one known already, a zone's name, or a time with a zone behind it.
    fn date(&mut self, text: &str, order: DateOrder) -> Outcome<()> {
        let clock = self.time_only
            && text.len() > 5
            && text.find(|c: char| !c.is_ascii_digit()).is_some_and(|at| at > 4);
        if !clock && self.next.is_none() && self.seen & (MONTH | DAY) != MONTH | DAY {
            return self.calendar_date(text, order);
        }
        if !text.starts_with(|c: char| c.is_ascii_digit()) && self.next.is_none() {
            let zone = Zone::named(text).ok_or_else(|| Fault::Zone(text.to_owned()))?;
            return self.set_zone(ZoneSpec::Zone(zone));
        }
        self.next = None;
        let at = text.find('-').filter(|_| self.seen & TIME == 0).ok_or(Fault::Format)?;
        let offset = zone_offset(&text[at..])?;
        self.set_zone(ZoneSpec::Offset(offset))?;
        self.concatenated(&text[..at])
    }

    fn calendar_date(&mut self, text: &str, order: DateOrder) -> Outcome<()> {
        // PostgreSQL wants the date before everything else.
        if self.seen & !(DATE | ZONE | JULIAN) != 0 {
            return Err(Fault::Format);
        }
        let mut parts = Vec::new();
        for part in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()) {
            // Digits and letters may touch.
            let mut rest = part;
            while let Some(first) = rest.chars().next() {
                let digits = first.is_ascii_digit();
                let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
                parts.push(&rest[..end]);
                rest = &rest[end..];
            }
        }
        for part in &parts {
            if part.starts_with(|c: char| c.is_ascii_alphabetic()) {
                match words::word(part) {
                    Some(Word::Ignored) => {}
                    Some(Word::Month(month)) => {
                        self.mark(MONTH)?;
                        (self.month, self.text_month) = (month, true);
                    }
                    _ => return Err(Fault::Format),
                }
            }
        }
        for part in parts.iter().filter(|part| part.starts_with(|c: char| c.is_ascii_digit())) {
            self.single(part, order)?;
        }
        if self.day_of_year.is_none() && self.seen & DATE != DATE { Err(Fault::Format) } else { Ok(()) }
    }

    fn number(&mut self, text: &str, order: DateOrder) -> Outcome<()> {
        match self.next.take() {
            Some(Word::Julian) => return self.julian(text),
            Some(_) => return self.concatenated(text),
            None => {}
        }
        let whole = text.find('.');
        if self.time_only {
            return match whole {
                Some(at) if at <= 2 => Err(Fault::Format),
                _ => self.concatenated(text),
            };
        }
        let dated = self.seen & DATE != 0;
        if whole.is_some() && !dated {
            return self.calendar_date(text, order);
        }
        if whole.is_some_and(|at| at > 2) || (text.len() >= 6 && (!dated || self.seen & TIME == 0)) {
            return self.concatenated(text);
        }
        self.single(text, order)
    }

    fn julian(&mut self, text: &str) -> Outcome<()> {
        let day = int(text.split('.').next().unwrap_or(""))?;
        if text.contains('.') {
            return Err(Fault::Unsupported);
        }
        self.mark(DATE | JULIAN)?;
        (self.year, self.month, self.day) = calendar::civil(day - JULIAN_2000);
        Ok(())
    }

    /// `yyyymmdd`, `yymmdd`, `hhmmss`, `hhmm`.
    fn concatenated(&mut self, text: &str) -> Outcome<()> {
        let (digits, part) = text.split_at(text.find('.').unwrap_or(text.len()));
        let microseconds = if part.is_empty() { 0 } else { fraction(part)? };
        let length = digits.len();
        if part.is_empty() && !self.time_only && self.seen & DATE != DATE && length >= 6 {
            let (rest, day) = digits.split_at(length - 2);
            let (year, month) = rest.split_at(length - 4);
            (self.year, self.month, self.day) = (int(year)?, int(month)?, int(day)?);
            self.two_digits = length == 6;
            return self.mark(DATE);
        }
        if self.seen & TIME == 0 && (length == 6 || length == 4) {
            let second = if length == 6 { int(&digits[4..])? } else { 0 };
            let clock = [int(&digits[..2])?, int(&digits[2..4])?, second, microseconds];
            if clock[1] > 59 || clock[2] > 60 {
                return Err(Fault::Overflow);
            }
            return self.set_clock(clock);
        }
        Err(Fault::Format)
    }

    /// One number of a date, by what is known already.
    fn single(&mut self, text: &str, order: DateOrder) -> Outcome<()> {
        let length = text.len();
        if text.contains('.') {
            return Err(Fault::Format);
        }
        let value = int(text)?;
        if length == 3 && self.seen & DATE == YEAR && (1..=366).contains(&value) {
            self.day_of_year = Some(value);
            return self.mark(MONTH | DAY);
        }
        let long = length >= 3 || order == DateOrder::Ymd;
        let field = match self.seen & DATE {
            0 if long => YEAR,
            0 if order == DateOrder::Dmy => DAY,
            0 | YEAR | DAY => MONTH,
            MONTH if self.text_month && long => YEAR,
            MONTH => DAY,
            seen if seen == YEAR | MONTH => {
                if self.text_month && length >= 3 && self.two_digits {
                    // The first number was the day.
                    self.day = self.year;
                    (self.year, self.two_digits) = (value, false);
                    return self.mark(DAY);
                }
                DAY
            }
            seen if seen == MONTH | DAY => YEAR,
            seen if seen == DATE => return self.concatenated(text),
            _ => return Err(Fault::Format),
        };
        match field {
            YEAR => (self.year, self.two_digits) = (value, length <= 2),
            MONTH => self.month = value,
            _ => self.day = value,
        }
        self.mark(field)
    }

    fn word(&mut self, text: &str, next: Option<&Token>) -> Outcome<()> {
        if let Some(meaning) = abbreviations::find(text) {
            return self.set_zone(match meaning {
                Meaning::Fixed(offset) => ZoneSpec::Offset(i64::from(offset)),
                Meaning::In(zone) => {
                    ZoneSpec::Abbreviation(Zone::named(zone).ok_or(Fault::Unsupported)?, text.to_owned())
                }
            });
        }
        match words::word(text) {
            Some(Word::Ignored) => Ok(()),
            Some(Word::Weekday) => self.mark(WEEKDAY),
            Some(Word::Month(month)) => {
                let day = self.seen & (MONTH | DAY) == MONTH && !self.text_month;
                if day && (1..=31).contains(&self.month) {
                    self.day = self.month;
                    self.mark(DAY)?;
                } else {
                    self.mark(MONTH)?;
                }
                (self.month, self.text_month) = (month, true);
                Ok(())
            }
            Some(half @ (Word::Am | Word::Pm)) => {
                self.half = Some(half);
                self.mark(HALF)
            }
            Some(Word::Bc) => {
                self.bc = true;
                self.mark(ERA)
            }
            Some(Word::Ad) => self.mark(ERA),
            Some(Word::Time) => {
                let follows =
                    next.is_some_and(|next| matches!(next.kind, Kind::Number | Kind::Time | Kind::Date));
                if !follows || (!self.time_only && self.seen & DATE != DATE) {
                    return Err(Fault::Format);
                }
                self.next = Some(Word::Time);
                Ok(())
            }
            Some(Word::Julian) => {
                self.next = Some(Word::Julian);
                Ok(())
            }
            Some(Word::Refused) => Err(Fault::Unsupported),
            Some(Word::Allballs) => {
                self.mark(TIME)?;
                self.set_zone(ZoneSpec::Offset(0))
            }
            Some(special) => self.special(special),
            None => {
                let zone = Zone::named(text).ok_or(Fault::Format)?;
                self.set_zone(ZoneSpec::Zone(zone))
            }
        }
    }

    fn special(&mut self, special: Word) -> Outcome<()> {
        self.special = Some(special);
        self.mark(match special {
            Word::Today | Word::Tomorrow | Word::Yesterday => DATE,
            _ => DATE | TIME | ZONE,
        })
    }

    fn finish(&mut self) -> Outcome<()> {
        if self.seen & DATE == DATE && self.special.is_none() && self.seen & JULIAN == 0 {
            self.check_date()?;
        }
        if let Some(half) = self.half {
            if self.hour > 12 {
                return Err(Fault::Overflow);
            }
            match half {
                Word::Am if self.hour == 12 => self.time -= 12 * calendar::HOUR,
                Word::Pm if self.hour != 12 => self.time += 12 * calendar::HOUR,
                _ => {}
            }
        }
        Ok(())
    }

    fn check_date(&mut self) -> Outcome<()> {
        if self.bc {
            if self.year <= 0 {
                return Err(Fault::Overflow);
            }
            self.year = 1 - self.year;
        } else if self.two_digits {
            self.year += if self.year < 70 { 2_000 } else { 1_900 };
        } else if self.year <= 0 {
            return Err(Fault::Overflow);
        }
        if let Some(day) = self.day_of_year {
            (self.year, self.month, self.day) = calendar::civil(calendar::days(self.year, 1, 1) + day - 1);
        }
        if !(1..=12).contains(&self.month) || !(1..=31).contains(&self.day) {
            return Err(Fault::MonthDay);
        }
        if self.day > calendar::month_days(self.year, self.month) {
            return Err(Fault::Overflow);
        }
        Ok(())
    }
}
