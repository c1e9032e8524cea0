//! Patterns of dates and times, taken apart.

use crate::{Error, Result};

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Field {
        field: Field,
        /// As it is written.
        name: &'static str,
        /// `FM`: without padding.
        fill: bool,
        /// `TH` or `th` behind it.
        ordinal: Option<bool>,
    },
    /// Copied; what is not a letter or digit separates on input.
    Character(char),
    /// In quotes or escaped.
    Quoted(char),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    EraDots,
    Era,
    HalfDots,
    Half,
    Century,
    DayName,
    DayShort,
    DayOfYear,
    Day,
    DayOfWeek,
    Fraction(u32),
    Fixed,
    Hour24,
    Hour12,
    IsoDayOfYear,
    IsoDayOfWeek,
    IsoWeek,
    /// With so many digits.
    IsoYear(u32),
    Julian,
    Minute,
    Month,
    MonthName,
    MonthShort,
    Millisecond,
    Offset,
    Quarter,
    Roman,
    SecondOfDay,
    Second,
    ZoneHour,
    ZoneMinute,
    Zone,
    Microsecond,
    WeekOfYear,
    WeekOfMonth,
    YearComma,
    Year(u32),
}

/// How a name is written, as the pattern writes its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Upper,
    Title,
    Lower,
}

pub(super) fn case(name: &str) -> Case {
    let mut letters = name.chars();
    match (letters.next().is_some_and(char::is_uppercase), letters.any(char::is_lowercase)) {
        (true, true) => Case::Title,
        (true, false) => Case::Upper,
        (false, _) => Case::Lower,
    }
}

macro_rules! fields {
    ($($name:literal $lower:literal $field:expr;)+) => {
        /// Longer names come before what they begin with.
        const FIELDS: &[(&str, Field)] = &[$(($name, $field), ($lower, $field)),+];
    };
}

use Field as F;

fields! {
    "A.D." "a.d." F::EraDots;
    "B.C." "b.c." F::EraDots;
    "A.M." "a.m." F::HalfDots;
    "P.M." "p.m." F::HalfDots;
    "AD" "ad" F::Era;
    "BC" "bc" F::Era;
    "AM" "am" F::Half;
    "PM" "pm" F::Half;
    "CC" "cc" F::Century;
    "DAY" "day" F::DayName;
    "DDD" "ddd" F::DayOfYear;
    "DD" "dd" F::Day;
    "DY" "dy" F::DayShort;
    "Day" "Day" F::DayName;
    "Dy" "Dy" F::DayShort;
    "D" "d" F::DayOfWeek;
    "FF1" "ff1" F::Fraction(1);
    "FF2" "ff2" F::Fraction(2);
    "FF3" "ff3" F::Fraction(3);
    "FF4" "ff4" F::Fraction(4);
    "FF5" "ff5" F::Fraction(5);
    "FF6" "ff6" F::Fraction(6);
    "FX" "fx" F::Fixed;
    "HH24" "hh24" F::Hour24;
    "HH12" "hh12" F::Hour12;
    "HH" "hh" F::Hour12;
    "IDDD" "iddd" F::IsoDayOfYear;
    "ID" "id" F::IsoDayOfWeek;
    "IW" "iw" F::IsoWeek;
    "IYYY" "iyyy" F::IsoYear(4);
    "IYY" "iyy" F::IsoYear(3);
    "IY" "iy" F::IsoYear(2);
    "I" "i" F::IsoYear(1);
    "J" "j" F::Julian;
    "MI" "mi" F::Minute;
    "MM" "mm" F::Month;
    "MONTH" "month" F::MonthName;
    "MON" "mon" F::MonthShort;
    "MS" "ms" F::Millisecond;
    "Month" "Month" F::MonthName;
    "Mon" "Mon" F::MonthShort;
    "OF" "of" F::Offset;
    "Q" "q" F::Quarter;
    "RM" "rm" F::Roman;
    "SSSSS" "sssss" F::SecondOfDay;
    "SSSS" "ssss" F::SecondOfDay;
    "SS" "ss" F::Second;
    "TZH" "tzh" F::ZoneHour;
    "TZM" "tzm" F::ZoneMinute;
    "TZ" "tz" F::Zone;
    "US" "us" F::Microsecond;
    "WW" "ww" F::WeekOfYear;
    "W" "w" F::WeekOfMonth;
    "Y,YYY" "y,yyy" F::YearComma;
    "YYYY" "yyyy" F::Year(4);
    "YYY" "yyy" F::Year(3);
    "YY" "yy" F::Year(2);
    "Y" "y" F::Year(1);
}

/// Takes a pattern apart. Errors: 0A000 for `TM` and `SP`.
pub(super) fn parse(text: &str) -> Result<Vec<Node>> {
    let mut nodes = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let fill = rest.starts_with("FM") || rest.starts_with("fm");
        if fill {
            rest = &rest[2..];
        }
        if rest.starts_with("TM") || rest.starts_with("tm") {
            return Err(Error::unsupported("the pattern modifier TM"));
        }
        if let Some((name, field)) = FIELDS.iter().find(|field| rest.starts_with(field.0)) {
            rest = &rest[name.len()..];
            let ordinal = match rest.get(..2) {
                Some("TH") => Some(true),
                Some("th") => Some(false),
                Some("SP") => return Err(Error::unsupported("the pattern modifier SP")),
                _ => None,
            };
            if ordinal.is_some() {
                rest = &rest[2..];
            }
            nodes.push(Node::Field { field: *field, name, fill, ordinal });
        } else if fill {
            // Alone it changes nothing.
        } else if c == '"' {
            rest = quoted(&rest[1..], &mut nodes);
        } else {
            // A backslash escapes a double quote only.
            let escaped = c == '\\' && rest[1..].starts_with('"');
            let c = if escaped { '"' } else { c };
            rest = &rest[usize::from(escaped) + c.len_utf8()..];
            nodes.push(Node::Character(c));
        }
    }
    Ok(nodes)
}

fn quoted<'a>(mut rest: &'a str, nodes: &mut Vec<Node>) -> &'a str {
    while let Some(mut c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '"' => break,
            '\\' => {
                let Some(next) = rest.chars().next() else { break };
                rest = &rest[next.len_utf8()..];
                c = next;
            }
            _ => {}
        }
        nodes.push(Node::Quoted(c));
    }
    rest
}
