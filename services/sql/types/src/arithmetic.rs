//! Integers and floating-point numbers, with PostgreSQL's errors.

use crate::numeric::{division_by_zero, in_range, out_of_range};
use crate::{Error, Result, SqlState, Type};

/// An operator of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `+`.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`: of integers, towards zero.
    Divide,
    /// `%`: with the sign of the dividend; not of floats.
    Remainder,
}

/// Computes with integers; `ty` is the result's: smallint, integer or bigint. Errors: 22003, 22012.
pub fn integers(operator: Operator, ty: Type, a: i64, b: i64) -> Result<i64> {
    let result = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide | Operator::Remainder if b == 0 => return Err(division_by_zero()),
        Operator::Divide => a.checked_div(b),
        Operator::Remainder => Some(a.wrapping_rem(b)),
    };
    checked(ty, result)
}

fn checked(ty: Type, value: Option<i64>) -> Result<i64> {
    value.filter(|value| in_range(*value, ty)).ok_or_else(|| out_of_range(ty))
}

/// `-a`. Errors: 22003.
pub fn negate(ty: Type, a: i64) -> Result<i64> {
    checked(ty, a.checked_neg())
}

/// `abs(a)`, `@ a`. Errors: 22003.
pub fn absolute(ty: Type, a: i64) -> Result<i64> {
    checked(ty, a.checked_abs())
}

/// `gcd(a, b)`. Errors: 22003.
pub fn greatest_common_divisor(ty: Type, a: i64, b: i64) -> Result<i64> {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    checked(ty, i64::try_from(a).ok())
}

/// `lcm(a, b)`. Errors: 22003.
pub fn least_common_multiple(ty: Type, a: i64, b: i64) -> Result<i64> {
    if a == 0 || b == 0 {
        return Ok(0);
    }
    let divisor = greatest_common_divisor(Type::INT8, a, b)?;
    checked(ty, (a / divisor).checked_mul(b).and_then(i64::checked_abs))
}

/// `a << by`; bits beyond the type are lost.
pub fn shift_left(ty: Type, a: i64, by: i64) -> i64 {
    match ty {
        Type::INT2 => i64::from((a as i32).wrapping_shl(by as u32) as i16),
        Type::INT4 => i64::from((a as i32).wrapping_shl(by as u32)),
        _ => a.wrapping_shl(by as u32),
    }
}

/// `a >> by`.
pub fn shift_right(ty: Type, a: i64, by: i64) -> i64 {
    if ty == Type::INT8 { a.wrapping_shr(by as u32) } else { i64::from((a as i32).wrapping_shr(by as u32)) }
}

pub(crate) fn float_overflow() -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow")
}

fn float_underflow() -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: underflow")
}

/// Computes with floats; `ty` is the result's: real or double precision. Errors: 22003, 22012; 0A000 for `%`.
pub fn floats(operator: Operator, ty: Type, a: f64, b: f64) -> Result<f64> {
    let single = ty == Type::FLOAT4;
    let (x, y) = (a as f32, b as f32);
    let result = match operator {
        Operator::Add if single => f64::from(x + y),
        Operator::Subtract if single => f64::from(x - y),
        Operator::Multiply if single => f64::from(x * y),
        Operator::Divide if b == 0.0 && !a.is_nan() => return Err(division_by_zero()),
        Operator::Divide if single => f64::from(x / y),
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        Operator::Remainder => return Err(Error::unsupported("% of floating-point numbers")),
    };
    let infinite = a.is_infinite() || (b.is_infinite() && operator != Operator::Divide);
    if result.is_infinite() && !infinite {
        return Err(float_overflow());
    }
    let vanished = match operator {
        Operator::Multiply => a != 0.0 && b != 0.0,
        Operator::Divide => a != 0.0 && !b.is_infinite(),
        _ => false,
    };
    if result == 0.0 && vanished { Err(float_underflow()) } else { Ok(result) }
}

fn power_error(message: &str) -> Error {
    Error::new(SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, message)
}

/// `a ^ b` of double precision. Errors: 2201F, 22003.
pub fn power(a: f64, b: f64) -> Result<f64> {
    if a.is_nan() {
        return Ok(if b == 0.0 { 1.0 } else { f64::NAN });
    }
    if b.is_nan() {
        return Ok(if a.total_cmp(&1.0).is_eq() { 1.0 } else { f64::NAN });
    }
    if a == 0.0 && b < 0.0 {
        return Err(power_error("zero raised to a negative power is undefined"));
    }
    if a < 0.0 && b.fract() != 0.0 && b.is_finite() {
        return Err(power_error("a negative number raised to a non-integer power yields a complex result"));
    }
    let result = a.powf(b);
    if a.is_infinite() || b.is_infinite() {
        return Ok(result);
    }
    if result.is_infinite() {
        return Err(float_overflow());
    }
    if result == 0.0 && a != 0.0 { Err(float_underflow()) } else { Ok(result) }
}

/// `sqrt` of double precision. Errors: 2201F.
pub fn square_root(a: f64) -> Result<f64> {
    if a < 0.0 { Err(power_error("cannot take square root of a negative number")) } else { Ok(a.sqrt()) }
}

/// `exp` of double precision. Errors: 22003.
pub fn exponential(a: f64) -> Result<f64> {
    let result = a.exp();
    if result.is_infinite() && !a.is_infinite() {
        return Err(float_overflow());
    }
    if result == 0.0 && !a.is_infinite() { Err(float_underflow()) } else { Ok(result) }
}

fn logarithm_of(a: f64, take: fn(f64) -> f64) -> Result<f64> {
    if a <= 0.0 {
        let what = if a == 0.0 { "zero" } else { "a negative number" };
        let message = format!("cannot take logarithm of {what}");
        return Err(Error::new(SqlState::INVALID_ARGUMENT_FOR_LOGARITHM, message));
    }
    Ok(take(a))
}

/// `ln` of double precision. Errors: 2201E.
pub fn natural_logarithm(a: f64) -> Result<f64> {
    logarithm_of(a, f64::ln)
}

/// `log` of double precision, to base 10. Errors: 2201E.
pub fn logarithm(a: f64) -> Result<f64> {
    logarithm_of(a, f64::log10)
}

/// The integer of a type that is nearest to a float, halves to even ones. Errors: 22003.
pub fn float_to_integer(ty: Type, a: f64) -> Result<i64> {
    let rounded = a.round_ties_even();
    // The bounds are powers of two, which floats hold exactly.
    let limit = match ty {
        Type::INT2 => 32_768.0,
        Type::INT4 => 2_147_483_648.0,
        _ => 9_223_372_036_854_775_808.0,
    };
    if rounded >= -limit && rounded < limit { Ok(rounded as i64) } else { Err(out_of_range(ty)) }
}

/// A double precision as a real. Errors: 22003.
pub fn to_single(a: f64) -> Result<f64> {
    let single = f64::from(a as f32);
    if single.is_infinite() && !a.is_infinite() {
        return Err(float_overflow());
    }
    if single == 0.0 && a != 0.0 { Err(float_underflow()) } else { Ok(single) }
}
