//! Arithmetic and mathematics of `numeric`.

use bole_sql_types::numeric::{Numeric, operators};
use bole_sql_types::{Error, Result, SqlState, Value};

use crate::call::{Arguments, integer, text};
use crate::float::bucket_error;
use crate::scalar::{Scalar, strict};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    strict(c"pg_add_numeric", 2, |of| text(operators::add(of.text(0)?, of.text(1)?)?)),
    strict(c"pg_subtract_numeric", 2, |of| text(operators::subtract(of.text(0)?, of.text(1)?)?)),
    strict(c"pg_multiply_numeric", 2, |of| text(operators::multiply(of.text(0)?, of.text(1)?)?)),
    strict(c"pg_divide_numeric", 2, |of| text(operators::divide(of.text(0)?, of.text(1)?)?)),
    strict(c"pg_modulo_numeric", 2, |of| text(operators::remainder(of.text(0)?, of.text(1)?)?)),
    strict(c"pg_negate_numeric", 1, |of| text(operators::negate(of.text(0)?)?)),
    strict(c"pg_abs_numeric", 1, |of| text(operators::absolute(of.text(0)?)?)),
    strict(c"pg_power_numeric", 2, |of| text(operators::power(of.text(0)?, of.text(1)?)?)),
    strict(c"pg_div_numeric", 2, |of| number(of, 0)?.divide_whole(&number(of, 1)?).and_then(written)),
    strict(c"pg_ceil_numeric", 1, |of| written(number(of, 0)?.ceiling())),
    strict(c"pg_floor_numeric", 1, |of| written(number(of, 0)?.floor())),
    strict(c"pg_round_numeric", 1, |of| number(of, 0)?.round(scale(of)?).and_then(written)).optional(1),
    strict(c"pg_trunc_numeric", 1, |of| written(number(of, 0)?.truncate(scale(of)?))).optional(1),
    strict(c"pg_sign_numeric", 1, |of| written(number(of, 0)?.sign())),
    strict(c"pg_sqrt_numeric", 1, |of| number(of, 0)?.square_root().and_then(written)),
    strict(c"pg_exp_numeric", 1, |of| number(of, 0)?.exponential().and_then(written)),
    strict(c"pg_ln_numeric", 1, |of| number(of, 0)?.natural_logarithm().and_then(written)),
    strict(c"pg_log_numeric", 1, |of| {
        let (base, of_what) = if of.len() > 1 { (number(of, 0)?, 1) } else { (Numeric::parse("10")?, 0) };
        Numeric::logarithm(&base, &number(of, of_what)?).and_then(written)
    })
    .optional(1),
    strict(c"pg_gcd_numeric", 2, |of| written(number(of, 0)?.greatest_common_divisor(&number(of, 1)?))),
    strict(c"pg_lcm_numeric", 2, |of| {
        number(of, 0)?.least_common_multiple(&number(of, 1)?).and_then(written)
    }),
    strict(c"pg_factorial", 1, |of| Numeric::factorial(of.integer(0)?).and_then(written)),
    strict(c"pg_scale", 1, |of| {
        Ok(number(of, 0)?.finite().map_or(Value::Null, |of| Value::Integer(of.scale().into())))
    }),
    strict(c"pg_min_scale", 1, |of| {
        Ok(number(of, 0)?.scale_min().map_or(Value::Null, |scale| Value::Integer(scale.into())))
    }),
    strict(c"pg_trim_scale", 1, |of| written(number(of, 0)?.trimmed())),
    strict(c"pg_width_bucket_numeric", 4, width_bucket),
];

/// An argument, taken apart.
fn number(of: &Arguments<'_, '_>, at: usize) -> Result<Numeric> {
    Numeric::parse(of.text(at)?)
}

/// Digits after the point that the second argument asks for.
fn scale(of: &Arguments<'_, '_>) -> Result<i32> {
    if of.len() > 1 { of.int4(1) } else { Ok(0) }
}

#[expect(clippy::needless_pass_by_value, reason = "it ends chains that give one")]
fn written(number: Numeric) -> Result<Value> {
    text(number.to_string())
}

fn width_bucket(of: &Arguments<'_, '_>) -> Result<Value> {
    let (value, low, high, buckets) = (number(of, 0)?, number(of, 1)?, number(of, 2)?, of.integer(3)?);
    if buckets <= 0 {
        return Err(bucket_error("count must be greater than zero"));
    }
    if [&value, &low, &high].contains(&&Numeric::NaN) {
        return Err(bucket_error("operand, lower bound, and upper bound cannot be NaN"));
    }
    if low.finite().is_none() || high.finite().is_none() {
        return Err(bucket_error("lower and upper bounds must be finite"));
    }
    let (below, above) = match low.compare(&high) {
        std::cmp::Ordering::Equal => return Err(bucket_error("lower bound cannot equal upper bound")),
        std::cmp::Ordering::Less => (value.compare(&low).is_lt(), value.compare(&high).is_ge()),
        std::cmp::Ordering::Greater => (value.compare(&low).is_gt(), value.compare(&high).is_le()),
    };
    if below {
        return integer(0);
    }
    let last = i32::try_from(buckets + 1)
        .map_err(|_| Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "integer out of range"))?;
    if above {
        return integer(last);
    }
    let count = Numeric::parse(&buckets.to_string())?;
    let place = value.subtract(&low)?.multiply(&count)?.divide_whole(&high.subtract(&low)?)?;
    integer(place.to_integer(bole_sql_types::Type::INT8)?.min(buckets - 1) + 1)
}
