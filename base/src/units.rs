//! Sizes and times as people write them in configuration: `64MiB`, `1GiB`, `30s`, `250ms`.

use std::time::Duration;

const SIZES: [(&str, u64); 9] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("b", 1),
];

const TIMES: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Splits `text` into its leading number and the unit after it, in lower case.
fn split(text: &str) -> Option<(u64, String)> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number = text[..digits].parse().ok()?;
    Some((number, text[digits..].trim().to_ascii_lowercase()))
}

/// Parses a size in bytes: a number and one of B, KiB, MiB, GiB, TiB (powers of 1024), KB, MB, GB, TB (powers of 1000).
/// A bare number is bytes.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let unknown = || format!("size \"{text}\" is not a number with a unit such as 64MiB or 1GB");
    let (number, unit) = split(text).ok_or_else(unknown)?;
    let factor = if unit.is_empty() { 1 } else { lookup(&SIZES, &unit).ok_or_else(unknown)? };
    number.checked_mul(factor).ok_or_else(|| format!("size \"{text}\" is larger than 2^64 bytes"))
}

/// Parses a duration: a number and one of ms, s, m, h, d.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let unknown = || format!("duration \"{text}\" is not a number with a unit such as 250ms or 30s");
    let (number, unit) = split(text).ok_or_else(unknown)?;
    let factor = lookup(&TIMES, &unit).ok_or_else(unknown)?;
    let millis = number.checked_mul(factor).ok_or_else(|| format!("duration \"{text}\" is too long"))?;
    Ok(Duration::from_millis(millis))
}

fn lookup(table: &[(&str, u64)], unit: &str) -> Option<u64> {
    table.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor)
}

/// A size as people read it: the largest power of 1024 with one decimal, `1.5 GiB`.
pub fn format_bytes(bytes: u64) -> String {
    let steps = [("TiB", 1_u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    for (unit, factor) in steps {
        if bytes >= factor {
            return format!("{:.1} {unit}", bytes as f64 / factor as f64);
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("0", Some(0)),
            ("64MiB", Some(64 << 20)),
            ("1 gb", Some(1_000_000_000)),
            ("7 B", Some(7)),
            ("x", None),
            ("5 QB", None),
            ("99999999TiB", None),
        ] {
            assert_eq!(parse_bytes(text).ok(), expected, "{text}");
        }
        assert_eq!(format_bytes(1536 << 20), "1.5 GiB");
        assert_eq!(format_bytes(12), "12 B");
    }

    #[test]
    fn durations() {
        for (text, expected) in
            [("250ms", Some(250)), ("30s", Some(30_000)), ("2 h", Some(7_200_000)), ("5", None), ("", None)]
        {
            assert_eq!(parse_duration(text).ok(), expected.map(Duration::from_millis), "{text}");
        }
    }
}
