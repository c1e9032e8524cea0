//! Sums, means and deviations, with PostgreSQL's scales. Values may be taken out again, as frames of windows need it.

use std::collections::BTreeMap;

use super::operators::{small, unscaled};
use super::{Decimal, Numeric};
use crate::{Error, Result, SqlState};

/// What is known of the values so far: for `sum`, `avg`, and with [`Accumulator::with_squares`] for `variance`, `stddev`.
#[derive(Clone, Debug, Default)]
pub struct Accumulator {
    squares: bool,
    finite: i64,
    nans: i64,
    infinities: i64,
    negative_infinities: i64,
    /// How many values have a scale; the result has the largest.
    scales: BTreeMap<i32, i64>,
    /// What fits an integer, by its scale; the rest is in `sum`.
    quick: (i128, u32),
    sum: Decimal,
    sum_of_squares: Decimal,
}

/// Whether the values are all there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// `var_samp`, `stddev_samp`: a sample.
    Sample,
    /// `var_pop`, `stddev_pop`: the population.
    Population,
}

impl Accumulator {
    /// For `variance` and `stddev` too.
    pub fn with_squares() -> Self {
        Self { squares: true, ..Self::default() }
    }

    /// How many values there are.
    pub const fn count(&self) -> i64 {
        self.finite + self.nans + self.infinities + self.negative_infinities
    }

    /// Adds a number in its storage form.
    pub fn add(&mut self, text: &str) -> Result<()> {
        self.change(text, 1)
    }

    /// Takes out a number that was added.
    pub fn remove(&mut self, text: &str) -> Result<()> {
        self.change(text, -1)
    }

    /// Adds an integer.
    pub fn add_integer(&mut self, value: i64) {
        self.change_integer(value, 1);
    }

    /// Takes out an integer that was added.
    pub fn remove_integer(&mut self, value: i64) {
        self.change_integer(value, -1);
    }

    fn change_integer(&mut self, value: i64, direction: i64) {
        self.note(0, direction);
        self.change_quick((value, 0), direction);
        if self.squares {
            let square = Decimal::from(i128::from(value) * i128::from(value));
            self.change_squares(square, direction);
        }
    }

    fn note(&mut self, scale: i32, direction: i64) {
        self.finite += direction;
        let count = self.scales.entry(scale).or_default();
        *count += direction;
        if *count == 0 {
            self.scales.remove(&scale);
        }
    }

    fn change(&mut self, text: &str, direction: i64) -> Result<()> {
        if let Some(value) = small(text).filter(|_| !self.squares) {
            self.note(value.1 as i32, direction);
            self.change_quick(value, direction);
            return Ok(());
        }
        match Numeric::parse(text)? {
            Numeric::NaN => self.nans += direction,
            Numeric::Infinity => self.infinities += direction,
            Numeric::NegativeInfinity => self.negative_infinities += direction,
            Numeric::Finite(value) => {
                self.note(value.scale(), direction);
                if self.squares {
                    self.change_squares(value.times(&value), direction);
                }
                let value = if direction < 0 { value.negated() } else { value };
                self.sum = self.sum.plus(&value);
            }
        }
        Ok(())
    }

    fn change_squares(&mut self, square: Decimal, direction: i64) {
        let square = if direction < 0 { square.negated() } else { square };
        self.sum_of_squares = self.sum_of_squares.plus(&square);
    }

    fn change_quick(&mut self, (value, scale): (i64, u32), direction: i64) {
        let common = scale.max(self.quick.1);
        let aligned = |value: i128, own: u32| value.checked_mul(10_i128.checked_pow(common - own)?);
        let quick = aligned(self.quick.0, self.quick.1);
        let sum = quick.zip(aligned(i128::from(value) * i128::from(direction), scale));
        if let Some(sum) = sum.and_then(|(a, b)| a.checked_add(b)) {
            self.quick = (sum, common);
            return;
        }
        self.sum = self.total();
        self.quick = (i128::from(value) * i128::from(direction), scale);
    }

    /// The sum of the finite values.
    fn total(&self) -> Decimal {
        let text = unscaled(self.quick.0, self.quick.1);
        let quick =
            Numeric::parse(&text).ok().and_then(|number| number.finite().cloned()).unwrap_or_default();
        let scale = self.scales.keys().next_back().copied().unwrap_or(0);
        self.sum.plus(&quick).rounded(scale)
    }

    fn special(&self) -> Option<Numeric> {
        match (self.nans, self.infinities, self.negative_infinities) {
            (0, 0, 0) => None,
            (0, _, 0) => Some(Numeric::Infinity),
            (0, 0, _) => Some(Numeric::NegativeInfinity),
            _ => Some(Numeric::NaN),
        }
    }

    /// `sum`; `None` without values. Errors: 22003.
    pub fn sum(&self) -> Result<Option<String>> {
        if self.count() == 0 {
            return Ok(None);
        }
        let sum = self.special().unwrap_or_else(|| Numeric::Finite(self.total()));
        Ok(Some(sum.checked()?.to_string()))
    }

    /// `sum` of smallint or integer: a bigint. Errors: 22003.
    pub fn sum_integer(&self) -> Result<Option<i64>> {
        if self.count() == 0 {
            return Ok(None);
        }
        let sum = self.total().to_i64();
        sum.map(Some).ok_or_else(|| Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "bigint out of range"))
    }

    /// `avg`; `None` without values.
    pub fn average(&self) -> Result<Option<String>> {
        if self.count() == 0 {
            return Ok(None);
        }
        let average = self
            .special()
            .unwrap_or_else(|| Numeric::Finite(self.total().quotient(&Decimal::from(self.finite))));
        Ok(Some(average.checked()?.to_string()))
    }

    /// `variance`; `None` with too few values.
    pub fn variance(&self, of: Of) -> Option<String> {
        self.deviation(of, false)
    }

    /// `stddev`; `None` with too few values.
    pub fn standard_deviation(&self, of: Of) -> Option<String> {
        self.deviation(of, true)
    }

    fn deviation(&self, of: Of, root: bool) -> Option<String> {
        let least = if of == Of::Sample { 2 } else { 1 };
        if self.count() < least {
            return None;
        }
        if self.special().is_some() {
            return Some(Numeric::NaN.to_string());
        }
        let (count, total) = (Decimal::from(self.finite), self.total());
        let mut squares = self.sum_of_squares.clone();
        squares.scale = total.scale * 2;
        let difference = count.times(&squares).minus(&total.times(&total));
        if difference.signum() <= 0 {
            return Some("0".to_owned());
        }
        let divisor = if of == Of::Sample { self.finite - 1 } else { self.finite };
        let divisor = count.times(&Decimal::from(divisor));
        let scale = difference.quotient_scale(&divisor);
        let variance = difference.divided(&divisor, scale, true);
        Some(if root { variance.square_root(scale) } else { variance }.to_string())
    }
}

/// The same of double precision (the method of Youngs and Cramer, as in PostgreSQL).
#[derive(Clone, Copy, Debug, Default)]
pub struct FloatAccumulator {
    count: f64,
    sum: f64,
    squares: f64,
}

impl FloatAccumulator {
    /// Adds a number. Errors: 22003 where the sum is too large.
    pub fn add(&mut self, value: f64) -> Result<()> {
        let before = *self;
        self.count += 1.0;
        self.sum += value;
        if before.count > 0.0 {
            let distance = value * self.count - self.sum;
            self.squares += distance * distance / (self.count * before.count);
            if self.sum.is_infinite() || self.squares.is_infinite() {
                if !before.sum.is_infinite() && !value.is_infinite() {
                    return Err(crate::arithmetic::float_overflow());
                }
                self.squares = f64::NAN;
            }
        } else if !value.is_finite() {
            self.squares = f64::NAN;
        }
        Ok(())
    }

    /// How many values there are.
    pub const fn count(&self) -> i64 {
        self.count as i64
    }

    /// `avg`; `None` without values.
    pub fn average(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum / self.count)
    }

    /// `variance`; `None` with too few values.
    pub fn variance(&self, of: Of) -> Option<f64> {
        match of {
            Of::Sample => (self.count > 1.0).then(|| self.squares / (self.count - 1.0)),
            Of::Population => (self.count > 0.0).then(|| self.squares / self.count),
        }
    }

    /// `stddev`; `None` with too few values.
    pub fn standard_deviation(&self, of: Of) -> Option<f64> {
        self.variance(of).map(f64::sqrt)
    }
}
