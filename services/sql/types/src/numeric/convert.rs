//! `numeric` to and from other numbers.

use super::{Decimal, Numeric};
use crate::{Error, Result, SqlState, Type};

impl Numeric {
    /// The integer of a type, rounded, halves away from zero. Errors: 22003; 0A000 for NaN and infinities, as in PostgreSQL.
    pub fn to_integer(&self, ty: Type) -> Result<i64> {
        let name = ty.info().map_or("bigint", |info| info.sql_name);
        let refuse = |what: &str| {
            Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, format!("cannot convert {what} to {name}")))
        };
        let decimal = match self {
            Self::Finite(decimal) => decimal,
            Self::NaN => return refuse("NaN"),
            _ => return refuse("infinity"),
        };
        let value = decimal.clone().rounded(0).to_i64();
        value.filter(|value| in_range(*value, ty)).ok_or_else(|| out_of_range(ty))
    }

    /// The nearest double precision. Errors: 22003 where there is none.
    pub fn to_f64(&self) -> Result<f64> {
        match self {
            Self::NaN => Ok(f64::NAN),
            Self::Infinity => Ok(f64::INFINITY),
            Self::NegativeInfinity => Ok(f64::NEG_INFINITY),
            Self::Finite(decimal) => crate::text::float::parse_f64(&decimal.to_string()),
        }
    }

    /// The nearest real. Errors: 22003 where there is none.
    pub fn to_f32(&self) -> Result<f32> {
        match self {
            Self::Finite(decimal) => crate::text::float::parse_f32(&decimal.to_string()),
            other => Ok(other.to_f64()? as f32),
        }
    }

    /// Of a double precision: its first 15 significant digits, as PostgreSQL takes it.
    pub fn from_f64(value: f64) -> Self {
        Self::from_digits(value, 15)
    }

    /// Of a real: its first 6 significant digits.
    pub fn from_f32(value: f32) -> Self {
        Self::from_digits(f64::from(value), 6)
    }

    fn from_digits(value: f64, digits: usize) -> Self {
        if value.is_nan() {
            return Self::NaN;
        }
        if value.is_infinite() {
            return if value > 0.0 { Self::Infinity } else { Self::NegativeInfinity };
        }
        let mut text = String::new();
        crate::text::float::write_significant(value, digits, &mut text);
        Self::parse(&text).unwrap_or(Self::NaN)
    }
}

/// Whether a number is in the range of smallint, integer or bigint.
pub(crate) fn in_range(value: i64, ty: Type) -> bool {
    match ty {
        Type::INT2 => i16::try_from(value).is_ok(),
        Type::INT4 => i32::try_from(value).is_ok(),
        Type::OID => u32::try_from(value).is_ok(),
        _ => true,
    }
}

/// `integer out of range`.
pub(crate) fn out_of_range(ty: Type) -> Error {
    let name = ty.info().map_or("bigint", |info| info.sql_name);
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("{name} out of range"))
}

impl Decimal {
    /// The number without what is after the point, if it fits.
    pub fn to_i64(&self) -> Option<i64> {
        if !self.is_zero() && self.weight > 4 {
            return None;
        }
        let whole =
            (0..=self.weight).rev().fold(0_i128, |sum, weight| sum * 10_000 + i128::from(self.group(weight)));
        i64::try_from(if self.negative { -whole } else { whole }).ok()
    }
}
