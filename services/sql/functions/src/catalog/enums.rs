//! The labels of an enum, in their order: `enum_first`, `enum_last`, `enum_range`.

use bole_sql_types::{Error, Result, SqlState, Value};

use crate::array;
use crate::call::{Arguments, text};
use crate::context::Session;

/// The places of all labels of the enum that is the first argument, in order.
pub(super) fn places(of: &Arguments<'_, '_>, session: &Session) -> Result<Vec<i64>> {
    let found = session
        .catalog
        .enum_of(of.ty(0)?)
        .ok_or_else(|| Error::new(SqlState::FEATURE_NOT_SUPPORTED, "could not determine actual enum type"))?;
    let mut places: Vec<i64> = found.labels.iter().map(|label| label.place).collect();
    places.sort_unstable();
    Ok(places)
}

/// `enum_range(type, value)`, of which only the type counts, and `enum_range(type, from, type, to)`, where NULL is no bound.
pub(super) fn range(of: &Arguments<'_, '_>, session: &Session) -> Result<Value> {
    let bound = |at: usize| if of.len() < 4 || of.is_null(at) { Ok(None) } else { of.integer(at).map(Some) };
    let (from, to) = (bound(1)?, bound(3)?);
    let within = |place: &i64| from.is_none_or(|from| from <= *place) && to.is_none_or(|to| *place <= to);
    let found: Vec<String> =
        places(of, session)?.into_iter().filter(within).map(|place| place.to_string()).collect();
    text(array::of_texts(found.iter().map(|place| Some(place.as_str()))))
}
