//! Roots, powers, exponentials and logarithms, to the scale that PostgreSQL gives them.
//!
//! PostgreSQL computes with a few digits more than it shows, and so does this; results are the nearest decimals.

use super::arithmetic::{DISPLAY_SCALE_MAX, SIGNIFICANT_MIN};
use super::decimal::GROUP;
use super::functions::RESULT_SCALE_MAX;
use super::{DIGITS_MAX, Decimal, Numeric, division_by_zero, overflow};
use crate::{Error, Result, SqlState};

/// log10(e), as PostgreSQL has it.
#[expect(clippy::approx_constant, reason = "the scale of results depends on these digits")]
const LOG10_E: f64 = 0.434_294_481_903_252;

fn power_error(message: &str) -> Error {
    Error::new(SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, message)
}

fn logarithm_error(what: &str) -> Error {
    let message = format!("cannot take logarithm of {what}");
    Error::new(SqlState::INVALID_ARGUMENT_FOR_LOGARITHM, message)
}

const fn shown(scale: i32) -> i32 {
    if scale < 0 {
        0
    } else if scale > DISPLAY_SCALE_MAX {
        DISPLAY_SCALE_MAX
    } else {
        scale
    }
}

impl Decimal {
    /// The nearest double precision; infinite where there is none.
    fn approximate(&self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// log10 of the magnitude, which is not zero.
    fn log10_estimate(&self) -> f64 {
        let first = self.groups.iter().take(5).fold(0.0, |sum, group| sum * 10_000.0 + f64::from(*group));
        let below = self.groups.len().min(5) as i32 - 1;
        first.log10() + f64::from((self.weight - below) * GROUP)
    }

    fn half(&self, scale: i32) -> Self {
        self.times(&Self { negative: false, weight: -1, scale: 1, groups: vec![5_000] }).rounded(scale)
    }

    /// The square root of a number that is not negative, rounded.
    pub(super) fn square_root(&self, scale: i32) -> Self {
        if self.is_zero() {
            return Self::zero(scale.max(0));
        }
        let working = scale.max(0) + 8;
        // The first digits by the processor, of an even power of the base.
        let even = self.weight.div_euclid(2);
        let shifted = Self { weight: self.weight - even * 2, scale: 0, ..self.clone() };
        let start = Numeric::from_f64(shifted.approximate().sqrt());
        let mut root = start.finite().cloned().unwrap_or_default();
        root.weight += even;
        for _ in 0..40 {
            let next = root.plus(&self.divided(&root, working, true)).half(working);
            let change = next.minus(&root);
            root = next;
            if change.is_zero() || change.weight * GROUP < -(working - 3) {
                break;
            }
        }
        self.nearest_root(root.rounded(scale), scale)
    }

    /// The nearest square root among a candidate and its neighbours at a scale.
    fn nearest_root(&self, root: Self, scale: i32) -> Self {
        let unit = |digit: i64, scale: i32| Self::from(digit).times(&Self::power_of_ten(-scale));
        let half = unit(5, scale + 1);
        let below = root.minus(&half);
        let above = root.plus(&half);
        let nearest = if below.signum() > 0 && below.times(&below).compare(self).is_gt() {
            root.minus(&unit(1, scale))
        } else if above.times(&above).compare(self).is_le() {
            root.plus(&unit(1, scale))
        } else {
            root
        };
        nearest.rounded(scale)
    }

    fn power_of_ten(exponent: i32) -> Self {
        let weight = exponent.div_euclid(GROUP);
        let group = 10_u16.pow(exponent.rem_euclid(GROUP) as u32);
        Self { negative: false, weight, scale: (-exponent).max(0), groups: vec![group] }
    }

    /// e to the power of the number, to a scale. Errors: 22003.
    fn exponential(&self, scale: i32) -> Result<Self> {
        let value = self.approximate();
        if value.abs() >= f64::from(RESULT_SCALE_MAX * 3) {
            return if value > 0.0 { Err(overflow()) } else { Ok(Self::zero(scale)) };
        }
        let working = scale + (value * LOG10_E).max(0.0) as i32 + 24;
        let halvings = (value.abs() * 256.0).log2().ceil().max(0.0) as u32;
        let power = Self::from(1_i64 << halvings);
        let reduced = self.divided(&power, working, true);
        let (mut sum, mut term) = (Self::one().plus(&reduced), reduced.clone());
        for n in 2_i64.. {
            term = term.times_to(&reduced, working).divided(&Self::from(n), working, true);
            if term.is_zero() {
                break;
            }
            sum = sum.plus(&term);
        }
        for _ in 0..halvings {
            sum = sum.times_to(&sum, working);
        }
        Ok(sum.rounded(scale))
    }

    /// The natural logarithm of a positive number, to a scale.
    fn logarithm(&self, scale: i32) -> Self {
        let working = scale.max(0) + 20;
        let near = |number: &Self| (0.9..=1.1).contains(&number.approximate());
        if self.weight != 0 && !near(self) {
            let mantissa = Self { weight: 0, scale: self.groups.len() as i32 * GROUP, ..self.clone() };
            let tens = Self::from(10_i64).logarithm_near_one(working);
            let whole = tens.times(&Self::from(i64::from(self.weight * GROUP)));
            return mantissa.logarithm_near_one(working).plus(&whole).rounded(scale);
        }
        self.logarithm_near_one(working).rounded(scale)
    }

    /// Takes roots until the series converges quickly.
    fn logarithm_near_one(&self, working: i32) -> Self {
        let (mut number, mut factor) = (self.clone(), 2_i64);
        while !(0.98..=1.02).contains(&number.approximate()) {
            number = number.square_root(working);
            factor *= 2;
        }
        let one = Self::one();
        let ratio = number.minus(&one).divided(&number.plus(&one), working, true);
        let square = ratio.times_to(&ratio, working);
        let (mut sum, mut power) = (ratio.clone(), ratio);
        for n in (3_i64..).step_by(2) {
            power = power.times_to(&square, working);
            let term = power.divided(&Self::from(n), working, true);
            if term.is_zero() {
                break;
            }
            sum = sum.plus(&term);
        }
        sum.times(&Self::from(factor))
    }

    /// The decimal weight of the natural logarithm, roughly, as PostgreSQL estimates it.
    fn logarithm_weight(&self) -> i32 {
        let (low, high) = (Self::tenths(9), Self::tenths(11));
        if self.signum() <= 0 {
            return 0;
        }
        if self.compare(&low).is_ge() && self.compare(&high).is_le() {
            let distance = self.minus(&Self::one());
            return match distance.groups.first() {
                Some(first) => distance.weight * GROUP + f64::from(*first).log10() as i32,
                None => 0,
            };
        }
        let mut digits = f64::from(self.groups[0]);
        let mut weight = self.weight * GROUP;
        if let Some(second) = self.groups.get(1) {
            digits = digits * 10_000.0 + f64::from(*second);
            weight -= GROUP;
        }
        let logarithm = digits.ln() + f64::from(weight) * std::f64::consts::LN_10;
        logarithm.abs().log10() as i32
    }

    fn tenths(count: i64) -> Self {
        Self::from(count).divided(&Self::from(10_i64), 1, true)
    }

    /// The power to an integer. Errors: 22003, 22012.
    fn integer_power(&self, exponent: i32, scale: i32) -> Result<Self> {
        match exponent {
            0 => return Ok(Self { scale, ..Self::one() }),
            1 => return Ok(self.clone().rounded(scale)),
            2 => return Ok(self.times_to(self, scale)),
            -1 if !self.is_zero() => return Ok(Self::one().divided(self, scale, true)),
            _ => {}
        }
        if self.is_zero() {
            return if exponent < 0 { Err(division_by_zero()) } else { Ok(Self::zero(scale)) };
        }
        let size = f64::from(exponent) * self.log10_estimate();
        if size > DIGITS_MAX as f64 {
            return Err(overflow());
        }
        if size + 1.0 < f64::from(-scale) {
            return Ok(Self::zero(scale));
        }
        let significant = scale + size.max(0.0) as i32 + f64::from(exponent).abs().log10() as i32 + 16;
        // Of a power that is inverted only the digits that count are kept.
        let keep = |number: Self| {
            let places = significant + size.abs() as i32 - number.digits_before_point();
            let places = places.max(significant - number.digits_before_point());
            number.rounded(places)
        };
        let (mut rest, mut base, mut product) = (exponent.unsigned_abs(), self.clone(), Self::one());
        loop {
            if rest & 1 == 1 {
                product = keep(product.times(&base));
            }
            rest >>= 1;
            if rest == 0 {
                break;
            }
            base = keep(base.times(&base));
            if i64::from(base.weight) * 4 > DIGITS_MAX * 2 {
                return if exponent < 0 { Ok(Self::zero(scale)) } else { Err(overflow()) };
            }
        }
        Ok(if exponent < 0 { Self::one().divided(&product, scale, true) } else { product.rounded(scale) })
    }

    fn power(&self, exponent: &Self) -> Result<Self> {
        if exponent.is_integer()
            && let Some(whole) = exponent.to_i64().and_then(|whole| i32::try_from(whole).ok())
        {
            return self.integer_power(whole, shown(SIGNIFICANT_MIN.max(self.scale)));
        }
        if self.is_zero() {
            return Ok(Self::zero(SIGNIFICANT_MIN));
        }
        let odd = exponent.group(0) % 2 == 1;
        let base = self.clone().absolute();
        let rough = base.logarithm(8 - base.logarithm_weight().min(0)).times(exponent).approximate();
        if rough.abs() > f64::from(RESULT_SCALE_MAX) * 3.01 {
            return if rough > 0.0 { Err(overflow()) } else { Ok(Self::zero(DISPLAY_SCALE_MAX)) };
        }
        let size = rough * LOG10_E;
        let scale = shown((SIGNIFICANT_MIN - size as i32).max(self.scale).max(exponent.scale));
        let digits = scale + size.max(0.0) as i32 + exponent.digits_before_point().max(0) + 12;
        let power = base.logarithm(digits).times(exponent).rounded(digits).exponential(scale)?;
        Ok(if self.negative && odd { power.negated() } else { power })
    }
}

impl Numeric {
    /// `sqrt`. Errors: 2201F.
    pub fn square_root(&self) -> Result<Self> {
        match self {
            Self::NaN | Self::Infinity => Ok(self.clone()),
            Self::Finite(decimal) if decimal.signum() >= 0 => {
                let weight = (decimal.weight + 1) * GROUP / 2 - 1;
                let scale = shown((SIGNIFICANT_MIN - weight).max(decimal.scale));
                Ok(Self::Finite(decimal.square_root(scale)))
            }
            _ => Err(power_error("cannot take square root of a negative number")),
        }
    }

    /// `exp`. Errors: 22003.
    pub fn exponential(&self) -> Result<Self> {
        match self {
            Self::NaN | Self::Infinity => Ok(self.clone()),
            Self::NegativeInfinity => Ok(Self::Finite(Decimal::zero(0))),
            Self::Finite(decimal) => {
                let limit = f64::from(RESULT_SCALE_MAX);
                let size = (decimal.approximate() * LOG10_E).clamp(-limit, limit);
                let scale = shown((SIGNIFICANT_MIN - size as i32).max(decimal.scale));
                decimal.exponential(scale).map(Self::Finite)
            }
        }
    }

    fn check_logarithm(&self) -> Result<()> {
        match self.signum() {
            _ if *self == Self::NaN => Ok(()),
            0 => Err(logarithm_error("zero")),
            -1 => Err(logarithm_error("a negative number")),
            _ => Ok(()),
        }
    }

    /// `ln`. Errors: 2201E.
    pub fn natural_logarithm(&self) -> Result<Self> {
        self.check_logarithm()?;
        let Self::Finite(decimal) = self else { return Ok(self.clone()) };
        let scale = shown((SIGNIFICANT_MIN - decimal.logarithm_weight()).max(decimal.scale));
        Ok(Self::Finite(decimal.logarithm(scale)))
    }

    /// `log(base, n)`. Errors: 2201E, 22012.
    pub fn logarithm(base: &Self, number: &Self) -> Result<Self> {
        if *base == Self::NaN || *number == Self::NaN {
            return Ok(Self::NaN);
        }
        base.check_logarithm()?;
        number.check_logarithm()?;
        let (a, b) = match (base, number) {
            (Self::Finite(a), Self::Finite(b)) => (a, b),
            (Self::Finite(_), _) => return Ok(Self::Infinity),
            (_, Self::Finite(_)) => return Ok(Self::Finite(Decimal::zero(0))),
            _ => return Ok(Self::NaN),
        };
        let weight = b.logarithm_weight() - a.logarithm_weight();
        let scale = shown((SIGNIFICANT_MIN - weight).max(a.scale).max(b.scale));
        let digits = scale + weight.abs() + a.logarithm_weight().abs() + 12;
        let divisor = a.logarithm(digits);
        if divisor.is_zero() {
            return Err(division_by_zero());
        }
        Ok(Self::Finite(b.logarithm(digits).divided(&divisor, scale, true)))
    }

    /// `power`, `^`. Errors: 2201F, 22003.
    pub fn power(&self, exponent: &Self) -> Result<Self> {
        let one = || Ok(Self::Finite(Decimal::one()));
        let is_one = |number: &Self| number.compare(&Self::Finite(Decimal::one())).is_eq();
        if *self == Self::NaN {
            return if exponent.signum() == 0 { one() } else { Ok(Self::NaN) };
        }
        if *exponent == Self::NaN {
            return if is_one(self) { one() } else { Ok(Self::NaN) };
        }
        let (sign, direction) = (self.signum(), exponent.signum());
        if sign == 0 && direction < 0 {
            return Err(power_error("zero raised to a negative power is undefined"));
        }
        if sign < 0 && exponent.finite().is_some_and(|exponent| !exponent.is_integer()) {
            let message = "a negative number raised to a non-integer power yields a complex result";
            return Err(power_error(message));
        }
        if let (Self::Finite(base), Self::Finite(exponent)) = (self, exponent) {
            return Self::Finite(base.power(exponent)?).checked();
        }
        let zero = || Ok(Self::Finite(Decimal::zero(0)));
        if is_one(self) || direction == 0 {
            return one();
        }
        if sign == 0 {
            return zero();
        }
        let Self::Finite(exponent) = exponent else {
            let magnitude = self.clone().absolute();
            if is_one(&magnitude) {
                return one();
            }
            let grows = magnitude.compare(&Self::Finite(Decimal::one())).is_gt() == (direction > 0);
            return if grows { Ok(Self::Infinity) } else { zero() };
        };
        let odd = exponent.is_integer() && exponent.group(0) % 2 == 1;
        match (direction, sign < 0 && odd) {
            (..0, _) => zero(),
            (_, true) => Ok(Self::NegativeInfinity),
            _ => Ok(Self::Infinity),
        }
    }
}
