//! Sums, means, deviations and extremes of exact numbers, and bits of integers.

use std::cmp::Ordering;

use bole_sql_types::collation::compare;
use bole_sql_types::numeric::accumulator::{Accumulator, Of};
use bole_sql_types::storage::Collation;
use bole_sql_types::{Result, Value};

use super::{Aggregate, State, aggregate};
use crate::call::{Arguments, text_or_null};

/// The aggregates.
pub(crate) const AGGREGATES: &[Aggregate] = &[
    aggregate!("pg_sum_int8", 1, Sum::integers(Accumulator::sum)),
    aggregate!("pg_avg_int8", 1, Sum::integers(Accumulator::average)),
    aggregate!("pg_sum_numeric", 1, Sum::numbers(Accumulator::sum)),
    aggregate!("pg_avg_numeric", 1, Sum::numbers(Accumulator::average)),
    aggregate!("pg_var_pop_int8", 1, Deviation::integers(|of| of.variance(Of::Population))),
    aggregate!("pg_var_samp_int8", 1, Deviation::integers(|of| of.variance(Of::Sample))),
    aggregate!("pg_stddev_pop_int8", 1, Deviation::integers(|of| of.standard_deviation(Of::Population))),
    aggregate!("pg_stddev_samp_int8", 1, Deviation::integers(|of| of.standard_deviation(Of::Sample))),
    aggregate!("pg_var_pop_numeric", 1, Deviation::numbers(|of| of.variance(Of::Population))),
    aggregate!("pg_var_samp_numeric", 1, Deviation::numbers(|of| of.variance(Of::Sample))),
    aggregate!("pg_stddev_pop_numeric", 1, Deviation::numbers(|of| of.standard_deviation(Of::Population))),
    aggregate!("pg_stddev_samp_numeric", 1, Deviation::numbers(|of| of.standard_deviation(Of::Sample))),
    aggregate!("pg_min_numeric", 1, Extreme::new(Collation::Numeric, Ordering::Less)),
    aggregate!("pg_max_numeric", 1, Extreme::new(Collation::Numeric, Ordering::Greater)),
    aggregate!("pg_min_interval", 1, Extreme::new(Collation::Interval, Ordering::Less)),
    aggregate!("pg_max_interval", 1, Extreme::new(Collation::Interval, Ordering::Greater)),
    aggregate!("pg_bit_and", 1, Bits::new(|a, b| a & b)),
    aggregate!("pg_bit_or", 1, Bits::new(|a, b| a | b)),
    aggregate!("pg_bit_xor", 1, Bits::new(|a, b| a ^ b)),
];

fn add(to: &mut Accumulator, row: &Arguments<'_, '_>, integers: bool) -> Result<()> {
    if integers {
        to.add_integer(row.integer(0)?);
        return Ok(());
    }
    to.add(row.text(0)?)
}

struct Sum {
    of: Accumulator,
    integers: bool,
    result: fn(&Accumulator) -> Result<Option<String>>,
}

impl Sum {
    fn integers(result: fn(&Accumulator) -> Result<Option<String>>) -> Self {
        Self { of: Accumulator::default(), integers: true, result }
    }

    fn numbers(result: fn(&Accumulator) -> Result<Option<String>>) -> Self {
        Self { of: Accumulator::default(), integers: false, result }
    }
}

impl State for Sum {
    fn step(&mut self, row: &Arguments<'_, '_>) -> Result<()> {
        add(&mut self.of, row, self.integers)
    }

    fn value(&self) -> Result<Value> {
        (self.result)(&self.of).and_then(text_or_null)
    }
}

struct Deviation {
    of: Accumulator,
    integers: bool,
    result: fn(&Accumulator) -> Option<String>,
}

impl Deviation {
    fn integers(result: fn(&Accumulator) -> Option<String>) -> Self {
        Self { of: Accumulator::with_squares(), integers: true, result }
    }

    fn numbers(result: fn(&Accumulator) -> Option<String>) -> Self {
        Self { of: Accumulator::with_squares(), integers: false, result }
    }
}

impl State for Deviation {
    fn step(&mut self, row: &Arguments<'_, '_>) -> Result<()> {
        add(&mut self.of, row, self.integers)
    }

    fn value(&self) -> Result<Value> {
        text_or_null((self.result)(&self.of))
    }
}

/// The least or greatest; of equal ones, which may be written differently, the last.
struct Extreme {
    collation: Collation,
    wanted: Ordering,
    best: Option<String>,
}

impl Extreme {
    const fn new(collation: Collation, wanted: Ordering) -> Self {
        Self { collation, wanted, best: None }
    }
}

impl State for Extreme {
    fn step(&mut self, row: &Arguments<'_, '_>) -> Result<()> {
        let value = row.text(0)?;
        let stays =
            self.best.as_ref().is_some_and(|best| compare(self.collation, best, value) == self.wanted);
        if !stays {
            self.best = Some(value.to_owned());
        }
        Ok(())
    }

    fn value(&self) -> Result<Value> {
        text_or_null(self.best.clone())
    }
}

struct Bits {
    of: Option<i64>,
    join: fn(i64, i64) -> i64,
}

impl Bits {
    const fn new(join: fn(i64, i64) -> i64) -> Self {
        Self { of: None, join }
    }
}

impl State for Bits {
    fn step(&mut self, row: &Arguments<'_, '_>) -> Result<()> {
        let value = row.integer(0)?;
        self.of = Some(self.of.map_or(value, |before| (self.join)(before, value)));
        Ok(())
    }

    fn value(&self) -> Result<Value> {
        Ok(self.of.map_or(Value::Null, Value::Integer))
    }
}
