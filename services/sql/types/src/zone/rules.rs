//! The rules of one zone: transitions from a `TZif` file (RFC 8536), and a POSIX rule for what comes after them.

use super::Offset;
use crate::calendar::{UNIX_2000, civil, days, is_leap, weekday};

const DAY_SECONDS: i64 = 86_400;

/// A zone's rules. Times are seconds since 2000-01-01.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) name: String,
    /// When a kind begins to hold.
    transitions: Vec<(i64, u8)>,
    kinds: Vec<Kind>,
    after: Option<Posix>,
}

#[derive(Clone, Debug, PartialEq)]
struct Kind {
    offset: i32,
    daylight: bool,
    abbreviation: String,
}

impl Kind {
    fn offset(&self) -> Offset<'_> {
        Offset { seconds: self.offset, daylight: self.daylight, abbreviation: &self.abbreviation }
    }
}

/// `CET-1CEST,M3.5.0,M10.5.0/3`.
#[derive(Debug)]
struct Posix {
    standard: Kind,
    daylight: Option<(Kind, Change, Change)>,
}

#[derive(Clone, Copy, Debug)]
struct Change {
    day: Day,
    /// Seconds after midnight, by the clock before the change.
    time: i64,
}

#[derive(Clone, Copy, Debug)]
enum Day {
    /// The nth (5: last) weekday of a month.
    Weekday { month: i64, week: i64, day: i64 },
    /// 1 to 365, without the 29th of February.
    Julian(i64),
    /// 0 to 365.
    Ordinal(i64),
}

impl Change {
    /// In seconds since 2000-01-01, by the clock before the change.
    fn local(self, year: i64) -> i64 {
        let day = match self.day {
            Day::Weekday { month, week, day } => {
                let first = days(year, month, 1);
                let mut at = first + (day - weekday(first)).rem_euclid(7) + (week - 1) * 7;
                while week == 5 && civil(at).1 != month {
                    at -= 7;
                }
                at
            }
            Day::Julian(day) => days(year, 1, 1) + day - 1 + i64::from(day >= 60 && is_leap(year)),
            Day::Ordinal(day) => days(year, 1, 1) + day,
        };
        day * DAY_SECONDS + self.time
    }
}

impl Posix {
    /// When what begins, around a time, in order.
    fn around(&self, time: i64) -> Vec<(i64, &Kind)> {
        let Some((daylight, start, end)) = &self.daylight else { return vec![(i64::MIN, &self.standard)] };
        let (year, _, _) = civil(time.div_euclid(DAY_SECONDS));
        let mut changes: Vec<_> = (year - 1..=year + 1)
            .flat_map(|year| {
                [
                    (start.local(year) - i64::from(self.standard.offset), daylight),
                    (end.local(year) - i64::from(daylight.offset), &self.standard),
                ]
            })
            .collect();
        changes.sort_by_key(|change| change.0);
        changes
    }

    fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let name = abbreviation(&mut rest)?;
        let offset = -time(&mut rest)?;
        let standard = Kind { offset: offset as i32, daylight: false, abbreviation: name };
        if rest.is_empty() {
            return Some(Self { standard, daylight: None });
        }
        let name = abbreviation(&mut rest)?;
        let offset =
            if rest.is_empty() || rest.starts_with(',') { offset + 3_600 } else { -time(&mut rest)? };
        let daylight = Kind { offset: offset as i32, daylight: true, abbreviation: name };
        // Without a rule it is that of the United States since 2007 (PostgreSQL's TZDEFRULESTRING).
        let mut rest = if rest.is_empty() { ",M3.2.0,M11.1.0" } else { rest };
        let (start, end) = (change(&mut rest)?, change(&mut rest)?);
        rest.is_empty().then_some(Self { standard, daylight: Some((daylight, start, end)) })
    }
}

/// The name before an offset; PostgreSQL lets it be missing.
fn abbreviation(rest: &mut &str) -> Option<String> {
    let (name, after) = if let Some(quoted) = rest.strip_prefix('<') {
        quoted.split_once('>')?
    } else {
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        rest.split_at(end)
    };
    *rest = after;
    Some(name.to_owned())
}

fn number(rest: &mut &str) -> Option<i64> {
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    *rest = after;
    if digits.len() > 4 { None } else { digits.parse().ok() }
}

/// `[+-]hh[:mm[:ss]]` in seconds.
fn time(rest: &mut &str) -> Option<i64> {
    let negative = rest.starts_with('-');
    *rest = rest.strip_prefix(['-', '+']).unwrap_or(rest);
    let mut total = number(rest)? * 3_600;
    for unit in [60, 1] {
        let Some(after) = rest.strip_prefix(':') else { break };
        *rest = after;
        total += number(rest)? * unit;
    }
    (total <= 167 * 3_600).then_some(if negative { -total } else { total })
}

fn change(rest: &mut &str) -> Option<Change> {
    *rest = rest.strip_prefix(',')?;
    let day = if let Some(after) = rest.strip_prefix('M') {
        *rest = after;
        let mut part = || {
            let value = number(rest)?;
            *rest = rest.strip_prefix('.').unwrap_or(rest);
            Some(value)
        };
        let (month, week, day) = (part()?, part()?, part()?);
        if !(1..=12).contains(&month) || !(1..=5).contains(&week) || day > 6 {
            return None;
        }
        Day::Weekday { month, week, day }
    } else if let Some(after) = rest.strip_prefix('J') {
        *rest = after;
        Day::Julian(number(rest).filter(|day| (1..=365).contains(day))?)
    } else {
        Day::Ordinal(number(rest).filter(|day| *day <= 365)?)
    };
    let time = match rest.strip_prefix('/') {
        Some(after) => {
            *rest = after;
            time(rest)?
        }
        None => 7_200,
    };
    Some(Change { day, time })
}

impl Rules {
    /// From a `TZif` file of version 2 or above.
    pub(super) fn read(name: &str, bytes: &[u8]) -> Option<Self> {
        let counts = |at: usize| -> Option<[usize; 6]> {
            let mut counts = [0; 6];
            for (n, count) in counts.iter_mut().enumerate() {
                *count = u32::from_be_bytes(bytes.get(at + 20 + n * 4..at + 24 + n * 4)?.try_into().ok()?)
                    as usize;
            }
            Some(counts)
        };
        let [utc, wall, leap, times, kinds, chars] = counts(0)?;
        let second = 44 + times * 5 + kinds * 6 + chars + leap * 8 + wall + utc;
        let [utc, wall, leap, times, kinds, chars] = counts(second)?;
        let (at, indexes) = (second + 44, second + 44 + times * 8);
        let (records, names) = (indexes + times, indexes + times + kinds * 6);
        let transitions = (0..times).map(|n| {
            let unix = i64::from_be_bytes(bytes.get(at + n * 8..at + n * 8 + 8)?.try_into().ok()?);
            Some((unix - UNIX_2000 * DAY_SECONDS, *bytes.get(indexes + n)?))
        });
        let read_kind = |n: usize| {
            let record = bytes.get(records + n * 6..records + n * 6 + 6)?;
            let abbreviation = bytes.get(names + record[5] as usize..names + chars)?;
            let abbreviation = abbreviation.split(|byte| *byte == 0).next()?;
            Some(Kind {
                offset: i32::from_be_bytes(record[..4].try_into().ok()?),
                daylight: record[4] != 0,
                abbreviation: std::str::from_utf8(abbreviation).ok()?.to_owned(),
            })
        };
        let footer = bytes.get(names + chars + leap * 12 + wall + utc..)?;
        let footer = std::str::from_utf8(footer).ok()?.trim_matches('\n');
        Some(Self {
            name: name.to_owned(),
            transitions: transitions.collect::<Option<_>>()?,
            kinds: (0..kinds).map(read_kind).collect::<Option<_>>()?,
            after: Posix::parse(footer),
        })
    }

    /// From a POSIX rule alone.
    pub(super) fn posix(text: &str) -> Option<Self> {
        let rule = Posix::parse(text)?;
        Some(Self { name: text.to_owned(), transitions: Vec::new(), kinds: Vec::new(), after: Some(rule) })
    }

    fn first(&self) -> &Kind {
        const NONE: &Kind = &Kind { offset: 0, daylight: false, abbreviation: String::new() };
        let kind = self.kinds.first();
        kind.or_else(|| self.after.as_ref().map(|after| &after.standard)).unwrap_or(NONE)
    }

    /// What held before a time, when it ended or ends, and what comes then: for the last change at or before `time`, and the next one.
    fn kind(&self, time: i64) -> &Kind {
        let last = self.transitions.last().map_or(i64::MIN, |last| last.0);
        match &self.after {
            Some(after) if time >= last => {
                let changes = after.around(time);
                let found = changes.iter().rev().find(|change| change.0 <= time);
                match found {
                    // The last change of the file holds until the rule's next one.
                    Some(change) if change.0 < last => {
                        self.transitions.last().map_or(change.1, |last| &self.kinds[last.1 as usize])
                    }
                    Some(change) => change.1,
                    None => &after.standard,
                }
            }
            _ => match self.transitions.partition_point(|transition| transition.0 <= time) {
                0 => self.first(),
                n => &self.kinds[self.transitions[n - 1].1 as usize],
            },
        }
    }

    pub(super) fn at(&self, time: i64) -> Offset<'_> {
        self.kind(time).offset()
    }

    /// The next change after a time.
    fn next(&self, time: i64) -> Option<i64> {
        let n = self.transitions.partition_point(|transition| transition.0 <= time);
        if let Some(transition) = self.transitions.get(n) {
            return Some(transition.0);
        }
        let after = self.after.as_ref()?;
        after.around(time).iter().map(|change| change.0).find(|change| *change > time)
    }

    /// As PostgreSQL's `DetermineTimeZoneOffset`: of a day before the local time taken as UTC, the next change decides.
    pub(super) fn at_local(&self, local: i64) -> Offset<'_> {
        let before = self.kind(local - DAY_SECONDS);
        let Some(boundary) = self.next(local - DAY_SECONDS) else { return before.offset() };
        let after = self.kind(boundary);
        let (early, late) = (local - i64::from(before.offset), local - i64::from(after.offset));
        if early < boundary && late < boundary {
            return before.offset();
        }
        // Beyond one change there may be another within a day, which PostgreSQL ignores too.
        if early > boundary && late >= boundary {
            return after.offset();
        }
        if early > late { before.offset() } else { after.offset() }
    }

    pub(super) fn abbreviation_at(&self, local: i64, abbreviation: &str) -> Option<i32> {
        let matches = |kind: &Kind| kind.abbreviation.eq_ignore_ascii_case(abbreviation);
        let now = self.kind(local);
        if matches(now) {
            return Some(now.offset);
        }
        // The latest use before, else the first one after.
        let mut found = None;
        for (time, kind) in &self.transitions {
            let kind = &self.kinds[*kind as usize];
            if matches(kind) && (*time <= local || found.is_none()) {
                found = Some(kind.offset);
            }
        }
        let after = self.after.as_ref().filter(|_| found.is_none());
        found.or_else(|| {
            let (daylight, _, _) = after?.daylight.as_ref()?;
            matches(daylight).then_some(daylight.offset)
        })
    }
}
