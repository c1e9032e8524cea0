//! How values are written for people: sizes, numbers, times, bytes that may be anything.

use std::fmt::Write as _;

use serde_json::Value;

/// Bytes in the unit that fits.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1_024.0 && unit + 1 < UNITS.len() {
        value /= 1_024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// A number with its digits in groups.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A duration in its two largest units.
pub(crate) fn seconds(seconds: u64) -> String {
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let first = parts.iter().position(|(value, _)| *value > 0).unwrap_or(parts.len() - 1);
    let shown =
        parts[first..].iter().take(2).filter(|(value, unit)| *value > 0 || *unit == "s" && first == 3);
    shown.map(|(value, unit)| format!("{value} {unit}")).collect::<Vec<_>>().join(" ")
}

/// Microseconds in the unit that fits.
pub(crate) fn micros(micros: u64) -> String {
    if micros < 1_000 { format!("{micros} µs") } else { format!("{:.1} ms", micros as f64 / 1e3) }
}

/// A time, of milliseconds since 1970. What is no time of a calendar is shown as the number that it is.
pub(crate) fn time_ms(millis: i64) -> String {
    const MAX_MS: i64 = 253_402_300_800_000;
    if !(0..MAX_MS).contains(&millis) {
        return millis.to_string();
    }
    let (days, seconds) = (millis / 86_400_000, millis / 1_000 % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Year, month and day of a number of days since 1970. A year is taken to begin in March, so that the leap day is its last.
fn civil(days: i64) -> (i64, i64, i64) {
    // Days since 0000-03-01, of which 1970-01-01 is number 719,468; 400 years have 146,097.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// A part of a whole.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "–".to_owned() } else { format!("{:.1} %", part as f64 * 100.0 / whole as f64) }
}

/// Bytes as text where they are that, else with their other bytes as `\xNN`; at most `chars_max` characters, and whether there is more.
pub(crate) fn text(bytes: &[u8], chars_max: usize) -> (String, bool) {
    let mut out = String::new();
    for (shown, piece) in bytes.utf8_chunks().flat_map(pieces).enumerate() {
        if shown == chars_max {
            return (out, true);
        }
        out.push_str(&piece);
    }
    (out, false)
}

#[expect(clippy::needless_pass_by_value, reason = "an iterator of them gives them")]
fn pieces(chunk: std::str::Utf8Chunk<'_>) -> Vec<String> {
    let one = |one: char| match one {
        '\n' | '\t' => one.to_string(),
        one if one.is_control() => one.escape_default().to_string(),
        one => one.to_string(),
    };
    let broken = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
    chunk.valid().chars().map(one).chain(broken).collect()
}

/// A cell's text, cut where it is too long.
pub(crate) fn cell(bytes: &[u8]) -> String {
    let (text, is_cut) = text(bytes, crate::limits::CELL_CHARS_MAX);
    if is_cut { format!("{text}…") } else { text }
}

/// Hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a string does not fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// What hexadecimal digits say.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|one| one.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}

/// Text as it stands in a path's segment or a query's value.
pub(crate) fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// A link to a page of the console with a query.
pub(crate) fn link(path: &str, query: &[(&str, &str)]) -> String {
    let pairs = query.iter().filter(|(_, value)| !value.is_empty());
    let query: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", encode(value))).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}{path}{mark}{}", crate::PATH, query.join("&"))
}

/// A number of JSON; 0 where there is none.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_f64().map(|value| value.max(0.0) as u64)).unwrap_or(0)
}

/// A text of JSON; empty where there is none.
pub(crate) fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A list of JSON; empty where there is none.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_for_people() {
        for (value, expected) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_536, "1.5 KiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "16384.0 PiB"),
        ] {
            assert_eq!(bytes(value), expected);
        }
        for (value, expected) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(value), expected);
        }
        for (value, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_725, "1 h 2 min"),
            (90_000, "1 d 1 h"),
            (86_400, "1 d"),
        ] {
            assert_eq!(seconds(value), expected);
        }
        assert_eq!((micros(999), micros(1_500)), ("999 µs".to_owned(), "1.5 ms".to_owned()));
        assert_eq!((percent(1, 3), percent(0, 0)), ("33.3 %".to_owned(), "–".to_owned()));
    }

    #[test]
    fn times_of_the_calendar() {
        for (value, expected) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399_000, "2000-02-28 23:59:59 UTC"),
            (951_782_400_000, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199_999, "2024-02-29 23:59:59 UTC"),
            (4_107_542_400_000, "2100-03-01 00:00:00 UTC"),
            (253_402_300_799_000, "9999-12-31 23:59:59 UTC"),
            (-1, "-1"),
            (i64::MAX, "9223372036854775807"),
        ] {
            assert_eq!(time_ms(value), expected);
        }
    }

    #[test]
    fn bytes_that_may_be_anything() {
        for (value, most, expected) in [
            (&b"ab"[..], 9, ("ab", false)),
            (b"ab", 1, ("a", true)),
            (b"a\xff\x00\n", 9, ("a\\xff\\u{0}\n", false)),
            ("äö".as_bytes(), 2, ("äö", false)),
            (b"", 0, ("", false)),
        ] {
            let (shown, is_cut) = text(value, most);
            assert_eq!((shown.as_str(), is_cut), expected);
        }
        for value in [&b""[..], b"\x00\xff", b"key"] {
            assert_eq!(unhex(&hex(value)).as_deref(), Some(value));
        }
        assert_eq!((unhex("0"), unhex("zz"), unhex("ää")), (None, None, None));
        assert_eq!(link("/x", &[("a", "b&c d"), ("e", "")]), "/console/x?a=b%26c%20d");
    }
}
