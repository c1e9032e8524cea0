//! Floating-point numbers as text: in the fewest digits that read back, or in a number of digits.

use super::{invalid, is_space};
use crate::{Error, Result, SqlState, Type, Value, ValueRef};

/// A number in its storage form.
pub fn to_value(value: f64) -> Value {
    if value.is_nan() { Value::Text("NaN".to_owned()) } else { Value::Real(value) }
}

/// A number from its storage form; integers are taken as numbers too.
pub fn from_value(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Real(value) => Some(value),
        ValueRef::Integer(value) => Some(value as f64),
        ValueRef::Text(_) => Some(f64::NAN),
        _ => None,
    }
}

/// Reads a double precision as C's `strtod` does. Errors: 22P02; 22003 where no number is near.
pub fn parse_f64(text: &str) -> Result<f64> {
    parse(text, Type::FLOAT8, |digits| {
        let value = digits.parse::<f64>().ok()?;
        Some((value, value == 0.0 || value.is_infinite()))
    })
}

/// Reads a real as C's `strtof` does. Errors: 22P02; 22003 where no number is near.
pub fn parse_f32(text: &str) -> Result<f32> {
    let parsed = parse(text, Type::FLOAT4, |digits| {
        let value = digits.parse::<f32>().ok()?;
        Some((f64::from(value), value == 0.0 || value.is_infinite()))
    });
    parsed.map(|value| value as f32)
}

/// `read` gives the number and whether it is zero or infinite.
fn parse(text: &str, ty: Type, read: impl Fn(&str) -> Option<(f64, bool)>) -> Result<f64> {
    let trimmed = text.trim_matches(is_space);
    let unsigned = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    if unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        if unsigned.starts_with("0x") || unsigned.starts_with("0X") {
            return Err(Error::unsupported("a floating-point number in hexadecimal digits"));
        }
        let (value, extreme) = read(trimmed).ok_or_else(|| invalid(ty, text))?;
        let mantissa = unsigned.split(['e', 'E']).next().unwrap_or("");
        if extreme && (value.is_infinite() || mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'))) {
            let name = ty.info().map_or("", |info| info.sql_name);
            let message = format!("\"{trimmed}\" is out of range for type {name}");
            return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message));
        }
        return Ok(value);
    }
    let negative = trimmed.starts_with('-');
    if unsigned.eq_ignore_ascii_case("nan") {
        return Ok(f64::NAN);
    }
    if unsigned.eq_ignore_ascii_case("infinity") || unsigned.eq_ignore_ascii_case("inf") {
        return Ok(if negative { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    Err(invalid(ty, text))
}

/// Appends a float4 or float8 as PostgreSQL writes it with that `extra_float_digits`.
pub fn write(value: f64, ty: Type, extra_digits: i32, out: &mut Vec<u8>) {
    let mut text = String::with_capacity(24);
    let (digits, small) = if ty == Type::FLOAT4 { (6, 6) } else { (15, 15) };
    if !value.is_finite() {
        text.push_str(if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        });
    } else if extra_digits <= 0 {
        write_significant(value, (digits + extra_digits).max(1) as usize, &mut text);
    } else {
        write_shortest(value, ty, small, &mut text);
    }
    out.extend_from_slice(text.as_bytes());
}

/// Appends the fewest digits that read back as the number, in the notation of C's `%g`: with an exponent below -4 and from `limit` on.
fn write_shortest(value: f64, ty: Type, limit: i32, text: &mut String) {
    let mut buffer = ryu::Buffer::new();
    let shortest =
        if ty == Type::FLOAT4 { buffer.format_finite(value as f32) } else { buffer.format_finite(value) };
    let unsigned = shortest.strip_prefix('-').unwrap_or(shortest);
    text.push_str(&shortest[..shortest.len() - unsigned.len()]);
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    // The exponent of the first digit that is not 0.
    let exponent =
        exponent.parse::<i32>().unwrap_or(0) + whole.len() as i32 - 1 - (all.len() - digits.len()) as i32;
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        text.push('0');
    } else if is_midpoint(value.abs(), ty, digits, exponent) {
        let (digits, exponent) = inside(value.abs(), ty, digits.len());
        write_digits(&digits, exponent, limit, text);
    } else {
        write_digits(digits, exponent, limit, text);
    }
}

/// Whether digits are just between a number and the next one. They read back as the number if it is even, but PostgreSQL does not count
/// on that.
fn is_midpoint(value: f64, ty: Type, digits: &str, exponent: i32) -> bool {
    // Below, the middle has more digits than any shortest form; above, as well.
    let (low, high) = if ty == Type::FLOAT4 { (4e6, 1e19) } else { (4e15, 1e26) };
    if value < low || value > high {
        return false;
    }
    let (below, above) = if ty == Type::FLOAT4 {
        let value = value as f32;
        (f64::from(value.next_down()), f64::from(value.next_up()))
    } else {
        (value.next_down(), value.next_up())
    };
    // All in eighths.
    let eighths = |value: f64| (value * 8.0) as u128;
    let power = exponent - digits.len() as i32 + 1;
    let Ok(written) = digits.parse::<u128>() else { return false };
    let scale = 10_u128.pow(power.unsigned_abs());
    let written = match power {
        0.. => written * 8 * scale,
        _ if written * 8 % scale == 0 => written * 8 / scale,
        _ => return false,
    };
    written * 2 == eighths(value) + eighths(above) || written * 2 == eighths(value) + eighths(below)
}

/// The fewest digits, `least` or more, that are nearer to the number than to any other.
fn inside(value: f64, ty: Type, least: usize) -> (String, i32) {
    let mut last = (String::new(), 0);
    for count in least..=17 {
        let text = format!("{value:.*e}", count - 1);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent = exponent.parse().unwrap_or(0);
        let digits = mantissa.replace('.', "").trim_end_matches('0').to_owned();
        let same = match ty {
            Type::FLOAT4 => text.parse::<f32>().is_ok_and(|read| f64::from(read).total_cmp(&value).is_eq()),
            _ => text.parse::<f64>().is_ok_and(|read| read.total_cmp(&value).is_eq()),
        };
        let good = same && !is_midpoint(value, ty, &digits, exponent);
        last = (digits, exponent);
        if good {
            break;
        }
    }
    last
}

fn write_digits(digits: &str, exponent: i32, limit: i32, text: &mut String) {
    if exponent < -4 || exponent >= limit {
        text.push_str(&digits[..1]);
        if digits.len() > 1 {
            text.push('.');
            text.push_str(&digits[1..]);
        }
        text.push_str(if exponent < 0 { "e-" } else { "e+" });
        if exponent.abs() < 10 {
            text.push('0');
        }
        text.push_str(itoa::Buffer::new().format(exponent.abs()));
    } else if exponent < 0 {
        text.push_str("0.");
        text.extend(std::iter::repeat_n('0', (-exponent - 1) as usize));
        text.push_str(digits);
    } else {
        let whole = exponent as usize + 1;
        if digits.len() <= whole {
            text.push_str(digits);
            text.extend(std::iter::repeat_n('0', whole - digits.len()));
        } else {
            text.push_str(&digits[..whole]);
            text.push('.');
            text.push_str(&digits[whole..]);
        }
    }
}

/// Appends a finite number in significant digits, as C's `%.*g`.
pub fn write_significant(value: f64, digits: usize, text: &mut String) {
    let scientific = format!("{:.*e}", digits - 1, value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent = exponent.parse().unwrap_or(0);
    if value.is_sign_negative() {
        text.push('-');
    }
    let mantissa = mantissa.replace('.', "");
    let mantissa = mantissa.trim_end_matches('0');
    if mantissa.is_empty() {
        text.push('0');
        return;
    }
    write_digits(mantissa, exponent, digits as i32, text);
}
