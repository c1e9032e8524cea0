//! Arithmetic of `smallint`, `integer` and `bigint`, and their casts. What leaves the range is an error, as in PostgreSQL.

use bole_sql_types::{Error, Result, SqlState, Value};

use crate::call::{Arguments, count, integer};
use crate::scalar::{Scalar, strict};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    strict(c"pg_add_int2", 2, |of| int2(pair(of)?.plus())),
    strict(c"pg_add_int4", 2, |of| int4(pair(of)?.plus())),
    strict(c"pg_add_int8", 2, |of| int8(pair(of)?.plus())),
    strict(c"pg_subtract_int2", 2, |of| int2(pair(of)?.minus())),
    strict(c"pg_subtract_int4", 2, |of| int4(pair(of)?.minus())),
    strict(c"pg_subtract_int8", 2, |of| int8(pair(of)?.minus())),
    strict(c"pg_multiply_int2", 2, |of| int2(pair(of)?.times())),
    strict(c"pg_multiply_int4", 2, |of| int4(pair(of)?.times())),
    strict(c"pg_multiply_int8", 2, |of| int8(pair(of)?.times())),
    strict(c"pg_divide_int2", 2, |of| int2(pair(of)?.divided()?)),
    strict(c"pg_divide_int4", 2, |of| int4(pair(of)?.divided()?)),
    strict(c"pg_divide_int8", 2, |of| int8(pair(of)?.divided()?)),
    strict(c"pg_modulo_int2", 2, |of| pair(of)?.modulo()),
    strict(c"pg_modulo_int4", 2, |of| pair(of)?.modulo()),
    strict(c"pg_modulo_int8", 2, |of| pair(of)?.modulo()),
    strict(c"pg_negate_int2", 1, |of| int2(of.integer(0)?.checked_neg())),
    strict(c"pg_negate_int4", 1, |of| int4(of.integer(0)?.checked_neg())),
    strict(c"pg_negate_int8", 1, |of| int8(of.integer(0)?.checked_neg())),
    strict(c"pg_abs_int2", 1, |of| int2(of.integer(0)?.checked_abs())),
    strict(c"pg_abs_int4", 1, |of| int4(of.integer(0)?.checked_abs())),
    strict(c"pg_abs_int8", 1, |of| int8(of.integer(0)?.checked_abs())),
    strict(c"pg_gcd_int4", 2, |of| int4(greatest_common(of.integer(0)?, of.integer(1)?))),
    strict(c"pg_gcd_int8", 2, |of| int8(greatest_common(of.integer(0)?, of.integer(1)?))),
    strict(c"pg_lcm_int4", 2, |of| int4(least_common(of.integer(0)?, of.integer(1)?))),
    strict(c"pg_lcm_int8", 2, |of| int8(least_common(of.integer(0)?, of.integer(1)?))),
    strict(c"pg_xor", 2, |of| integer(of.integer(0)? ^ of.integer(1)?)),
    strict(c"pg_shift_left_int2", 2, |of| integer((of.int4(0)?.wrapping_shl(of.int4(1)? as u32)) as i16)),
    strict(c"pg_shift_left_int4", 2, |of| integer(of.int4(0)?.wrapping_shl(of.int4(1)? as u32))),
    strict(c"pg_shift_left_int8", 2, |of| integer(of.integer(0)?.wrapping_shl(of.int4(1)? as u32))),
    strict(c"pg_shift_right_int2", 2, |of| integer((of.int4(0)?.wrapping_shr(of.int4(1)? as u32)) as i16)),
    strict(c"pg_shift_right_int4", 2, |of| integer(of.int4(0)?.wrapping_shr(of.int4(1)? as u32))),
    strict(c"pg_shift_right_int8", 2, |of| integer(of.integer(0)?.wrapping_shr(of.int4(1)? as u32))),
    strict(c"pg_int2_integer", 1, |of| int2(Some(of.integer(0)?))),
    strict(c"pg_int4_integer", 1, |of| int4(Some(of.integer(0)?))),
    strict(c"pg_int4_oid", 1, |of| integer(of.integer(0)? as i32)),
    strict(c"pg_oid_int8", 1, |of| oid(of.integer(0)?)),
    strict(c"pg_bit_count", 1, |of| count(of.bytes(0)?.iter().map(|byte| byte.count_ones() as usize).sum())),
];

struct Pair(i64, i64);

fn pair(of: &Arguments<'_, '_>) -> Result<Pair> {
    Ok(Pair(of.integer(0)?, of.integer(1)?))
}

impl Pair {
    const fn plus(&self) -> Option<i64> {
        self.0.checked_add(self.1)
    }

    const fn minus(&self) -> Option<i64> {
        self.0.checked_sub(self.1)
    }

    const fn times(&self) -> Option<i64> {
        self.0.checked_mul(self.1)
    }

    fn divided(&self) -> Result<Option<i64>> {
        if self.1 == 0 { Err(division_by_zero()) } else { Ok(self.0.checked_div(self.1)) }
    }

    fn modulo(&self) -> Result<Value> {
        if self.1 == 0 { Err(division_by_zero()) } else { integer(self.0.wrapping_rem(self.1)) }
    }
}

/// 22012.
pub(crate) fn division_by_zero() -> Error {
    Error::new(SqlState::DIVISION_BY_ZERO, "division by zero")
}

fn within(value: Option<i64>, least: i64, most: i64, name: &str) -> Result<Value> {
    match value {
        Some(value) if (least..=most).contains(&value) => integer(value),
        _ => Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("{name} out of range"))),
    }
}

fn int2(value: Option<i64>) -> Result<Value> {
    within(value, i16::MIN.into(), i16::MAX.into(), "smallint")
}

fn int4(value: Option<i64>) -> Result<Value> {
    within(value, i32::MIN.into(), i32::MAX.into(), "integer")
}

fn int8(value: Option<i64>) -> Result<Value> {
    within(value, i64::MIN, i64::MAX, "bigint")
}

fn oid(value: i64) -> Result<Value> {
    within(Some(value), 0, u32::MAX.into(), "OID")
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn greatest_common(a: i64, b: i64) -> Option<i64> {
    i64::try_from(gcd(a.unsigned_abs(), b.unsigned_abs())).ok()
}

fn least_common(a: i64, b: i64) -> Option<i64> {
    if a == 0 || b == 0 {
        return Some(0);
    }
    let of = gcd(a.unsigned_abs(), b.unsigned_abs());
    i64::try_from((a.unsigned_abs() / of).checked_mul(b.unsigned_abs())?).ok()
}
