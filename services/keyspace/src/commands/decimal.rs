//! Sums of decimal numbers as people expect them: 0.1 + 0.2 is 0.3. For INCRBYFLOAT and HINCRBYFLOAT.
//!
//! Redis adds in long doubles and prints 17 digits after the point. Sums of numbers with up to 17 such digits are exact here; others are
//! added in double precision.

use crate::protocol::reply::NumberText;

/// Digits after the point that are kept exactly.
const SCALE_MAX: usize = 17;
/// Digits before the point that are kept exactly.
const WHOLE_DIGITS_MAX: usize = 20;

/// The text of `value + by`, which the caller has parsed as numbers; `None` if the sum is no finite number.
pub fn sum(value: &[u8], by: &[u8]) -> Option<String> {
    if let (Some(first), Some(second)) = (fixed_point(value), fixed_point(by)) {
        return Some(format(first + second));
    }
    let parse = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse::<f64>().ok();
    let sum = parse(value)? + parse(by)?;
    sum.is_finite().then(|| NumberText::default().fixed(sum).to_owned())
}

/// The number times 10^17, if it is written without an exponent and has few enough digits.
fn fixed_point(text: &[u8]) -> Option<i128> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    let point = digits.iter().position(|byte| *byte == b'.').unwrap_or(digits.len());
    let (whole, fraction) = (&digits[..point], digits.get(point + 1..).unwrap_or_default());
    let all_digits = whole.iter().chain(fraction).all(u8::is_ascii_digit);
    if !all_digits || digits.is_empty() || whole.len() > WHOLE_DIGITS_MAX || fraction.len() > SCALE_MAX {
        return None;
    }
    let padding = std::iter::repeat_n(&b'0', SCALE_MAX - fraction.len());
    let number = whole
        .iter()
        .chain(fraction)
        .chain(padding)
        .fold(0_i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
    Some(if negative { -number } else { number })
}

/// The text of a number times 10^17, without trailing zeros.
fn format(number: i128) -> String {
    let scale = 10_u128.pow(SCALE_MAX as u32);
    let magnitude = number.unsigned_abs();
    let sign = if number < 0 { "-" } else { "" };
    let text = format!("{sign}{}.{:0SCALE_MAX$}", magnitude / scale, magnitude % scale);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums() {
        for (value, by, expected) in [
            ("0.1", "0.2", Some("0.3")),
            ("10.50", "0.1", Some("10.6")),
            ("5.0e3", "2.0e2", Some("5200")),
            ("3", "-3.5", Some("-0.5")),
            ("0", "-0", Some("0")),
            ("-1.25", "1.25", Some("0")),
            ("99999999999999999999", "1", Some("100000000000000000000")),
            ("1e308", "1e308", None),
            ("0.00000000000000001", "0", Some("0.00000000000000001")),
        ] {
            assert_eq!(sum(value.as_bytes(), by.as_bytes()).as_deref(), expected, "{value} + {by}");
        }
    }
}
