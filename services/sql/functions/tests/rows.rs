//! Calls as PostgreSQL 15 answers them: each line of the files in `data/` is a call and its result, which is also what the spelling of the
//! tables, computed by SQLite with our functions, has to give.
//!
//! A call is written so that PostgreSQL reads it: `lpad(text 'a', int4 '3')`, `int4 '1' + int4 '2'`, `CAST(int4 '1' AS int8)`,
//! `NULL::text`. Aggregates are written with the rows in brackets: `sum[int4 '1'; int4 '2']`, and `moving sum[…]` over two rows at a time.
//! Results are the output of the type; `!` begins an error. Rows of sets are joined with ` / `, columns with `:`.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

#[path = "rows/call.rs"]
mod call;
#[path = "rows/session.rs"]
mod session;

use bole_sql_functions::{Context, register};
use rusqlite::Connection;

/// Checks all lines of a file and says which differ.
fn check(name: &str, lines: &str) {
    let connection = Connection::open_in_memory().unwrap();
    let context = Context::default();
    register(&connection, &context).unwrap();
    context.enter(session::session());
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in lines.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (call, expected) = line.rsplit_once(" => ").unwrap();
        count += 1;
        let found = call::evaluate(call, &connection, &context);
        if found != expected {
            wrong.push(format!("{call}\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(count > 0, "{name} has no rows");
    assert!(wrong.is_empty(), "{} of {count} rows of {name} differ:\n{}", wrong.len(), wrong.join("\n"));
}

macro_rules! files {
    ($($name:ident),+ $(,)?) => {
        $(#[test] fn $name() { check(stringify!($name), include_str!(concat!("data/", stringify!($name), ".txt"))); })+
    };
}

files!(aggregates, arrays, casts, dates, formats, json, numbers, patterns, refused, sets, texts);
