//! Ordered-set aggregates: `mode`, `percentile_disc`, `percentile_cont`. They keep all values and sort them at the end.

use std::cmp::Ordering;

use bole_sql_types::array::{Array, element_text, parse};
use bole_sql_types::collation::{compare, compare_floats};
use bole_sql_types::datetime::arithmetic::{interval_add, interval_multiply, interval_subtract};
use bole_sql_types::datetime::interval::Interval;
use bole_sql_types::{Error, Result, SqlState, Type, Value, ValueRef};

use super::{Aggregate, Kept, State, aggregate};
use crate::call::{Arguments, real, text};

/// The aggregates.
pub(crate) const AGGREGATES: &[Aggregate] = &[
    aggregate!("pg_mode", 3, Ordered::new(0, mode)),
    aggregate!(lenient "pg_percentile_disc", 4, Ordered::new(1, |of| of.each(Ordered::discrete))),
    aggregate!(lenient "pg_percentile_disc_array", 4, Ordered::new(1, |of| of.all(Ordered::discrete))),
    aggregate!(lenient "pg_percentile_cont", 3, Ordered::floats(|of| of.each(Ordered::continuous))),
    aggregate!(lenient "pg_percentile_cont_array", 3, Ordered::floats(|of| of.all(Ordered::continuous))),
    aggregate!(lenient "pg_percentile_cont_interval", 3, Ordered::intervals(|of| of.each(Ordered::continuous))),
];

/// The values of a group. Arguments: the fraction, if there is one; the type, unless it is known; the value; whether the order descends.
struct Ordered {
    /// Where the value's type is.
    type_at: usize,
    ty: Option<Type>,
    fraction: Value,
    descending: bool,
    values: Vec<Value>,
    kept: Kept,
    result: fn(&Self) -> Result<Value>,
}

impl Ordered {
    const fn new(type_at: usize, result: fn(&Self) -> Result<Value>) -> Self {
        Self {
            type_at,
            ty: None,
            fraction: Value::Null,
            descending: false,
            values: Vec::new(),
            kept: Kept(0),
            result,
        }
    }

    const fn floats(result: fn(&Self) -> Result<Value>) -> Self {
        let mut of = Self::new(usize::MAX, result);
        of.ty = Some(Type::FLOAT8);
        of
    }

    const fn intervals(result: fn(&Self) -> Result<Value>) -> Self {
        let mut of = Self::new(usize::MAX, result);
        of.ty = Some(Type::INTERVAL);
        of
    }

    fn order(&self, a: &Value, b: &Value) -> Ordering {
        let order = order_of(self.ty, a, b);
        if self.descending { order.reverse() } else { order }
    }

    fn sorted(&self) -> Vec<&Value> {
        let mut values: Vec<&Value> = self.values.iter().collect();
        values.sort_by(|a, b| self.order(a, b));
        values
    }

    /// The first value that has the fraction before it or is it.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "it stands beside `continuous`")]
    fn discrete(&self, sorted: &[&Value], fraction: f64) -> Result<Value> {
        let row = (fraction * sorted.len() as f64).ceil() as usize;
        Ok(sorted[row.max(1) - 1].clone())
    }

    fn continuous(&self, sorted: &[&Value], fraction: f64) -> Result<Value> {
        let place = fraction * (sorted.len() - 1) as f64;
        let (first, second) = (place.floor() as usize, place.ceil() as usize);
        if first == second {
            return Ok(sorted[first].clone());
        }
        let proportion = place - first as f64;
        match (sorted[first], sorted[second]) {
            (Value::Text(low), Value::Text(high)) if self.ty == Some(Type::INTERVAL) => {
                let (low, high) = (Interval::from_storage(low)?, Interval::from_storage(high)?);
                let step = interval_multiply(interval_subtract(high, low)?, proportion)?;
                text(interval_add(low, step)?.to_storage())
            }
            (low, high) => real(float(low) + proportion * (float(high) - float(low))),
        }
    }

    /// The result at the fraction.
    fn each(&self, at: fn(&Self, &[&Value], f64) -> Result<Value>) -> Result<Value> {
        match &self.fraction {
            Value::Null => Ok(Value::Null),
            fraction => {
                let fraction = checked(float(fraction))?;
                if self.values.is_empty() { Ok(Value::Null) } else { at(self, &self.sorted(), fraction) }
            }
        }
    }

    /// The results at an array of fractions.
    fn all(&self, at: fn(&Self, &[&Value], f64) -> Result<Value>) -> Result<Value> {
        let Value::Text(fractions) = &self.fraction else { return Ok(Value::Null) };
        if self.values.is_empty() {
            return Ok(Value::Null);
        }
        let fractions = parse(fractions)?;
        let (sorted, ty) = (self.sorted(), self.ty.unwrap_or(Type::TEXT));
        let one = |fraction: &Option<std::borrow::Cow<'_, str>>| -> Result<_> {
            let Some(fraction) = fraction else { return Ok(None) };
            let fraction = checked(bole_sql_types::text::float::parse_f64(fraction)?)?;
            match at(self, &sorted, fraction)?.as_ref() {
                ValueRef::Integer(place) if ty.is_user() => Ok(Some(place.to_string().into())),
                value => Ok(element_text(ty, value)?.map(Into::into)),
            }
        };
        let elements = fractions.elements.iter().map(one).collect::<Result<_>>()?;
        text(Array { dimensions: fractions.dimensions.clone(), elements }.to_string())
    }
}

/// The order of two values of a type, neither of them NULL.
pub(super) fn order_of(ty: Option<Type>, a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
        (Value::Blob(a), Value::Blob(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => match ty.and_then(Type::info).and_then(|info| info.collation) {
            Some(collation) => compare(collation, a, b),
            None => a.cmp(b),
        },
        _ => compare_floats(float(a), float(b)),
    }
}

fn float(value: &Value) -> f64 {
    match value {
        Value::Real(value) => *value,
        Value::Integer(value) => *value as f64,
        _ => f64::NAN,
    }
}

fn checked(fraction: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&fraction) {
        return Ok(fraction);
    }
    let message = format!("percentile value {fraction} is not between 0 and 1");
    Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message))
}

/// The most frequent value; of several the first.
#[expect(clippy::unnecessary_wraps, reason = "it stands beside what may fail")]
fn mode(of: &Ordered) -> Result<Value> {
    let sorted = of.sorted();
    let mut best: Option<(usize, &Value)> = None;
    for run in sorted.chunk_by(|a, b| of.order(a, b) == Ordering::Equal) {
        if best.is_none_or(|(length, _)| run.len() > length) {
            best = Some((run.len(), run[0]));
        }
    }
    Ok(best.map_or(Value::Null, |(_, value)| value.clone()))
}

impl State for Ordered {
    fn kept(&self) -> usize {
        self.kept.0
    }

    fn step(&mut self, row: &Arguments<'_, '_>) -> Result<()> {
        let last = row.len() - 1;
        if self.type_at < row.len() {
            self.ty = Some(row.ty(self.type_at)?);
        }
        if self.type_at > 0 {
            self.fraction = row.value(0)?.to_owned();
        }
        self.descending = row.boolean(last)?;
        if !row.is_null(last - 1) {
            let value = row.value(last - 1)?.to_owned();
            self.kept.grow_by(&value)?;
            self.values.push(value);
        }
        Ok(())
    }

    fn value(&self) -> Result<Value> {
        (self.result)(self)
    }
}
