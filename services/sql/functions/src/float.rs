//! Arithmetic and mathematics of `real` and `double precision`.

use bole_sql_types::arithmetic::{
    Operator::{self, Add, Divide, Multiply, Subtract},
    exponential, float_to_integer, floats, logarithm, natural_logarithm, power, square_root, to_single,
};
use bole_sql_types::{Error, Result, SqlState, Type, Value, ValueRef};

use crate::call::{Arguments, integer, real};
use crate::scalar::{Scalar, lenient, strict};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    strict(c"pg_add_float4", 2, |of| operate(of, Add, Type::FLOAT4)),
    strict(c"pg_add_float8", 2, |of| operate(of, Add, Type::FLOAT8)),
    strict(c"pg_subtract_float4", 2, |of| operate(of, Subtract, Type::FLOAT4)),
    strict(c"pg_subtract_float8", 2, |of| operate(of, Subtract, Type::FLOAT8)),
    strict(c"pg_multiply_float4", 2, |of| operate(of, Multiply, Type::FLOAT4)),
    strict(c"pg_multiply_float8", 2, |of| operate(of, Multiply, Type::FLOAT8)),
    strict(c"pg_divide_float4", 2, |of| operate(of, Divide, Type::FLOAT4)),
    strict(c"pg_divide_float8", 2, |of| operate(of, Divide, Type::FLOAT8)),
    strict(c"pg_negate_float4", 1, |of| real(-of.real(0)?)),
    strict(c"pg_negate_float8", 1, |of| real(-of.real(0)?)),
    strict(c"pg_abs_float4", 1, |of| real(of.real(0)?.abs())),
    strict(c"pg_abs_float8", 1, |of| real(of.real(0)?.abs())),
    strict(c"pg_ceil_float8", 1, |of| real(of.real(0)?.ceil())),
    strict(c"pg_floor_float8", 1, |of| real(of.real(0)?.floor())),
    strict(c"pg_round_float8", 1, |of| real(of.real(0)?.round_ties_even())),
    strict(c"pg_trunc_float8", 1, |of| real(of.real(0)?.trunc())),
    strict(c"pg_sign_float8", 1, |of| real(sign(of.real(0)?))),
    strict(c"pg_sqrt_float8", 1, |of| real(square_root(of.real(0)?)?)),
    strict(c"pg_cbrt", 1, |of| real(cube_root(of.real(0)?))),
    strict(c"pg_power_float8", 2, |of| real(power(of.real(0)?, of.real(1)?)?)),
    strict(c"pg_exp_float8", 1, |of| real(exponential(of.real(0)?)?)),
    strict(c"pg_ln_float8", 1, |of| real(natural_logarithm(of.real(0)?)?)),
    strict(c"pg_log_float8", 1, |of| real(logarithm(of.real(0)?)?)),
    lenient(c"pg_pi", 0, |_| real(std::f64::consts::PI)),
    strict(c"pg_degrees", 1, |of| real(floats(Divide, Type::FLOAT8, of.real(0)?, DEGREE)?)),
    strict(c"pg_radians", 1, |of| real(floats(Multiply, Type::FLOAT8, of.real(0)?, DEGREE)?)),
    strict(c"pg_float4_number", 1, |of| match of.value(0)? {
        ValueRef::Integer(value) => real((value as f32).into()),
        _ => real(to_single(of.real(0)?)?),
    }),
    strict(c"pg_int2_float", 1, |of| integer(float_to_integer(Type::INT2, of.real(0)?)?)),
    strict(c"pg_int4_float", 1, |of| integer(float_to_integer(Type::INT4, of.real(0)?)?)),
    strict(c"pg_int8_float", 1, |of| integer(float_to_integer(Type::INT8, of.real(0)?)?)),
    strict(c"pg_width_bucket_float8", 4, width_bucket),
];

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the C library's function has no safe name")]
fn cube_root(of: f64) -> f64 {
    // Rust has a function of its own under the plain name, whose last digit is another one than PostgreSQL's.
    unsafe extern "C" {
        safe fn cbrtf64(of: f64) -> f64;
    }
    cbrtf64(of)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn cube_root(of: f64) -> f64 {
    of.cbrt()
}

/// In radians.
const DEGREE: f64 = std::f64::consts::PI / 180.0;

/// 22003: `value out of range: overflow`.
pub(crate) fn overflow() -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow")
}

fn operate(of: &Arguments<'_, '_>, operator: Operator, ty: Type) -> Result<Value> {
    real(floats(operator, ty, of.real(0)?, of.real(1)?)?)
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
