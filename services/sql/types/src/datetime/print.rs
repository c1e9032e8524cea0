//! Output of dates, times and timestamps.

use super::words::{MONTHS, WEEKDAYS};
use super::{DATE_INFINITY, DATE_NEGATIVE_INFINITY, INFINITY, NEGATIVE_INFINITY};
use crate::calendar::{self, DAY};
use crate::style::{DateFormat, DateOrder, Style};
use crate::zone::Offset;

/// Appends a number with at least so many digits.
pub(super) fn push(value: i64, digits: usize, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(value.unsigned_abs());
    if value < 0 {
        out.push(b'-');
    }
    out.extend(std::iter::repeat_n(b'0', digits.saturating_sub(text.len())));
    out.extend_from_slice(text.as_bytes());
}

/// Appends `hh:mm:ss`, and microseconds without trailing zeros.
pub(super) fn push_clock(time: i64, out: &mut Vec<u8>) {
    push(time / calendar::HOUR, 2, out);
    out.push(b':');
    push(time / calendar::MINUTE % 60, 2, out);
    out.push(b':');
    push_seconds(time % calendar::MINUTE, out);
}

fn push_seconds(microseconds: i64, out: &mut Vec<u8>) {
    push(microseconds / calendar::SECOND, 2, out);
    let rest = microseconds % calendar::SECOND;
    if rest != 0 {
        out.push(b'.');
        push(rest, 6, out);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

/// Appends `+hh`, `+hh:mm` or `+hh:mm:ss`.
fn push_offset(seconds: i32, out: &mut Vec<u8>) {
    out.push(if seconds < 0 { b'-' } else { b'+' });
    let seconds = i64::from(seconds.abs());
    push(seconds / 3_600, 2, out);
    if seconds % 3_600 != 0 {
        out.push(b':');
        push(seconds / 60 % 60, 2, out);
    }
    if seconds % 60 != 0 {
        out.push(b':');
        push(seconds % 60, 2, out);
    }
}

fn push_date(days: i64, style: &Style, out: &mut Vec<u8>) -> bool {
    let (year, month, day) = calendar::civil(days);
    let shown = if year > 0 { year } else { 1 - year };
    let (delimiter, first, second) = match (style.date_format, style.date_order) {
        (DateFormat::Iso, _) => {
            push(shown, 4, out);
            out.push(b'-');
            push(month, 2, out);
            out.push(b'-');
            push(day, 2, out);
            return year <= 0;
        }
        (DateFormat::German, _) => (b'.', day, month),
        (DateFormat::Sql, DateOrder::Dmy) => (b'/', day, month),
        (DateFormat::Sql, _) => (b'/', month, day),
        (DateFormat::Postgres, DateOrder::Dmy) => (b'-', day, month),
        (DateFormat::Postgres, _) => (b'-', month, day),
    };
    push(first, 2, out);
    out.push(delimiter);
    push(second, 2, out);
    out.push(delimiter);
    push(shown, 4, out);
    year <= 0
}

/// Appends a date.
pub fn write_date(date: i64, style: &Style, out: &mut Vec<u8>) {
    match date {
        DATE_INFINITY => out.extend_from_slice(b"infinity"),
        DATE_NEGATIVE_INFINITY => out.extend_from_slice(b"-infinity"),
        _ => {
            if push_date(date, style, out) {
                out.extend_from_slice(b" BC");
            }
        }
    }
}

/// Appends a time.
pub fn write_time(time: i64, out: &mut Vec<u8>) {
    push_clock(time, out);
}

/// Appends a timestamp without a zone.
pub fn write_timestamp(timestamp: i64, style: &Style, out: &mut Vec<u8>) {
    write_with(timestamp, None, style, out);
}

/// Appends a timestamp in the zone of the style.
pub fn write_timestamptz(timestamp: i64, style: &Style, out: &mut Vec<u8>) {
    write_with(timestamp, Some(style.zone.at(timestamp)), style, out);
}

fn write_with(timestamp: i64, offset: Option<Offset<'_>>, style: &Style, out: &mut Vec<u8>) {
    match timestamp {
        INFINITY => return out.extend_from_slice(b"infinity"),
        NEGATIVE_INFINITY => return out.extend_from_slice(b"-infinity"),
        _ => {}
    }
    let seconds = offset.map_or(0, |offset| offset.seconds);
    let local = i128::from(timestamp) + i128::from(seconds) * 1_000_000;
    let day = local.div_euclid(i128::from(DAY)) as i64;
    let time = local.rem_euclid(i128::from(DAY)) as i64;
    let bc = if style.date_format == DateFormat::Postgres {
        push_postgres(day, time, style, out)
    } else {
        let bc = push_date(day, style, out);
        out.push(b' ');
        push_clock(time, out);
        bc
    };
    if let Some(offset) = offset {
        if style.date_format == DateFormat::Iso || offset.abbreviation.is_empty() {
            push_offset(offset.seconds, out);
        } else {
            out.push(b' ');
            out.extend_from_slice(offset.abbreviation.as_bytes());
        }
    }
    if bc {
        out.extend_from_slice(b" BC");
    }
}

/// `Mon Jan 31 10:00:00 2000`.
fn push_postgres(days: i64, time: i64, style: &Style, out: &mut Vec<u8>) -> bool {
    let (year, month, day) = calendar::civil(days);
    out.extend_from_slice(&WEEKDAYS[calendar::weekday(days) as usize].as_bytes()[..3]);
    out.push(b' ');
    let name = &MONTHS[month as usize - 1].as_bytes()[..3];
    if style.date_order == DateOrder::Dmy {
        push(day, 2, out);
        out.push(b' ');
        out.extend_from_slice(name);
    } else {
        out.extend_from_slice(name);
        out.push(b' ');
        push(day, 2, out);
    }
    out.push(b' ');
    push_clock(time, out);
    out.push(b' ');
    push(if year > 0 { year } else { 1 - year }, 4, out);
    year <= 0
}
