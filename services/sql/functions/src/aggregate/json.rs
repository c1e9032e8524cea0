//! json and jsonb of a group's values, which are JSON already.

use bole_sql_types::json::{canonical, push_string, raw};
use bole_sql_types::{Error, Result, SqlState, Value};

use super::{Aggregate, Kept, State, aggregate};
use crate::call::{Arguments, text, text_or_null};
use crate::json::build::STRUCTURED;

/// The aggregates.
pub(crate) const AGGREGATES: &[Aggregate] = &[
    aggregate!(lenient "pg_json_agg", 1, Elements::default()),
    aggregate!(lenient "pg_jsonb_agg", 1, Elements::default()),
    aggregate!(lenient "pg_json_object_agg", 2, Members::default()),
    aggregate!(lenient "pg_jsonb_object_agg", 2, Members { binary: true, ..Members::default() }),
];

#[derive(Default)]
struct Elements(Option<String>, Kept);

impl State for Elements {
    fn kept(&self) -> usize {
        self.1.0
    }

    fn step(&mut self, row: &Arguments<'_, '_>) -> Result<()> {
        let value = row.text_or_null(0)?.unwrap_or("null");
        let (value, on_a_line) = value.strip_prefix(STRUCTURED).map_or((value, false), |value| (value, true));
        self.1.grow(value.len() + 4)?;
        match &mut self.0 {
            None => self.0 = Some(format!("[{value}")),
            Some(whole) => {
                whole.push_str(if on_a_line { ", \n " } else { ", " });
                whole.push_str(value);
            }
        }
        Ok(())
    }

    fn value(&self) -> Result<Value> {
        text_or_null(self.0.as_ref().map(|whole| format!("{whole}]")))
    }
}

#[derive(Default)]
struct Members {
    of: Option<String>,
    kept: Kept,
    binary: bool,
}

impl State for Members {
    fn kept(&self) -> usize {
        self.kept.0
    }

    fn step(&mut self, row: &Arguments<'_, '_>) -> Result<()> {
        let Some(key) = row.text_or_null(0)? else {
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, "field name must not be null"));
        };
        let key = raw::as_text(key)?.unwrap_or_default();
        let value = row.text_or_null(1)?.unwrap_or("null");
        // Each byte of a key is written with six at most.
        self.kept.grow(6 * key.len() + value.len() + 7)?;
        let whole = self.of.get_or_insert_default();
        whole.push_str(if whole.is_empty() { "{ " } else { ", " });
        push_string(&key, whole);
        whole.push_str(" : ");
        whole.push_str(value);
        Ok(())
    }

    fn value(&self) -> Result<Value> {
        match &self.of {
            None => Ok(Value::Null),
            Some(whole) if self.binary => text(canonical(&format!("{whole} }}"))?),
            Some(whole) => text(format!("{whole} }}")),
        }
    }
}
