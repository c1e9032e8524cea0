//! `generate_series` and `generate_subscripts`.

use bole_sql_types::datetime::arithmetic as compute;
use bole_sql_types::datetime::interval::Interval;
use bole_sql_types::numeric::Numeric;
use bole_sql_types::{Error, Result, SqlState, Value};

use super::{Rows, Set, none};
use crate::call::Arguments;
use crate::datetime::interval;

/// The functions.
pub(crate) const SETS: &[Set] = &[
    Set::new(c"pg_generate_series_int4", 3, |of, _| integers(of)),
    Set::new(c"pg_generate_series_int8", 3, |of, _| integers(of)),
    Set::new(c"pg_generate_series_numeric", 3, |of, _| numbers(of)),
    Set::new(c"pg_generate_series_timestamp", 3, |of, _| times(of, compute::timestamp_add)),
    Set::new(c"pg_generate_series_timestamptz", 3, |of, context| {
        let style = context.style()?;
        times(of, move |time, step| compute::timestamptz_add(time, step, &style.zone))
    }),
    Set::new(c"pg_generate_subscripts", 3, |of, _| subscripts(of)),
];

/// 22023.
pub(super) fn zero_step() -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, "step size cannot equal zero")
}

/// Of either width: no value is beyond the last one, which its type can hold.
fn integers(of: &Arguments<'_, '_>) -> Result<Rows> {
    let step = if of.len() > 2 { of.integer(2)? } else { 1 };
    if step == 0 {
        return Err(zero_step());
    }
    let (start, stop) = (of.integer(0)?, of.integer(1)?);
    let within = move |value: &i64| if step > 0 { *value <= stop } else { *value >= stop };
    let series = std::iter::successors(Some(start), move |value| value.checked_add(step)).take_while(within);
    Ok(Box::new(series.map(|value| Ok(vec![Value::Integer(value)]))))
}

fn numbers(of: &Arguments<'_, '_>) -> Result<Rows> {
    let step = if of.len() > 2 { of.text(2)? } else { "1" };
    for (name, value) in [("start", of.text(0)?), ("stop", of.text(1)?), ("step size", step)] {
        let what = match Numeric::parse(value)? {
            Numeric::Finite(_) => continue,
            Numeric::NaN => "NaN",
            Numeric::Infinity | Numeric::NegativeInfinity => "infinity",
        };
        let message = if name == "step size" {
            format!("{name} cannot be {what}")
        } else {
            format!("{name} value cannot be {what}")
        };
        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    let (zero, stop, step) = (Numeric::parse("0")?, Numeric::parse(of.text(1)?)?, Numeric::parse(step)?);
    if step.compare(&zero).is_eq() {
        return Err(zero_step());
    }
    let forwards = step.compare(&zero).is_gt();
    let mut next = Some(Numeric::parse(of.text(0)?)?);
    Ok(Box::new(std::iter::from_fn(move || {
        let value = next.take()?;
        let order = value.compare(&stop);
        if if forwards { order.is_gt() } else { order.is_lt() } {
            return None;
        }
        next = value.add(&step).ok();
        Some(Ok(vec![Value::Text(value.to_string())]))
    })))
}

/// Times from the first argument to the second, by an interval.
fn times(
    of: &Arguments<'_, '_>,
    add: impl Fn(i64, Interval) -> Result<i64> + Send + 'static,
) -> Result<Rows> {
    let (start, stop, step) = (of.integer(0)?, of.integer(1)?, interval(of, 2)?);
    if step.length() == 0 {
        return Err(zero_step());
    }
    let forwards = step.length() > 0;
    let mut next = Some(Ok(start));
    Ok(Box::new(std::iter::from_fn(move || {
        let value = match next.take()? {
            Ok(value) => value,
            Err(error) => return Some(Err(error)),
        };
        if if forwards { value > stop } else { value < stop } {
            return None;
        }
        next = Some(add(value, step));
        Some(Ok(vec![Value::Integer(value)]))
    })))
}

fn subscripts(of: &Arguments<'_, '_>) -> Result<Rows> {
    let array = bole_sql_types::array::parse(of.text(0)?)?;
    let at = usize::try_from(of.integer(1)?).ok().and_then(|at| at.checked_sub(1));
    let Some(dimension) = at.and_then(|at| array.dimensions.get(at)).copied() else { return Ok(none()) };
    let (first, last) = (i64::from(dimension.lower), i64::from(dimension.lower + dimension.length - 1));
    let backwards = of.len() > 2 && of.boolean(2)?;
    let row = |value: i64| Ok(vec![Value::Integer(value)]);
    Ok(if backwards { Box::new((first..=last).rev().map(row)) } else { Box::new((first..=last).map(row)) })
}
