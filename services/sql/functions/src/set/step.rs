//! Calls of other table-valued functions side by side, as several stand in a select list.

use bole_sql_types::{Error, Result, SqlState, Value};

use super::{ALL, Rows, Set};
use crate::aggregate::collect::{packed, unpack};
use crate::call::{Arguments, bytes};
use crate::context::Context;
use crate::scalar::{Scalar, lenient};

/// The functions.
pub(crate) const SETS: &[Set] = &[Set::new(c"pg_in_step", 31, in_step).columns(31).called_on_null()];

/// What packs a call: the name of the function and its arguments.
pub(crate) const SCALARS: &[Scalar] = &[lenient(c"pg_call", -1, |of| bytes(packed(of)?))];

/// There are as many rows as the longest call gives; the others are filled up with NULLs.
fn in_step(of: &Arguments<'_, '_>, context: &Context) -> Result<Rows> {
    let mut calls = Vec::with_capacity(of.len());
    for at in 0..of.len() {
        calls.push(rows_of(of.bytes(at)?, context)?.fuse());
    }
    let mut failed = false;
    Ok(Box::new(std::iter::from_fn(move || {
        if failed {
            return None;
        }
        let mut row = Vec::with_capacity(calls.len());
        let mut given = false;
        for call in &mut calls {
            match call.next().transpose() {
                Ok(values) => {
                    given |= values.is_some();
                    row.push(values.and_then(|values| values.into_iter().next()).unwrap_or(Value::Null));
                }
                Err(error) => {
                    failed = true;
                    return Some(Err(error));
                }
            }
        }
        given.then_some(Ok(row))
    })))
}

fn rows_of(call: &[u8], context: &Context) -> Result<Rows> {
    let broken = || Error::new(SqlState::INTERNAL_ERROR, "a call that is packed wrongly");
    let mut values = unpack(call)?.pop().ok_or_else(broken)?.into_iter();
    let Some(Value::Text(name)) = values.next() else { return Err(broken()) };
    let is_it = |set: &&Set| set.name.to_bytes() == name.as_bytes();
    let set = ALL.iter().copied().flatten().find(is_it).ok_or_else(broken)?;
    set.rows(&Arguments::Kept(values.as_slice()), context)
}
