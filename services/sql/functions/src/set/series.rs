//! `generate_series` and `generate_subscripts`.

use bole_sql_types::{Error, Result, SqlState, Value};

use super::{Rows, Set, none};
use crate::call::Arguments;

/// The functions.
pub(crate) const SETS: &[Set] = &[
    Set::new(c"pg_generate_series_int4", 3, |of, _| integers(of, i32::MIN.into(), i32::MAX.into())),
    Set::new(c"pg_generate_series_int8", 3, |of, _| integers(of, i64::MIN, i64::MAX)),
    Set::new(c"pg_generate_subscripts", 3, |of, _| subscripts(of)),
];

/// 22023.
pub(super) fn zero_step() -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, "step size cannot equal zero")
}

fn integers(of: &Arguments<'_, '_>, least: i64, most: i64) -> Result<Rows> {
    let step = if of.len() > 2 { of.integer(2)? } else { 1 };
    if step == 0 {
        return Err(zero_step());
    }
    let (start, stop) = (of.integer(0)?, of.integer(1)?);
    let within = move |value: &i64| {
        (least..=most).contains(value) && if step > 0 { *value <= stop } else { *value >= stop }
    };
    let series = std::iter::successors(Some(start), move |value| value.checked_add(step)).take_while(within);
    Ok(Box::new(series.map(|value| Ok(vec![Value::Integer(value)]))))
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
