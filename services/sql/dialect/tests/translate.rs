//! What statements of PostgreSQL's become in SQLite, and which errors they give.
#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

#[path = "translate/fixture.rs"]
mod fixture;

use fixture::{scope, translate};

/// Compares the translation of each statement, or its error, with what is expected.
fn check(rows: &[(&str, &str)]) {
    let scope = scope();
    let mut wrong = Vec::new();
    for (sql, expected) in rows {
        let got = translate(&scope, sql);
        if got != *expected {
            wrong.push(format!("{sql}\n  expected {expected}\n  got      {got}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn statements() {
    check(&[("SELECT 1", "SELECT 1 AS c1")]);
}

#[test]
fn show() {
    let scope = scope();
    for sql in std::fs::read_to_string("/tmp/q.sql").unwrap_or_default().lines() {
        println!("{sql}\n    {}", translate(&scope, sql));
    }
}
