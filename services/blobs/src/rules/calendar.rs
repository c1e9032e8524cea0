//! Points of time as S3's documents and headers write them: ISO 8601 (policies, lifecycle, retention, events) and HTTP dates (RFC 9110,
//! 5.6.7). Proleptic Gregorian, UTC, years 1970 to 9999; no leap seconds.

use bole_base::Timestamp;

const DAY_SECONDS: u64 = 86_400;
/// 9999-12-31T23:59:59.999Z.
const LAST_MS: u64 = 253_402_300_799_999;

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const WEEKDAYS_LONG: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Days since 1970-01-01 of a date that exists. Years are counted from March, so that a leap day ends one.
fn days_of(year: u64, month: u64, day: u64) -> Option<u64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if !(1970..=9999).contains(&year) || !(1..=length).contains(&day) {
        return None;
    }
    let shifted = if month > 2 { year } else { year - 1 };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    Some(shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year - 719_468)
}

/// Year, month and day of a number of days since 1970-01-01.
fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// A number of exactly `digits` decimal digits at the beginning, and the rest.
fn number(text: &str, digits: usize) -> Option<(u64, &str)> {
    let (head, rest) = text.split_at_checked(digits)?;
    head.bytes().all(|byte| byte.is_ascii_digit()).then(|| head.parse().ok().map(|value| (value, rest)))?
}

/// Seconds of a day from `HH:MM:SS`, and the rest.
fn clock(text: &str) -> Option<(u64, &str)> {
    let (hour, rest) = number(text, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = match rest.strip_prefix(':') {
        Some(rest) => number(rest, 2)?,
        None => (0, rest),
    };
    (hour < 24 && minute < 60 && second < 60).then_some((hour * 3_600 + minute * 60 + second, rest))
}

/// Reads ISO 8601 as the W3C's note on dates has it: a year, a month, a date, or a date with a time, a fraction, and `Z` or an offset. A
/// time without a zone is UTC. Digits of the fraction beyond milliseconds are dropped.
pub fn parse_iso(text: &str) -> Option<Timestamp> {
    let (year, rest) = number(text, 4)?;
    let (month, rest) = match rest.strip_prefix('-') {
        Some(rest) => number(rest, 2)?,
        None => (1, rest),
    };
    let (day, rest) = match rest.strip_prefix('-') {
        Some(rest) => number(rest, 2)?,
        None => (1, rest),
    };
    let midnight_ms = days_of(year, month, day)? * DAY_SECONDS * 1_000;
    if rest.is_empty() {
        return Some(Timestamp(midnight_ms));
    }
    // What follows a time is only possible after a full date.
    let full = text.len() - rest.len() == 10;
    let (seconds, rest) = clock(rest.strip_prefix('T').filter(|_| full)?)?;
    let (fraction_ms, rest) = fraction(rest)?;
    let local_ms = i64::try_from(midnight_ms + seconds * 1_000 + fraction_ms).ok()?;
    let utc_ms = u64::try_from(local_ms - zone_ms(rest)?).ok()?;
    (utc_ms <= LAST_MS).then_some(Timestamp(utc_ms))
}

fn fraction(text: &str) -> Option<(u64, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some((0, text)) };
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = rest.split_at(length);
    let milliseconds =
        digits.bytes().chain(*b"000").take(3).fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    (!digits.is_empty()).then_some((milliseconds, rest))
}

fn zone_ms(text: &str) -> Option<i64> {
    let sign = match text.bytes().next() {
        None => return Some(0),
        Some(b'Z') => return (text.len() == 1).then_some(0),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return None,
    };
    let (seconds, rest) = clock(&text[1..])?;
    (rest.is_empty() && text.len() == 6).then_some(sign * seconds as i64 * 1_000)
}

/// `2026-01-31T10:20:30.400Z`.
pub fn format_iso(time: Timestamp) -> String {
    let ms = time.0.min(LAST_MS);
    let (year, month, day) = date_of(ms / 1_000 / DAY_SECONDS);
    let (hour, minute, second) = clock_of(ms);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1_000)
}

fn clock_of(ms: u64) -> (u64, u64, u64) {
    let seconds = ms / 1_000 % DAY_SECONDS;
    (seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// `Sat, 31 Jan 2026 10:20:30 GMT`.
pub fn format_http(time: Timestamp) -> String {
    let ms = time.0.min(LAST_MS);
    let days = ms / 1_000 / DAY_SECONDS;
    let (year, month, day) = date_of(days);
    let (hour, minute, second) = clock_of(ms);
    // 1970-01-01 was a Thursday.
    let weekday = WEEKDAYS[(days as usize + 4) % 7];
    let month = MONTHS[month as usize - 1];
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// Reads the three forms of an HTTP date (RFC 9110, 5.6.7), to the second. The name of the weekday must be one, and is not compared.
pub fn parse_http(text: &str) -> Option<Timestamp> {
    let (weekday, rest) = text.split_once([',', ' '])?;
    if !WEEKDAYS.contains(&weekday) && !WEEKDAYS_LONG.contains(&weekday) {
        return None;
    }
    let month = |name: &str| MONTHS.iter().position(|month| *month == name).map(|index| index as u64 + 1);
    let fields: Vec<&str> = rest.split([' ', '-']).filter(|field| !field.is_empty()).take(6).collect();
    let (day, month, year, time) = match fields[..] {
        [day, name, year, time, "GMT"] | [name, day, time, year] => (day, month(name)?, year, time),
        _ => return None,
    };
    let whole = |text: &str, digits: usize| {
        number(text, digits).filter(|(_, rest)| rest.is_empty()).map(|(value, _)| value)
    };
    let day = whole(day, day.len().min(2))?;
    let year = match year.len() {
        // Two digits are of the hundred years that end with 2069, as RFC 850's dates are read.
        2 => whole(year, 2).map(|year| if year < 70 { 2000 + year } else { 1900 + year })?,
        _ => whole(year, 4)?,
    };
    let (seconds, rest) = clock(time)?;
    let complete = rest.is_empty() && time.len() == 8;
    complete.then_some(Timestamp((days_of(year, month, day)? * DAY_SECONDS + seconds) * 1_000))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn iso_dates() {
        for (text, expected) in [
            ("1970-01-01T00:00:00.000Z", Some(0)),
            ("2000-02-29T12:34:56.789Z", Some(951_827_696_789)),
            ("2000-02-29T12:34:56.7894Z", Some(951_827_696_789)),
            ("2000-02-29T14:34:56+02:00", Some(951_827_696_000)),
            ("2000-02-29T12:34:56", Some(951_827_696_000)),
            ("2000-02-29T12:34Z", Some(951_827_640_000)),
            ("2000-02-29", Some(951_782_400_000)),
            ("2000-02", Some(949_363_200_000)),
            ("2000", Some(946_684_800_000)),
            ("9999-12-31T23:59:59.999Z", Some(LAST_MS)),
            ("9999-12-31T23:59:59-01:00", None),
            ("1970-01-01T00:00:00+01:00", None),
            ("2001-02-29", None),
            ("1900-01-01", None),
            ("2000-13-01", None),
            ("2000-02T12:00:00Z", None),
            ("2000-02-29T24:00:00Z", None),
            ("2000-02-29T12:00:00.Z", None),
            ("2000-02-29T12:00:00Zx", None),
            ("2000-02-29 12:00:00Z", None),
            ("2000-2-29", None),
            ("", None),
            ("é000-02-29", None),
        ] {
            assert_eq!(parse_iso(text).map(|time| time.0), expected, "{text}");
        }
    }

    #[test]
    fn http_dates() {
        for (text, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777_000)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777_000)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777_000)),
            ("Sun, 06 Nov 2069 08:49:37 GMT", Some(3_150_953_377_000)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 31 Feb 1994 08:49:37 GMT", None),
            ("Nox, 06 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49 GMT", None),
            ("784111777", None),
            ("", None),
        ] {
            assert_eq!(parse_http(text).map(|time| time.0), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn formats_are_read_again(ms in 0..=LAST_MS) {
            let time = Timestamp(ms);
            prop_assert_eq!(parse_iso(&format_iso(time)), Some(time));
            prop_assert_eq!(parse_http(&format_http(time)), Some(Timestamp(ms / 1_000 * 1_000)));
        }

        #[test]
        fn any_text_is_judged(text in "\\PC{0,40}", digits in "[0-9TZ:+. -]{0,30}") {
            for text in [text, digits] {
                let _ = (parse_iso(&text), parse_http(&text));
            }
        }

        #[test]
        fn days_follow_each_other(days in 0_u64..2_932_896) {
            let (year, month, day) = date_of(days);
            prop_assert_eq!(days_of(year, month, day), Some(days));
            prop_assert!(date_of(days) < date_of(days + 1));
        }
    }
}
