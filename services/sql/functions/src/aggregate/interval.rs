//! Sums and means of intervals.

use bole_sql_types::datetime::arithmetic::{interval_add, interval_divide};
use bole_sql_types::datetime::interval::Interval;
use bole_sql_types::{Result, Value};

use super::{Aggregate, State, aggregate};
use crate::call::Arguments;
use crate::datetime::{interval, stored};

/// The aggregates.
pub(crate) const AGGREGATES: &[Aggregate] = &[
    aggregate!("pg_sum_interval", 1, Sum { count: 0, total: Interval::default(), mean: false }),
    aggregate!("pg_avg_interval", 1, Sum { count: 0, total: Interval::default(), mean: true }),
];

struct Sum {
    count: i64,
    total: Interval,
    mean: bool,
}

impl State for Sum {
    fn step(&mut self, row: &Arguments<'_, '_>) -> Result<()> {
        self.count += 1;
        self.total = interval_add(self.total, interval(row, 0)?)?;
        Ok(())
    }

    fn value(&self) -> Result<Value> {
        match (self.count, self.mean) {
            (0, _) => Ok(Value::Null),
            (_, false) => stored(self.total),
            (count, true) => stored(interval_divide(self.total, count as f64)?),
        }
    }
}
