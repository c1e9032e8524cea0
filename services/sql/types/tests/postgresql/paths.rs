//! Paths of SQL/JSON.

use bole_sql_types::json::path::{self, Path};
use bole_sql_types::{Error, Result, SqlState};

use crate::check;

const VARIABLES: Option<&str> = Some("{\"v\": 2}");

fn flag(value: Option<bool>) -> Option<String> {
    value.map(|value| if value { "t" } else { "f" }.to_owned())
}

fn call(call: &str, a: &[String]) -> Result<Option<String>> {
    if call == "canonical" {
        // Where the syntax is wrong, is said in words of our own.
        let canonical = path::canonical(&a[0]).map_err(|error| match error.state {
            SqlState::SYNTAX_ERROR => Error::new(error.state, ""),
            _ => error,
        });
        return canonical.map(Some);
    }
    let path = Path::parse(&a[1])?;
    match call {
        "query" => {
            let found = path.query(&a[0], VARIABLES, a[2] == "true")?;
            Ok(Some(format!("[{}]", found.join(", "))))
        }
        "exists" => path.exists(&a[0], None, true).map(flag),
        "match" => path.matches(&a[0], None, true).map(flag),
        "match_loud" => path.matches(&a[0], VARIABLES, false).map(flag),
        _ => panic!("{call}"),
    }
}

#[test]
fn paths() {
    check(include_str!("paths.txt"), 1_500, call);
}
