//! Paths of SQL/JSON.

use bole_sql_types::json::path::Path;
use bole_sql_types::{Result, Value};

use crate::call::{Arguments, text, text_or_null};
use crate::scalar::{Scalar, strict};

/// The functions. Those of operators keep errors silent, and have no variables.
pub(crate) const SCALARS: &[Scalar] = &[
    strict(c"pg_jsonb_path_exists", 2, |of| {
        let Call { path, variables, silent } = Call::of(of)?;
        Ok(truth(path.exists(of.text(0)?, Some(variables), silent)?))
    })
    .optional(2),
    strict(c"pg_jsonb_path_match", 2, |of| {
        let Call { path, variables, silent } = Call::of(of)?;
        Ok(truth(path.matches(of.text(0)?, Some(variables), silent)?))
    })
    .optional(2),
    strict(c"pg_jsonb_path_query_array", 2, |of| text(format!("[{}]", query(of)?.join(", ")))).optional(2),
    strict(c"pg_jsonb_path_query_first", 2, |of| text_or_null(query(of)?.into_iter().next())).optional(2),
    strict(c"pg_jsonb_path_finds", 2, |of| {
        Ok(truth(Path::parse(of.text(1)?)?.exists(of.text(0)?, None, true)?))
    }),
    strict(c"pg_jsonb_path_holds", 2, |of| {
        Ok(truth(Path::parse(of.text(1)?)?.matches(of.text(0)?, None, true)?))
    }),
];

/// What follows the value that is searched: the path, variables, and whether errors are silent.
struct Call<'a> {
    path: Path,
    variables: &'a str,
    silent: bool,
}

impl<'a> Call<'a> {
    fn of(of: &'a Arguments<'_, '_>) -> Result<Self> {
        Ok(Self {
            path: Path::parse(of.text(1)?)?,
            variables: if of.len() > 2 { of.text(2)? } else { "{}" },
            silent: of.len() > 3 && of.boolean(3)?,
        })
    }
}

fn truth(value: Option<bool>) -> Value {
    value.map_or(Value::Null, |value| Value::Integer(value.into()))
}

/// What a path finds.
pub(crate) fn query(of: &Arguments<'_, '_>) -> Result<Vec<String>> {
    let Call { path, variables, silent } = Call::of(of)?;
    path.query(of.text(0)?, Some(variables), silent)
}
