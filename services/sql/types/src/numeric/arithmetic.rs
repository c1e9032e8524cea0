//! Sums, products and quotients of decimals, exact to the scale that is asked for.

use std::cmp::Ordering;

use super::Decimal;
use super::decimal::{BASE, GROUP};

/// PostgreSQL's `NUMERIC_MIN_SIG_DIGITS`.
pub(super) const SIGNIFICANT_MIN: i32 = 16;
/// PostgreSQL's `NUMERIC_MAX_DISPLAY_SCALE`.
pub(super) const DISPLAY_SCALE_MAX: i32 = 1_000;

impl Decimal {
    /// The order of magnitudes.
    pub(super) fn compare_magnitude(&self, other: &Self) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        self.weight.cmp(&other.weight).then_with(|| self.groups.cmp(&other.groups))
    }

    /// The order of values.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self.signum(), other.signum()) {
            (-1, -1) => other.compare_magnitude(self),
            (1, 1) => self.compare_magnitude(other),
            (a, b) => a.cmp(&b),
        }
    }

    /// The sum, of the larger scale.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let scale = self.scale.max(other.scale);
        if self.is_zero() || other.is_zero() {
            let sum = if self.is_zero() { other } else { self };
            return Self { scale, ..sum.clone() };
        }
        let mut sum = if self.negative == other.negative {
            Self { negative: self.negative, ..self.magnitudes_plus(other) }
        } else {
            match self.compare_magnitude(other) {
                Ordering::Equal => Self::zero(0),
                Ordering::Greater => Self { negative: self.negative, ..self.magnitudes_minus(other) },
                Ordering::Less => Self { negative: other.negative, ..other.magnitudes_minus(self) },
            }
        };
        sum.scale = scale;
        sum.normal()
    }

    /// The difference, of the larger scale.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.plus(&other.clone().negated())
    }

    /// The same with the other sign.
    #[must_use]
    pub fn negated(mut self) -> Self {
        self.negative = !self.negative && !self.is_zero();
        self
    }

    /// Without its sign.
    #[must_use]
    pub fn absolute(mut self) -> Self {
        self.negative = false;
        self
    }

    /// The weights that both, which are not zero, have together, from the highest to the lowest.
    fn span(&self, other: &Self) -> (i32, i32) {
        let low = |decimal: &Self| decimal.weight - decimal.groups.len() as i32 + 1;
        (self.weight.max(other.weight), low(self).min(low(other)))
    }

    fn magnitudes_plus(&self, other: &Self) -> Self {
        let (high, low) = self.span(other);
        let mut groups = Vec::with_capacity((high - low) as usize + 2);
        let mut carry = 0;
        for weight in low..=high + 1 {
            let sum = u32::from(self.group(weight)) + u32::from(other.group(weight)) + carry;
            groups.push((sum % BASE) as u16);
            carry = sum / BASE;
        }
        groups.reverse();
        Self { negative: false, weight: high + 1, scale: 0, groups }
    }

    /// `other` is not larger.
    fn magnitudes_minus(&self, other: &Self) -> Self {
        let (high, low) = self.span(other);
        let mut groups = Vec::with_capacity((high - low) as usize + 1);
        let mut borrow = 0;
        for weight in low..=high {
            let rest = i32::from(self.group(weight)) - i32::from(other.group(weight)) - borrow;
            borrow = i32::from(rest < 0);
            groups.push((rest + borrow * BASE as i32) as u16);
        }
        groups.reverse();
        Self { negative: false, weight: high, scale: 0, groups }
    }

    /// The exact product; its scale is the sum of both.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        let scale = self.scale + other.scale;
        if self.is_zero() || other.is_zero() {
            return Self::zero(scale);
        }
        let mut sums = vec![0_u64; self.groups.len() + other.groups.len()];
        for (n, a) in self.groups.iter().enumerate() {
            if *a != 0 {
                for (m, b) in other.groups.iter().enumerate() {
                    sums[n + m + 1] += u64::from(*a) * u64::from(*b);
                }
            }
        }
        let mut carry = 0;
        for sum in sums.iter_mut().rev() {
            *sum += carry;
            carry = *sum / u64::from(BASE);
            *sum %= u64::from(BASE);
        }
        let groups = sums.into_iter().map(|sum| sum as u16).collect();
        let negative = self.negative != other.negative;
        Self { negative, weight: self.weight + other.weight + 1, scale, groups }.normal()
    }

    /// The product, rounded.
    pub(super) fn times_to(&self, other: &Self, scale: i32) -> Self {
        self.times(other).rounded(scale)
    }

    /// The quotient with a scale, rounded or cut off. The divisor is not zero.
    #[must_use]
    pub fn divided(&self, divisor: &Self, scale: i32, round: bool) -> Self {
        if self.is_zero() {
            return Self::zero(scale.max(0));
        }
        // One group more than the scale needs, for the rounding.
        let low = -((scale + GROUP - 1).div_euclid(GROUP) + 1);
        let count = self.weight - divisor.weight - low + 1;
        if count <= 0 {
            return Self::zero(scale.max(0));
        }
        let mut numerator = self.groups.clone();
        numerator.resize(count as usize + divisor.groups.len() - 1, 0);
        let groups = quotient(&numerator, &divisor.groups);
        let weight = low + groups.len() as i32 - 1;
        let negative = self.negative != divisor.negative;
        let quotient = Self { negative, weight, scale: scale.max(0), groups }.normal();
        if round { quotient.rounded(scale) } else { quotient.truncated(scale) }
    }

    /// The quotient as the operator `/` gives it. The divisor is not zero.
    #[must_use]
    pub fn quotient(&self, divisor: &Self) -> Self {
        self.divided(divisor, self.quotient_scale(divisor), true)
    }

    /// The scale of a quotient: at least 16 significant digits, and no less than that of either (`select_div_scale`).
    pub(super) fn quotient_scale(&self, divisor: &Self) -> i32 {
        let first = |decimal: &Self| decimal.groups.first().copied().unwrap_or(0);
        let weight = self.weight - divisor.weight - i32::from(first(self) <= first(divisor));
        let scale = SIGNIFICANT_MIN - weight * GROUP;
        scale.max(self.scale).max(divisor.scale).clamp(0, DISPLAY_SCALE_MAX)
    }

    /// The remainder with the sign of the dividend. The divisor is not zero.
    #[must_use]
    pub fn remainder(&self, divisor: &Self) -> Self {
        let whole = self.divided(divisor, 0, false);
        let mut rest = self.minus(&whole.times(divisor));
        rest.scale = self.scale.max(divisor.scale);
        rest
    }

    /// The whole quotient, towards zero.
    #[must_use]
    pub fn whole_quotient(&self, divisor: &Self) -> Self {
        self.divided(divisor, 0, false)
    }
}

/// The integer quotient of two numbers, highest group first: Knuth's algorithm D. It has `numerator.len() - divisor.len() + 1` groups.
fn quotient(numerator: &[u16], divisor: &[u16]) -> Vec<u16> {
    if let [single] = divisor {
        let mut rest = 0;
        return numerator
            .iter()
            .map(|group| {
                let value = rest * BASE + u32::from(*group);
                rest = value % u32::from(*single);
                (value / u32::from(*single)) as u16
            })
            .collect();
    }
    let factor = BASE / (u32::from(divisor[0]) + 1);
    let divisor = scaled(divisor, factor);
    let divisor = &divisor[1..];
    let mut rest = scaled(numerator, factor);
    let steps = numerator.len() - divisor.len() + 1;
    (0..steps).map(|at| step(&mut rest[at..=at + divisor.len()], divisor)).collect()
}

/// The product with a small factor, one group longer.
fn scaled(groups: &[u16], factor: u32) -> Vec<u32> {
    let mut product = vec![0; groups.len() + 1];
    let mut carry = 0;
    for (n, group) in groups.iter().enumerate().rev() {
        let value = u32::from(*group) * factor + carry;
        product[n + 1] = value % BASE;
        carry = value / BASE;
    }
    product[0] = carry;
    product
}

/// One group of the quotient; takes its multiple of the divisor off the rest.
fn step(rest: &mut [u32], divisor: &[u32]) -> u16 {
    let high = rest[0] * BASE + rest[1];
    let (mut guess, mut left) = (high / divisor[0], high % divisor[0]);
    while guess >= BASE || guess * divisor[1] > left * BASE + rest[2] {
        guess -= 1;
        left += divisor[0];
        if left >= BASE {
            break;
        }
    }
    let (mut borrow, mut carry) = (0_i64, 0);
    for n in (0..divisor.len()).rev() {
        let product = guess * divisor[n] + carry;
        carry = product / BASE;
        let value = i64::from(rest[n + 1]) - i64::from(product % BASE) - borrow;
        borrow = i64::from(value < 0);
        rest[n + 1] = (value + borrow * i64::from(BASE)) as u32;
    }
    let value = i64::from(rest[0]) - i64::from(carry) - borrow;
    rest[0] = value.max(0) as u32;
    if value < 0 {
        guess -= 1;
        let mut carry = 0;
        for n in (0..divisor.len()).rev() {
            let sum = rest[n + 1] + divisor[n] + carry;
            rest[n + 1] = sum % BASE;
            carry = sum / BASE;
        }
    }
    guess as u16
}
