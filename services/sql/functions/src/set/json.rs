//! Elements and members of json and jsonb as rows.

use bole_sql_types::json::operators::{self, Kind};
use bole_sql_types::json::raw;
use bole_sql_types::{Result, Value};

use super::{Rows, Set, of_values};
use crate::call::Arguments;

/// The functions.
pub(crate) const SETS: &[Set] = &[
    Set::new(c"pg_json_array_elements", 1, |of, _| elements(of, Kind::Json, false)),
    Set::new(c"pg_json_array_elements_text", 1, |of, _| elements(of, Kind::Json, true)),
    Set::new(c"pg_jsonb_array_elements", 1, |of, _| elements(of, Kind::Jsonb, false)),
    Set::new(c"pg_jsonb_array_elements_text", 1, |of, _| elements(of, Kind::Jsonb, true)),
    Set::new(c"pg_json_each", 1, |of, _| each(of, Kind::Json, false)).columns(2),
    Set::new(c"pg_json_each_text", 1, |of, _| each(of, Kind::Json, true)).columns(2),
    Set::new(c"pg_jsonb_each", 1, |of, _| each(of, Kind::Jsonb, false)).columns(2),
    Set::new(c"pg_jsonb_each_text", 1, |of, _| each(of, Kind::Jsonb, true)).columns(2),
    Set::new(c"pg_json_object_keys", 1, |of, _| keys(of, Kind::Json)),
    Set::new(c"pg_jsonb_object_keys", 1, |of, _| keys(of, Kind::Jsonb)),
];

fn value(json: &str, as_text: bool) -> Result<Value> {
    if as_text {
        Ok(raw::as_text(json)?.map_or(Value::Null, Value::Text))
    } else {
        Ok(Value::Text(json.to_owned()))
    }
}

fn elements(of: &Arguments<'_, '_>, kind: Kind, as_text: bool) -> Result<Rows> {
    let found = operators::elements(of.text(0)?, kind, as_text)?;
    Ok(of_values(found.into_iter().map(|json| value(json, as_text)).collect::<Result<_>>()?))
}

fn each(of: &Arguments<'_, '_>, kind: Kind, as_text: bool) -> Result<Rows> {
    let found = operators::each(of.text(0)?, kind, as_text)?;
    let row = |(key, json): (std::borrow::Cow<'_, str>, &str)| {
        Ok(vec![Value::Text(key.into_owned()), value(json, as_text)?])
    };
    let rows = found.into_iter().map(row).collect::<Result<Vec<_>>>()?;
    Ok(Box::new(rows.into_iter().map(Ok)))
}

fn keys(of: &Arguments<'_, '_>, kind: Kind) -> Result<Rows> {
    let found = operators::keys(of.text(0)?, kind)?;
    Ok(of_values(found.into_iter().map(|key| Value::Text(key.into_owned())).collect()))
}
