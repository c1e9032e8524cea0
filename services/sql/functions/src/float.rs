//! Arithmetic and mathematics of `real` and `double precision`. Results that overflow or underflow are errors, as in PostgreSQL.

use bole_sql_types::{Error, Result, SqlState, Value, ValueRef};

use crate::call::{Arguments, integer, real};
use crate::integer::division_by_zero;
use crate::scalar::{Scalar, strict};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    strict(c"pg_add_float4", 2, |of| single(of, |a, b| a + b)),
    strict(c"pg_add_float8", 2, |of| double(of, |a, b| a + b)),
    strict(c"pg_subtract_float4", 2, |of| single(of, |a, b| a - b)),
    strict(c"pg_subtract_float8", 2, |of| double(of, |a, b| a - b)),
    strict(c"pg_multiply_float4", 2, |of| product_single(of.real(0)? as f32, of.real(1)? as f32)),
    strict(c"pg_multiply_float8", 2, |of| product(of.real(0)?, of.real(1)?)),
    strict(c"pg_divide_float4", 2, |of| quotient_single(of.real(0)? as f32, of.real(1)? as f32)),
    strict(c"pg_divide_float8", 2, |of| quotient(of.real(0)?, of.real(1)?)),
    strict(c"pg_negate_float4", 1, |of| real(-of.real(0)?)),
    strict(c"pg_negate_float8", 1, |of| real(-of.real(0)?)),
    strict(c"pg_abs_float4", 1, |of| real(of.real(0)?.abs())),
    strict(c"pg_abs_float8", 1, |of| real(of.real(0)?.abs())),
    strict(c"pg_ceil_float8", 1, |of| real(of.real(0)?.ceil())),
    strict(c"pg_floor_float8", 1, |of| real(of.real(0)?.floor())),
    strict(c"pg_round_float8", 1, |of| real(of.real(0)?.round_ties_even())),
    strict(c"pg_trunc_float8", 1, |of| real(of.real(0)?.trunc())),
    strict(c"pg_sign_float8", 1, |of| real(sign(of.real(0)?))),
    strict(c"pg_sqrt_float8", 1, |of| square_root(of.real(0)?)),
    strict(c"pg_cbrt", 1, |of| real(of.real(0)?.cbrt())),
    strict(c"pg_power_float8", 2, |of| power(of.real(0)?, of.real(1)?)),
    strict(c"pg_exp_float8", 1, |of| exponential(of.real(0)?)),
    strict(c"pg_ln_float8", 1, |of| real(positive(of.real(0)?)?.ln())),
    strict(c"pg_log_float8", 1, |of| real(positive(of.real(0)?)?.log10())),
    strict(c"pg_pi", 0, |_| real(std::f64::consts::PI)),
    strict(c"pg_degrees", 1, |of| quotient(of.real(0)?, std::f64::consts::PI / 180.0)),
    strict(c"pg_radians", 1, |of| product(of.real(0)?, std::f64::consts::PI / 180.0)),
    strict(c"pg_float4_number", 1, |of| match of.value(0)? {
        ValueRef::Integer(value) => real((value as f32).into()),
        _ => to_single(of.real(0)?),
    }),
    strict(c"pg_int2_float", 1, |of| rounded(of.real(0)?, f64::from(i16::MIN), 32_768.0, "smallint")),
    strict(c"pg_int4_float", 1, |of| rounded(of.real(0)?, f64::from(i32::MIN), 2_147_483_648.0, "integer")),
    strict(c"pg_int8_float", 1, |of| rounded(of.real(0)?, i64::MIN as f64, 9_223_372_036_854_775_808.0, "bigint")),
    strict(c"pg_width_bucket_float8", 4, width_bucket),
];

/// 22003: `value out of range: overflow`.
pub(crate) fn overflow() -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow")
}

/// 22003: `value out of range: underflow`.
pub(crate) fn underflow() -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: underflow")
}

fn double(of: &Arguments<'_, '_>, compute: fn(f64, f64) -> f64) -> Result<Value> {
    let (a, b) = (of.real(0)?, of.real(1)?);
    let result = compute(a, b);
    if result.is_infinite() && !a.is_infinite() && !b.is_infinite() { Err(overflow()) } else { real(result) }
}

fn single(of: &Arguments<'_, '_>, compute: fn(f32, f32) -> f32) -> Result<Value> {
    let (a, b) = (of.real(0)? as f32, of.real(1)? as f32);
    let result = compute(a, b);
    if result.is_infinite() && !a.is_infinite() && !b.is_infinite() {
        Err(overflow())
    } else {
        real(result.into())
    }
}

fn product(a: f64, b: f64) -> Result<Value> {
    let result = a * b;
    if result.is_infinite() && !a.is_infinite() && !b.is_infinite() {
        return Err(overflow());
    }
    if result == 0.0 && a != 0.0 && b != 0.0 { Err(underflow()) } else { real(result) }
}

fn product_single(a: f32, b: f32) -> Result<Value> {
    let result = a * b;
    if result.is_infinite() && !a.is_infinite() && !b.is_infinite() {
        return Err(overflow());
    }
    if result == 0.0 && a != 0.0 && b != 0.0 { Err(underflow()) } else { real(result.into()) }
}

fn quotient(a: f64, b: f64) -> Result<Value> {
    if b == 0.0 && !a.is_nan() {
        return Err(division_by_zero());
    }
    let result = a / b;
    if result.is_infinite() && !a.is_infinite() {
        return Err(overflow());
    }
    if result == 0.0 && a != 0.0 && !b.is_infinite() { Err(underflow()) } else { real(result) }
}

fn quotient_single(a: f32, b: f32) -> Result<Value> {
    if b == 0.0 && !a.is_nan() {
        return Err(division_by_zero());
    }
    let result = a / b;
    if result.is_infinite() && !a.is_infinite() {
        return Err(overflow());
    }
    if result == 0.0 && a != 0.0 && !b.is_infinite() { Err(underflow()) } else { real(result.into()) }
}

fn to_single(value: f64) -> Result<Value> {
    let result = value as f32;
    if result.is_infinite() && !value.is_infinite() {
        return Err(overflow());
    }
    if result == 0.0 && value != 0.0 { Err(underflow()) } else { real(result.into()) }
}

fn sign(value: f64) -> f64 {
    if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else {
        0.0
    }
}

/// Rounded half to even, and checked: `least` is allowed, `end` is not.
fn rounded(value: f64, least: f64, end: f64, name: &str) -> Result<Value> {
    let result = value.round_ties_even();
    if result >= least && result < end {
        return integer(result as i64);
    }
    Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("{name} out of range")))
}

fn square_root(value: f64) -> Result<Value> {
    if value < 0.0 {
        let message = "cannot take square root of a negative number";
        return Err(Error::new(SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, message));
    }
    real(value.sqrt())
}

fn positive(value: f64) -> Result<f64> {
    let refused = |what| {
        let message = format!("cannot take logarithm of {what}");
        Err(Error::new(SqlState::INVALID_ARGUMENT_FOR_LOGARITHM, message))
    };
    if value == 0.0 {
        refused("zero")
    } else if value < 0.0 {
        refused("a negative number")
    } else {
        Ok(value)
    }
}

fn exponential(value: f64) -> Result<Value> {
    let result = value.exp();
    if result.is_infinite() && !value.is_infinite() {
        return Err(overflow());
    }
    if result == 0.0 && !value.is_infinite() { Err(underflow()) } else { real(result) }
}

/// POSIX's `pow`, but errors where it has a pole or no real result.
fn power(base: f64, exponent: f64) -> Result<Value> {
    let refused = |message: &str| Err(Error::new(SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, message));
    if base == 0.0 && exponent < 0.0 {
        return refused("zero raised to a negative power is undefined");
    }
    if base < 0.0 && exponent.is_finite() && exponent.floor() != exponent {
        return refused("a negative number raised to a non-integer power yields a complex result");
    }
    let result = base.powf(exponent);
    if base.is_infinite() || exponent.is_infinite() || base.is_nan() || exponent.is_nan() {
        return real(result);
    }
    if result.is_infinite() {
        return Err(overflow());
    }
    if result == 0.0 && base != 0.0 { Err(underflow()) } else { real(result) }
}

/// 2201G, which has the buckets' errors.
pub(crate) fn bucket_error(message: &str) -> Error {
    Error::new(SqlState(*b"2201G"), message)
}

fn width_bucket(of: &Arguments<'_, '_>) -> Result<Value> {
    let (value, low, high, buckets) = (of.real(0)?, of.real(1)?, of.real(2)?, of.integer(3)?);
    if buckets <= 0 {
        return Err(bucket_error("count must be greater than zero"));
    }
    if value.is_nan() || low.is_nan() || high.is_nan() {
        return Err(bucket_error("operand, lower bound, and upper bound cannot be NaN"));
    }
    if low.is_infinite() || high.is_infinite() {
        return Err(bucket_error("lower and upper bounds must be finite"));
    }
    let place = |distance: f64, width: f64| {
        let result = buckets as f64 * (distance / width);
        (result as i64).min(buckets - 1) + 1
    };
    let past = |bucket: i64| {
        i32::try_from(bucket)
            .map_err(|_| Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "integer out of range"))
            .and_then(integer)
    };
    if low < high {
        if value < low {
            integer(0)
        } else if value >= high {
            past(buckets + 1)
        } else {
            integer(place(value - low, high - low))
        }
    } else if low > high {
        if value > low {
            integer(0)
        } else if value <= high {
            past(buckets + 1)
        } else {
            integer(place(low - value, low - high))
        }
    } else {
        Err(bucket_error("lower bound cannot equal upper bound"))
    }
}
