//! `numeric`: exact decimals, as PostgreSQL computes with them, on their storage text.
//!
//! [`Numeric`] is a value taken apart. The functions of [`operators`] work on the text itself and are quick for numbers of up to 18 digits.
//! What is computed has PostgreSQL's number of digits after the point.

pub mod accumulator;
mod arithmetic;
mod compare;
mod convert;
mod decimal;
mod functions;
pub mod operators;
mod transcendental;

pub use compare::compare;
pub(crate) use convert::{in_range, out_of_range};
pub use decimal::Decimal;

use crate::{Error, Result, SqlState};

/// A `numeric`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Numeric {
    /// A number.
    Finite(Decimal),
    /// `NaN`: above all others, and equal to itself.
    NaN,
    /// `Infinity`.
    Infinity,
    /// `-Infinity`.
    NegativeInfinity,
}

/// 22003, with PostgreSQL's message.
pub(crate) fn overflow() -> Error {
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format")
}

/// 22012, with PostgreSQL's message.
pub(crate) fn division_by_zero() -> Error {
    Error::new(SqlState::DIVISION_BY_ZERO, "division by zero")
}

/// Digits before the point, and after it, that a `numeric` may have.
const DIGITS_MAX: i64 = 131_072;
const SCALE_MAX: i64 = 16_383;

impl Numeric {
    /// Reads text as PostgreSQL's input does: spaces around, exponents, `NaN`, `inf`. Errors: 22P02, 22003.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = || {
            let message = format!("invalid input syntax for type numeric: \"{text}\"");
            Error::new(SqlState::INVALID_TEXT_REPRESENTATION, message)
        };
        let trimmed = text.trim_matches(crate::text::is_space);
        let (negative, unsigned) = match trimmed.as_bytes().first() {
            Some(b'-') => (true, &trimmed[1..]),
            Some(b'+') => (false, &trimmed[1..]),
            _ => (false, trimmed),
        };
        if unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return Decimal::parse(unsigned, negative).ok_or_else(invalid)?.map(Self::Finite);
        }
        if trimmed.eq_ignore_ascii_case("nan") {
            return Ok(Self::NaN);
        }
        if unsigned.eq_ignore_ascii_case("infinity") || unsigned.eq_ignore_ascii_case("inf") {
            return Ok(if negative { Self::NegativeInfinity } else { Self::Infinity });
        }
        Err(invalid())
    }

    /// The number, unless it is NaN or infinite.
    pub const fn finite(&self) -> Option<&Decimal> {
        match self {
            Self::Finite(decimal) => Some(decimal),
            _ => None,
        }
    }

    /// -1, 0 or 1; for NaN 1.
    pub fn signum(&self) -> i32 {
        match self {
            Self::Finite(decimal) => decimal.signum(),
            Self::NegativeInfinity => -1,
            Self::NaN | Self::Infinity => 1,
        }
    }

    /// Rounds to what a type modifier (`numeric(p,s)`) allows; -1 allows all. Errors: 22003.
    pub fn with_typmod(self, typmod: i32) -> Result<Self> {
        let Some((precision, scale)) = precision_and_scale(typmod) else { return Ok(self) };
        let overflow = |detail: String| {
            Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow")
                .with_detail(detail))
        };
        let decimal = match self {
            Self::Finite(decimal) => decimal,
            Self::NaN => return Ok(self),
            _ => {
                return overflow(format!(
                    "A field with precision {precision}, scale {scale} cannot hold an infinite value."
                ));
            }
        };
        let decimal = decimal.rounded(scale);
        if decimal.digits_before_point() > precision - scale && !decimal.is_zero() {
            let limit = match precision - scale {
                0 => "1".to_owned(),
                digits => format!("10^{digits}"),
            };
            return overflow(format!(
                "A field with precision {precision}, scale {scale} must round to an absolute value less than {limit}."
            ));
        }
        Ok(Self::Finite(decimal))
    }

    /// An error where the number has more digits than `numeric` allows.
    pub(crate) fn checked(self) -> Result<Self> {
        match &self {
            Self::Finite(decimal) if !decimal.fits() => Err(overflow()),
            _ => Ok(self),
        }
    }
}

/// Precision and scale of a type modifier; none for -1.
pub const fn precision_and_scale(typmod: i32) -> Option<(i32, i32)> {
    if typmod < 4 {
        return None;
    }
    let typmod = typmod - 4;
    Some(((typmod >> 16) & 0xffff, ((typmod & 0x7ff) ^ 1_024) - 1_024))
}

/// The type modifier of `numeric(precision, scale)`. Errors: 22023, with PostgreSQL's limits.
pub fn typmod(precision: i32, scale: i32) -> Result<i32> {
    if !(1..=1_000).contains(&precision) {
        let message = format!("NUMERIC precision {precision} must be between 1 and 1000");
        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    if !(-1_000..=1_000).contains(&scale) {
        let message = format!("NUMERIC scale {scale} must be between -1000 and 1000");
        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    Ok(((precision << 16) | (scale & 0x7ff)) + 4)
}

impl std::fmt::Display for Numeric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Finite(decimal) => decimal.fmt(f),
            Self::NaN => f.write_str("NaN"),
            Self::Infinity => f.write_str("Infinity"),
            Self::NegativeInfinity => f.write_str("-Infinity"),
        }
    }
}

impl From<Decimal> for Numeric {
    fn from(decimal: Decimal) -> Self {
        Self::Finite(decimal)
    }
}
