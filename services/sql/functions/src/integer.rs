//! Arithmetic of `smallint`, `integer` and `bigint`, their bits and their casts.

use bole_sql_types::arithmetic::{
    Operator::{self, Add, Divide, Multiply, Remainder, Subtract},
    absolute, greatest_common_divisor, integers, least_common_multiple, negate, shift_left, shift_right,
};
use bole_sql_types::{Error, Result, SqlState, Type, Value};

use crate::call::{Arguments, count, integer};
use crate::scalar::{Scalar, strict};

/// The functions.
pub(crate) const SCALARS: &[Scalar] = &[
    strict(c"pg_add_int2", 2, |of| operate(of, Add, Type::INT2)),
    strict(c"pg_add_int4", 2, |of| operate(of, Add, Type::INT4)),
    strict(c"pg_add_int8", 2, |of| operate(of, Add, Type::INT8)),
    strict(c"pg_subtract_int2", 2, |of| operate(of, Subtract, Type::INT2)),
    strict(c"pg_subtract_int4", 2, |of| operate(of, Subtract, Type::INT4)),
    strict(c"pg_subtract_int8", 2, |of| operate(of, Subtract, Type::INT8)),
    strict(c"pg_multiply_int2", 2, |of| operate(of, Multiply, Type::INT2)),
    strict(c"pg_multiply_int4", 2, |of| operate(of, Multiply, Type::INT4)),
    strict(c"pg_multiply_int8", 2, |of| operate(of, Multiply, Type::INT8)),
    strict(c"pg_divide_int2", 2, |of| operate(of, Divide, Type::INT2)),
    strict(c"pg_divide_int4", 2, |of| operate(of, Divide, Type::INT4)),
    strict(c"pg_divide_int8", 2, |of| operate(of, Divide, Type::INT8)),
    strict(c"pg_modulo_int2", 2, |of| operate(of, Remainder, Type::INT2)),
    strict(c"pg_modulo_int4", 2, |of| operate(of, Remainder, Type::INT4)),
    strict(c"pg_modulo_int8", 2, |of| operate(of, Remainder, Type::INT8)),
    strict(c"pg_negate_int2", 1, |of| integer(negate(Type::INT2, of.integer(0)?)?)),
    strict(c"pg_negate_int4", 1, |of| integer(negate(Type::INT4, of.integer(0)?)?)),
    strict(c"pg_negate_int8", 1, |of| integer(negate(Type::INT8, of.integer(0)?)?)),
    strict(c"pg_abs_int2", 1, |of| integer(absolute(Type::INT2, of.integer(0)?)?)),
    strict(c"pg_abs_int4", 1, |of| integer(absolute(Type::INT4, of.integer(0)?)?)),
    strict(c"pg_abs_int8", 1, |of| integer(absolute(Type::INT8, of.integer(0)?)?)),
    strict(c"pg_gcd_int4", 2, |of| {
        integer(greatest_common_divisor(Type::INT4, of.integer(0)?, of.integer(1)?)?)
    }),
    strict(c"pg_gcd_int8", 2, |of| {
        integer(greatest_common_divisor(Type::INT8, of.integer(0)?, of.integer(1)?)?)
    }),
    strict(c"pg_lcm_int4", 2, |of| {
        integer(least_common_multiple(Type::INT4, of.integer(0)?, of.integer(1)?)?)
    }),
    strict(c"pg_lcm_int8", 2, |of| {
        integer(least_common_multiple(Type::INT8, of.integer(0)?, of.integer(1)?)?)
    }),
    strict(c"pg_xor", 2, |of| integer(of.integer(0)? ^ of.integer(1)?)),
    strict(c"pg_shift_left_int2", 2, |of| integer(shift_left(Type::INT2, of.integer(0)?, of.integer(1)?))),
    strict(c"pg_shift_left_int4", 2, |of| integer(shift_left(Type::INT4, of.integer(0)?, of.integer(1)?))),
    strict(c"pg_shift_left_int8", 2, |of| integer(shift_left(Type::INT8, of.integer(0)?, of.integer(1)?))),
    strict(c"pg_shift_right_int2", 2, |of| integer(shift_right(Type::INT2, of.integer(0)?, of.integer(1)?))),
    strict(c"pg_shift_right_int4", 2, |of| integer(shift_right(Type::INT4, of.integer(0)?, of.integer(1)?))),
    strict(c"pg_shift_right_int8", 2, |of| integer(shift_right(Type::INT8, of.integer(0)?, of.integer(1)?))),
    strict(c"pg_int2_integer", 1, |of| within(of, i16::MIN.into(), i16::MAX.into(), "smallint")),
    strict(c"pg_int4_integer", 1, |of| within(of, i32::MIN.into(), i32::MAX.into(), "integer")),
    strict(c"pg_int4_oid", 1, |of| integer(of.integer(0)? as i32)),
    strict(c"pg_oid_int8", 1, |of| within(of, 0, u32::MAX.into(), "OID")),
    strict(c"pg_bit_count", 1, |of| count(of.bytes(0)?.iter().map(|byte| byte.count_ones() as usize).sum())),
];

fn operate(of: &Arguments<'_, '_>, operator: Operator, ty: Type) -> Result<Value> {
    integer(integers(operator, ty, of.integer(0)?, of.integer(1)?)?)
}

fn within(of: &Arguments<'_, '_>, least: i64, most: i64, name: &str) -> Result<Value> {
    let value = of.integer(0)?;
    if (least..=most).contains(&value) {
        return integer(value);
    }
    Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("{name} out of range")))
}
