//! Trigonometry in radians and degrees. In degrees the results at multiples of 30 and 45 are exact, as PostgreSQL has them.

use bole_sql_types::{Error, Result, SqlState, Value};

use crate::call::real;
use crate::float::overflow;
use crate::scalar::{Scalar, strict};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    strict(c"pg_sin", 1, |of| real(finite(of.real(0)?)?.sin())),
    strict(c"pg_cos", 1, |of| real(finite(of.real(0)?)?.cos())),
    strict(c"pg_tan", 1, |of| real(finite(of.real(0)?)?.tan())),
    strict(c"pg_cot", 1, |of| real(1.0 / finite(of.real(0)?)?.tan())),
    strict(c"pg_asin", 1, |of| real(within(of.real(0)?, -1.0, 1.0)?.asin())),
    strict(c"pg_acos", 1, |of| real(within(of.real(0)?, -1.0, 1.0)?.acos())),
    strict(c"pg_atan", 1, |of| real(of.real(0)?.atan())),
    strict(c"pg_atan2", 2, |of| real(of.real(0)?.atan2(of.real(1)?))),
    strict(c"pg_sinh", 1, |of| real(of.real(0)?.sinh())),
    strict(c"pg_cosh", 1, |of| real(of.real(0)?.cosh())),
    strict(c"pg_tanh", 1, |of| real(of.real(0)?.tanh())),
    strict(c"pg_asinh", 1, |of| real(of.real(0)?.asinh())),
    strict(c"pg_acosh", 1, |of| real(within(of.real(0)?, 1.0, f64::INFINITY)?.acosh())),
    strict(c"pg_atanh", 1, |of| real(within(of.real(0)?, -1.0, 1.0)?.atanh())),
    strict(c"pg_sind", 1, |of| degrees_of(of.real(0)?, sine_of_degrees)),
    strict(c"pg_cosd", 1, |of| degrees_of(of.real(0)?, cosine_of_degrees)),
    strict(c"pg_tand", 1, |of| degrees_of(of.real(0)?, tangent_of_degrees)),
    strict(c"pg_cotd", 1, |of| degrees_of(of.real(0)?, cotangent_of_degrees)),
    strict(c"pg_asind", 1, |of| real(arc_sine(within(of.real(0)?, -1.0, 1.0)?))),
    strict(c"pg_acosd", 1, |of| real(arc_cosine(within(of.real(0)?, -1.0, 1.0)?))),
    strict(c"pg_atand", 1, |of| real(arc_tangent(of.real(0)?))),
    strict(c"pg_atan2d", 2, |of| real(of.real(0)?.atan2(of.real(1)?) / 1.0_f64.atan() * 45.0)),
];

fn out_of_range() -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "input is out of range")
}

fn finite(value: f64) -> Result<f64> {
    if value.is_infinite() { Err(out_of_range()) } else { Ok(value) }
}

fn within(value: f64, least: f64, most: f64) -> Result<f64> {
    if value < least || value > most { Err(out_of_range()) } else { Ok(value) }
}

fn degrees_of(value: f64, compute: fn(f64) -> f64) -> Result<Value> {
    let result = compute(finite(value)?);
    if result.is_nan() && !value.is_nan() { Err(overflow()) } else { real(result) }
}

/// The sine of 0 to 30 degrees, exact at 30.
fn small_sine(degrees: f64) -> f64 {
    degrees.to_radians().sin() / 30.0_f64.to_radians().sin() / 2.0
}

/// The cosine of 0 to 60 degrees, exact at 60.
fn small_cosine(degrees: f64) -> f64 {
    let missing = 1.0 - degrees.to_radians().cos();
    1.0 - missing / (1.0 - 60.0_f64.to_radians().cos()) / 2.0
}

fn quadrant_sine(degrees: f64) -> f64 {
    if degrees <= 30.0 { small_sine(degrees) } else { small_cosine(90.0 - degrees) }
}

fn quadrant_cosine(degrees: f64) -> f64 {
    if degrees <= 60.0 { small_cosine(degrees) } else { small_sine(90.0 - degrees) }
}

fn sine_of_degrees(degrees: f64) -> f64 {
    let mut angle = degrees % 360.0;
    let mut sign = 1.0;
    if angle < 0.0 {
        (angle, sign) = (-angle, -sign);
    }
    if angle > 180.0 {
        (angle, sign) = (360.0 - angle, -sign);
    }
    if angle > 90.0 {
        angle = 180.0 - angle;
    }
    sign * quadrant_sine(angle)
}

fn cosine_of_degrees(degrees: f64) -> f64 {
    let mut angle = (degrees % 360.0).abs();
    let mut sign = 1.0;
    if angle > 180.0 {
        angle = 360.0 - angle;
    }
    if angle > 90.0 {
        (angle, sign) = (180.0 - angle, -sign);
    }
    sign * quadrant_cosine(angle)
}

/// The angle in the first quadrant with the same tangent but for its sign.
fn folded(degrees: f64) -> (f64, f64) {
    let mut angle = degrees % 360.0;
    let mut sign = 1.0;
    if angle < 0.0 {
        (angle, sign) = (-angle, -sign);
    }
    if angle > 180.0 {
        (angle, sign) = (360.0 - angle, -sign);
    }
    if angle > 90.0 {
        (angle, sign) = (180.0 - angle, -sign);
    }
    (angle, sign)
}

fn tangent_of_degrees(degrees: f64) -> f64 {
    let (angle, sign) = folded(degrees);
    let at_45 = quadrant_sine(45.0) / quadrant_cosine(45.0);
    let result = sign * ((quadrant_sine(angle) / quadrant_cosine(angle)) / at_45);
    if result == 0.0 { 0.0 } else { result }
}

fn cotangent_of_degrees(degrees: f64) -> f64 {
    let (angle, sign) = folded(degrees);
    let at_45 = quadrant_cosine(45.0) / quadrant_sine(45.0);
    let result = sign * ((quadrant_cosine(angle) / quadrant_sine(angle)) / at_45);
    if result == 0.0 { 0.0 } else { result }
}

fn quadrant_arc_sine(value: f64) -> f64 {
    if value <= 0.5 {
        value.asin() / 0.5_f64.asin() * 30.0
    } else {
        90.0 - value.acos() / 0.5_f64.acos() * 60.0
    }
}

fn quadrant_arc_cosine(value: f64) -> f64 {
    if value <= 0.5 {
        90.0 - value.asin() / 0.5_f64.asin() * 30.0
    } else {
        value.acos() / 0.5_f64.acos() * 60.0
    }
}

fn arc_sine(value: f64) -> f64 {
    if value >= 0.0 { quadrant_arc_sine(value) } else { -quadrant_arc_sine(-value) }
}

fn arc_cosine(value: f64) -> f64 {
    if value >= 0.0 { quadrant_arc_cosine(value) } else { 90.0 + quadrant_arc_sine(-value) }
}

fn arc_tangent(value: f64) -> f64 {
    value.atan() / 1.0_f64.atan() * 45.0
}
