//! Points in time as users write them: milliseconds since 1970, or RFC 3339.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub(in crate::cli) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Reads milliseconds since 1970, or a date and time of RFC 3339 such as `2026-01-31T12:00:00Z`; milliseconds since 1970.
pub(in crate::cli) fn parse_instant(text: &str) -> Result<i64, String> {
    let millis = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let wrong = || {
        "it is neither milliseconds since 1970 nor a time such as 2026-01-31T12:00:00Z (RFC 3339)".to_owned()
    };
    millis.or_else(|| rfc3339(text)).ok_or_else(wrong)
}

/// RFC 3339, section 5.6: date, `T` or a space, time with an optional fraction, `Z` or an offset. Digits after the
/// milliseconds are dropped; second 60 is the first of the next minute.
fn rfc3339(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (time, rest) = rest.split_at_checked(8)?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            let millis = format!("{:0<3}", &rest[..end]);
            (millis.get(..3).filter(|_| end > 0)?.parse().ok()?, &rest[end..])
        }
    };
    if day < 1 || day > days_in_month(year, month)? || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some((seconds - zone_seconds(zone)?) * 1_000 + fraction)
}

fn zone_seconds(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let [hour, minute] = numbers(zone.strip_prefix(['+', '-'])?, ':', [2, 2])?;
    (hour <= 23 && minute <= 59).then_some(sign * (hour * 3_600 + minute * 60))
}

/// Numbers of so many digits each, with `separator` between them and nothing else.
fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[i64; N]> {
    let words: Vec<&str> = text.split(separator).collect();
    let mut numbers = [0; N];
    if words.len() != N {
        return None;
    }
    for ((number, word), digits) in numbers.iter_mut().zip(words).zip(digits) {
        let fits = word.len() == digits && word.bytes().all(|byte| byte.is_ascii_digit());
        *number = word.parse().ok().filter(|_| fits)?;
    }
    Some(numbers)
}

fn days_in_month(year: i64, month: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => Some(28 + i64::from(leap)),
        4 | 6 | 9 | 11 => Some(30),
        1..=12 => Some(31),
        _ => None,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar. Years are counted from March, so that a leap day ends its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // March to July and August to December each have 153 days in five months.
    let days = year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1;
    // Days from 0000-03-01 to 1970-01-01.
    days - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time() {
        for (text, millis) in [
            ("0", Some(0)),
            ("1700000000000", Some(1_700_000_000_000)),
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2023-11-14T22:13:20Z", Some(1_700_000_000_000)),
            ("2023-11-14T23:13:20.5+01:00", Some(1_700_000_000_500)),
            ("2023-11-14 17:13:20.123456-05:00", Some(1_700_000_000_123)),
            ("2000-02-29T00:00:00Z", Some(951_782_400_000)),
            ("1969-12-31T23:59:59.999Z", Some(-1)),
            ("1900-02-29T00:00:00Z", None),
            ("2023-11-14", None),
            ("2023-11-14T22:13:20", None),
            ("2023-13-14T22:13:20Z", None),
            ("2023-11-14T24:13:20Z", None),
            ("2023-11-14T22:13:20.Z", None),
            ("2023-11-14T22:13:2äZ", None),
            ("-5", None),
            ("", None),
        ] {
            assert_eq!(parse_instant(text).ok(), millis, "{text}");
        }
    }
}
