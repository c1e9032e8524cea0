//! Operators on storage text. Numbers of up to 18 digits are computed with as integers.

use super::Numeric;
use crate::Result;

/// Digits that a number may have to be computed with as an integer.
const DIGITS_MAX: usize = 18;

/// A number as an integer and its digits after the point.
pub(super) fn small(text: &str) -> Option<(i64, u32)> {
    let bytes = text.as_bytes();
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    if digits.is_empty() || digits.len() > DIGITS_MAX {
        return None;
    }
    let (mut value, mut scale, mut after) = (0_i64, 0, false);
    for byte in digits {
        match byte {
            b'0'..=b'9' => {
                value = value * 10 + i64::from(byte - b'0');
                scale += u32::from(after);
            }
            b'.' if !after => after = true,
            _ => return None,
        }
    }
    Some((if negative { -value } else { value }, scale))
}

/// The text of an integer with digits after the point.
pub(crate) fn unscaled(value: i128, scale: u32) -> String {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value.unsigned_abs());
    let mut text = String::with_capacity(digits.len() + 3);
    if value < 0 {
        text.push('-');
    }
    let scale = scale as usize;
    if scale == 0 {
        text.push_str(digits);
        return text;
    }
    if digits.len() > scale {
        text.push_str(&digits[..digits.len() - scale]);
        text.push('.');
        text.push_str(&digits[digits.len() - scale..]);
    } else {
        text.push_str("0.");
        text.extend(std::iter::repeat_n('0', scale - digits.len()));
        text.push_str(digits);
    }
    text
}

fn sum(a: (i64, u32), b: (i64, u32), sign: i128) -> String {
    let scale = a.1.max(b.1);
    let aligned = |(value, own): (i64, u32)| i128::from(value) * 10_i128.pow(scale - own);
    unscaled(aligned(a) + sign * aligned(b), scale)
}

/// `a + b`. Errors: 22003.
pub fn add(a: &str, b: &str) -> Result<String> {
    if let (Some(a), Some(b)) = (small(a), small(b)) {
        return Ok(sum(a, b, 1));
    }
    Ok(Numeric::parse(a)?.add(&Numeric::parse(b)?)?.to_string())
}

/// `a - b`. Errors: 22003.
pub fn subtract(a: &str, b: &str) -> Result<String> {
    if let (Some(a), Some(b)) = (small(a), small(b)) {
        return Ok(sum(a, b, -1));
    }
    Ok(Numeric::parse(a)?.subtract(&Numeric::parse(b)?)?.to_string())
}

/// `a * b`. Errors: 22003.
pub fn multiply(a: &str, b: &str) -> Result<String> {
    if let (Some(a), Some(b)) = (small(a), small(b)) {
        return Ok(unscaled(i128::from(a.0) * i128::from(b.0), a.1 + b.1));
    }
    Ok(Numeric::parse(a)?.multiply(&Numeric::parse(b)?)?.to_string())
}

/// `a / b`. Errors: 22012, 22003.
pub fn divide(a: &str, b: &str) -> Result<String> {
    Ok(Numeric::parse(a)?.divide(&Numeric::parse(b)?)?.to_string())
}

/// `a % b`. Errors: 22012.
pub fn remainder(a: &str, b: &str) -> Result<String> {
    Ok(Numeric::parse(a)?.remainder(&Numeric::parse(b)?)?.to_string())
}

/// `-a`.
pub fn negate(a: &str) -> Result<String> {
    Ok(Numeric::parse(a)?.negated().to_string())
}

/// `abs(a)`.
pub fn absolute(a: &str) -> Result<String> {
    Ok(Numeric::parse(a)?.absolute().to_string())
}

/// `a ^ b`. Errors: 2201F, 22003.
pub fn power(a: &str, b: &str) -> Result<String> {
    Ok(Numeric::parse(a)?.power(&Numeric::parse(b)?)?.to_string())
}
