//! Functions of one or two numbers that need no series: rounding, signs, divisors, special values.

use super::{Decimal, Numeric, division_by_zero};
use crate::{Error, Result, SqlState};
use std::cmp::Ordering;

/// PostgreSQL's `NUMERIC_MAX_RESULT_SCALE`.
pub(super) const RESULT_SCALE_MAX: i32 = 2_000;

impl Numeric {
    /// The order of values; NaN is above all and equal to itself.
    pub fn compare(&self, other: &Self) -> Ordering {
        let rank = |number: &Self| match number {
            Self::NegativeInfinity => -1,
            Self::Finite(_) => 0,
            Self::Infinity => 1,
            Self::NaN => 2,
        };
        match (self, other) {
            (Self::Finite(a), Self::Finite(b)) => a.compare(b),
            _ => rank(self).cmp(&rank(other)),
        }
    }

    const fn infinity(sign: i32) -> Self {
        match sign {
            0 => Self::NaN,
            1.. => Self::Infinity,
            _ => Self::NegativeInfinity,
        }
    }

    /// `+`. Errors: 22003.
    pub fn add(&self, other: &Self) -> Result<Self> {
        match (self, other) {
            (Self::Finite(a), Self::Finite(b)) => Self::Finite(a.plus(b)).checked(),
            (Self::NaN, _) | (_, Self::NaN) => Ok(Self::NaN),
            (Self::Finite(_), infinite) | (infinite, Self::Finite(_)) => Ok(infinite.clone()),
            (a, b) => Ok(if a == b { a.clone() } else { Self::NaN }),
        }
    }

    /// `-`. Errors: 22003.
    pub fn subtract(&self, other: &Self) -> Result<Self> {
        self.add(&other.clone().negated())
    }

    /// `*`. Errors: 22003.
    pub fn multiply(&self, other: &Self) -> Result<Self> {
        match (self, other) {
            (Self::Finite(a), Self::Finite(b)) => {
                let product = a.times(b);
                let product = if product.scale > 16_383 { product.rounded(16_383) } else { product };
                Self::Finite(product).checked()
            }
            (Self::NaN, _) | (_, Self::NaN) => Ok(Self::NaN),
            (a, b) => Ok(Self::infinity(a.signum() * b.signum())),
        }
    }

    /// What a division has to do where a number is not finite.
    fn special_quotient(&self, divisor: &Self) -> Result<Self> {
        match (self, divisor) {
            (Self::NaN, _) | (_, Self::NaN) => Ok(Self::NaN),
            (Self::Finite(_), _) => Ok(Self::Finite(Decimal::zero(0))),
            (_, Self::Finite(divisor)) if divisor.is_zero() => Err(division_by_zero()),
            (a, Self::Finite(divisor)) => Ok(Self::infinity(a.signum() * divisor.signum())),
            _ => Ok(Self::NaN),
        }
    }

    /// `/`. Errors: 22012, 22003.
    pub fn divide(&self, divisor: &Self) -> Result<Self> {
        match (self, divisor) {
            (Self::Finite(_), Self::Finite(b)) if b.is_zero() => Err(division_by_zero()),
            (Self::Finite(a), Self::Finite(b)) => Self::Finite(a.quotient(b)).checked(),
            _ => self.special_quotient(divisor),
        }
    }

    /// `div`: the whole quotient, towards zero. Errors: 22012, 22003.
    pub fn divide_whole(&self, divisor: &Self) -> Result<Self> {
        match (self, divisor) {
            (Self::Finite(_), Self::Finite(b)) if b.is_zero() => Err(division_by_zero()),
            (Self::Finite(a), Self::Finite(b)) => Self::Finite(a.whole_quotient(b)).checked(),
            _ => self.special_quotient(divisor),
        }
    }

    /// `%`. Errors: 22012.
    pub fn remainder(&self, divisor: &Self) -> Result<Self> {
        match (self, divisor) {
            (Self::NaN, _) | (_, Self::NaN) => Ok(Self::NaN),
            (_, Self::Finite(b)) if b.is_zero() => Err(division_by_zero()),
            (Self::Finite(a), Self::Finite(b)) => Ok(Self::Finite(a.remainder(b))),
            (Self::Finite(_), _) => Ok(self.clone()),
            _ => Ok(Self::NaN),
        }
    }

    /// The same with the other sign.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Finite(decimal) => Self::Finite(decimal.negated()),
            Self::NaN => Self::NaN,
            Self::Infinity => Self::NegativeInfinity,
            Self::NegativeInfinity => Self::Infinity,
        }
    }

    /// `abs`.
    #[must_use]
    pub fn absolute(self) -> Self {
        match self {
            Self::Finite(decimal) => Self::Finite(decimal.absolute()),
            Self::NegativeInfinity => Self::Infinity,
            other => other,
        }
    }

    fn map(self, change: impl FnOnce(Decimal) -> Decimal) -> Self {
        match self {
            Self::Finite(decimal) => Self::Finite(change(decimal)),
            other => other,
        }
    }

    /// `round(n, scale)`. Errors: 22003.
    pub fn round(self, scale: i32) -> Result<Self> {
        self.map(|decimal| decimal.rounded(scale.clamp(-RESULT_SCALE_MAX, RESULT_SCALE_MAX))).checked()
    }

    /// `trunc(n, scale)`.
    #[must_use]
    pub fn truncate(self, scale: i32) -> Self {
        self.map(|decimal| decimal.truncated(scale.clamp(-RESULT_SCALE_MAX, RESULT_SCALE_MAX)))
    }

    /// `ceil`.
    #[must_use]
    pub fn ceiling(self) -> Self {
        self.map(|decimal| {
            let more = decimal.signum() > 0 && !decimal.is_integer();
            let whole = decimal.truncated(0);
            if more { whole.plus(&Decimal::one()) } else { whole }
        })
    }

    /// `floor`.
    #[must_use]
    pub fn floor(self) -> Self {
        self.negated().ceiling().negated()
    }

    /// `sign`.
    #[must_use]
    pub fn sign(&self) -> Self {
        if *self == Self::NaN { Self::NaN } else { Self::Finite(Decimal::from(i64::from(self.signum()))) }
    }

    /// `min_scale`: the digits after the point without zeros at the end; `None` where there are no digits.
    pub fn scale_min(&self) -> Option<i32> {
        let decimal = self.finite()?;
        let Some(last) = decimal.groups.last() else { return Some(0) };
        let zeros = (1..4).take_while(|digits| last % 10_u16.pow(*digits) == 0).count() as i32;
        Some(((decimal.groups.len() as i32 - 1 - decimal.weight) * 4 - zeros).max(0))
    }

    /// `trim_scale`.
    #[must_use]
    pub fn trimmed(self) -> Self {
        let scale = self.scale_min().unwrap_or(0);
        self.map(|decimal| Decimal { scale, ..decimal })
    }

    /// `gcd`.
    #[must_use]
    pub fn greatest_common_divisor(&self, other: &Self) -> Self {
        let (Self::Finite(a), Self::Finite(b)) = (self, other) else { return Self::NaN };
        let scale = a.scale.max(b.scale);
        let (mut a, mut b) = (a.clone().absolute(), b.clone().absolute());
        while !b.is_zero() {
            (a, b) = (b.clone(), a.remainder(&b));
        }
        Self::Finite(Decimal { scale, ..a })
    }

    /// `lcm`. Errors: 22003.
    pub fn least_common_multiple(&self, other: &Self) -> Result<Self> {
        let (Self::Finite(a), Self::Finite(b)) = (self, other) else { return Ok(Self::NaN) };
        let scale = a.scale.max(b.scale);
        if a.is_zero() || b.is_zero() {
            return Ok(Self::Finite(Decimal::zero(scale)));
        }
        let divisor = self.greatest_common_divisor(other);
        let Self::Finite(divisor) = divisor else { return Ok(Self::NaN) };
        let multiple = a.whole_quotient(&divisor).times(b).absolute();
        Self::Finite(Decimal { scale, ..multiple }).checked()
    }

    /// `factorial`. Errors: 22003 for negative numbers and where the result is too long.
    pub fn factorial(of: i64) -> Result<Self> {
        if of < 0 {
            let message = "factorial of a negative number is undefined";
            return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message));
        }
        // 32177! has more digits than a number may have.
        if of > 32_177 {
            return Err(super::overflow());
        }
        let product = (2..=of).fold(Decimal::one(), |product, factor| product.times(&Decimal::from(factor)));
        Self::Finite(product).checked()
    }
}
