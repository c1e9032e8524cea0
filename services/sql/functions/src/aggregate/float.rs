//! Sums and statistics of floating-point numbers, by the method of Youngs and Cramer, as PostgreSQL computes them.

use bole_sql_types::numeric::accumulator::{FloatAccumulator, Of};
use bole_sql_types::{Result, Value};

use super::{Aggregate, State, aggregate};
use crate::call::{Arguments, integer, real};
use crate::float::overflow;

/// The aggregates.
pub(crate) const AGGREGATES: &[Aggregate] = &[
    aggregate!("pg_sum_float4", 1, SumSingle(None)),
    aggregate!("pg_sum_float8", 1, SumDouble(None)),
    aggregate!("pg_avg_float8", 1, One::new(FloatAccumulator::average)),
    aggregate!("pg_var_pop_float8", 1, One::new(|of| of.variance(Of::Population))),
    aggregate!("pg_var_samp_float8", 1, One::new(|of| of.variance(Of::Sample))),
    aggregate!("pg_stddev_pop_float8", 1, One::new(|of| of.standard_deviation(Of::Population))),
    aggregate!("pg_stddev_samp_float8", 1, One::new(|of| of.standard_deviation(Of::Sample))),
    aggregate!("pg_regr_count", 2, Two::new(|_| None, 0.0)),
    aggregate!("pg_regr_sxx", 2, Two::new(|of| Some(of.xx), 1.0)),
    aggregate!("pg_regr_syy", 2, Two::new(|of| Some(of.yy), 1.0)),
    aggregate!("pg_regr_sxy", 2, Two::new(|of| Some(of.xy), 1.0)),
    aggregate!("pg_regr_avgx", 2, Two::new(|of| Some(of.x / of.count), 1.0)),
    aggregate!("pg_regr_avgy", 2, Two::new(|of| Some(of.y / of.count), 1.0)),
    aggregate!("pg_covar_pop", 2, Two::new(|of| Some(of.xy / of.count), 1.0)),
    aggregate!("pg_covar_samp", 2, Two::new(|of| Some(of.xy / (of.count - 1.0)), 2.0)),
    aggregate!("pg_corr", 2, Two::new(correlation, 1.0)),
    aggregate!("pg_regr_r2", 2, Two::new(determination, 1.0)),
    aggregate!("pg_regr_slope", 2, Two::new(|of| (of.xx != 0.0).then(|| of.xy / of.xx), 1.0)),
    aggregate!("pg_regr_intercept", 2, Two::new(intercept, 1.0)),
];

struct SumDouble(Option<f64>);

impl State for SumDouble {
    fn step(&mut self, row: &Arguments<'_, '_>) -> Result<()> {
        let value = row.real(0)?;
        self.0 = Some(match self.0 {
            None => value,
            Some(sum) => added(sum, value, sum + value)?,
        });
        Ok(())
    }

    fn value(&self) -> Result<Value> {
        self.0.map_or(Ok(Value::Null), real)
    }
}

struct SumSingle(Option<f32>);

impl State for SumSingle {
    fn step(&mut self, row: &Arguments<'_, '_>) -> Result<()> {
        let value = row.real(0)? as f32;
        self.0 = Some(match self.0 {
            None => value,
            Some(sum) => added(sum.into(), value.into(), (sum + value).into())? as f32,
        });
        Ok(())
    }

    fn value(&self) -> Result<Value> {
        self.0.map_or(Ok(Value::Null), |sum| real(sum.into()))
    }
}

/// A sum, unless it became infinite by itself.
fn added(a: f64, b: f64, sum: f64) -> Result<f64> {
    if sum.is_infinite() && !a.is_infinite() && !b.is_infinite() { Err(overflow()) } else { Ok(sum) }
}

/// Count, sum, and the sum of squares of differences from the mean.
struct One {
    of: FloatAccumulator,
    result: fn(&FloatAccumulator) -> Option<f64>,
}

impl One {
    fn new(result: fn(&FloatAccumulator) -> Option<f64>) -> Self {
        Self { of: FloatAccumulator::default(), result }
    }
}

impl State for One {
    fn step(&mut self, row: &Arguments<'_, '_>) -> Result<()> {
        self.of.add(row.real(0)?)
    }

    fn value(&self) -> Result<Value> {
        (self.result)(&self.of).map_or(Ok(Value::Null), real)
    }
}

/// Counts, sums and sums of products of pairs, of which Y is the first argument.
struct Two {
    count: f64,
    x: f64,
    xx: f64,
    y: f64,
    yy: f64,
    xy: f64,
    least: f64,
    result: fn(&Self) -> Option<f64>,
}

impl Two {
    const fn new(result: fn(&Self) -> Option<f64>, least: f64) -> Self {
        Self { count: 0.0, x: 0.0, xx: 0.0, y: 0.0, yy: 0.0, xy: 0.0, least, result }
    }
}

impl State for Two {
    fn step(&mut self, row: &Arguments<'_, '_>) -> Result<()> {
        let (y, x) = (row.real(0)?, row.real(1)?);
        let before = (self.count, self.x, self.y);
        self.count += 1.0;
        self.x += x;
        self.y += y;
        if before.0 > 0.0 {
            let of_x = x * self.count - self.x;
            let of_y = y * self.count - self.y;
            let scale = 1.0 / (self.count * before.0);
            self.xx += of_x * of_x * scale;
            self.yy += of_y * of_y * scale;
            self.xy += of_x * of_y * scale;
            let sums = [self.x, self.xx, self.y, self.yy, self.xy];
            if sums.iter().any(|sum| sum.is_infinite()) {
                let finite = |of: [f64; 2]| of.iter().all(|value| !value.is_infinite());
                let of_x = (self.x.is_infinite() || self.xx.is_infinite()) && finite([before.1, x]);
                let of_y = (self.y.is_infinite() || self.yy.is_infinite()) && finite([before.2, y]);
                let of_both = self.xy.is_infinite() && finite([before.1, x]) && finite([before.2, y]);
                if of_x || of_y || of_both {
                    return Err(overflow());
                }
                for sum in [&mut self.xx, &mut self.yy, &mut self.xy] {
                    if sum.is_infinite() {
                        *sum = f64::NAN;
                    }
                }
            }
        } else {
            if !x.is_finite() {
                (self.xx, self.xy) = (f64::NAN, f64::NAN);
            }
            if !y.is_finite() {
                (self.yy, self.xy) = (f64::NAN, f64::NAN);
            }
        }
        Ok(())
    }

    fn value(&self) -> Result<Value> {
        if self.least == 0.0 {
            return integer(self.count as i64);
        }
        if self.count < self.least {
            Ok(Value::Null)
        } else {
            (self.result)(self).map_or(Ok(Value::Null), real)
        }
    }
}

fn correlation(of: &Two) -> Option<f64> {
    if of.xx == 0.0 || of.yy == 0.0 { None } else { Some(of.xy / (of.xx * of.yy).sqrt()) }
}

fn determination(of: &Two) -> Option<f64> {
    if of.xx == 0.0 {
        None
    } else if of.yy == 0.0 {
        Some(1.0)
    } else {
        Some((of.xy * of.xy) / (of.xx * of.yy))
    }
}

fn intercept(of: &Two) -> Option<f64> {
    (of.xx != 0.0).then(|| (of.y - of.x * of.xy / of.xx) / of.count)
}
