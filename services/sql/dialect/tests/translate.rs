//! What statements of PostgreSQL's become in SQLite, and which errors they give. The files have a statement on each line, and after `=> `
//! what comes of it: SQL and in brackets the types of the parameters, or a SQLSTATE, a message and a position.
#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

#[path = "translate/fixture.rs"]
mod fixture;

use fixture::{scope, translate};

/// Compares the translation of each statement, or its error, with what is expected.
fn check(rows: &str) {
    let scope = scope();
    let mut wrong = Vec::new();
    let mut lines = rows.lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    while let (Some(sql), Some(expected)) = (lines.next(), lines.next()) {
        let expected = expected.strip_prefix("=> ").unwrap();
        let got = translate(&scope, sql);
        count += 1;
        if got != expected {
            wrong.push(format!("{sql}\n  expected {expected}\n  got      {got}"));
        }
    }
    assert!(count > 0);
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn errors() {
    check(include_str!("translate/errors.txt"));
}

#[test]
fn statements() {
    check(include_str!("translate/statements.txt"));
}

#[test]
fn long_statements() {
    let scope = scope();
    let list = |count: usize, separator: &str, item: &dyn Fn(usize) -> String| {
        (0..count).map(item).collect::<Vec<_>>().join(separator)
    };
    for sql in [
        format!("SELECT 1 FROM t WHERE {}", list(5_000, " OR ", &|n| format!("a = {n}"))),
        format!("SELECT 1 FROM t WHERE {}", list(5_000, " AND ", &|n| format!("a <> {n}"))),
        format!("SELECT 1 FROM t WHERE a IN ({})", list(50_000, ", ", &|n| n.to_string())),
        format!("SELECT 1 FROM t WHERE a IN ({})", list(65_535, ", ", &|n| format!("${}", n + 1))),
        format!("INSERT INTO t (id) VALUES {}", list(10_000, ", ", &|n| format!("({n})"))),
        format!("SELECT {}", list(300, " + ", &|n| n.to_string())),
        format!("SELECT {}1{}", "(".repeat(20), ")".repeat(20)),
    ] {
        let parsed = bole_sql_dialect::parse(&sql).unwrap();
        bole_sql_dialect::bind(&parsed[0], &scope, &[]).unwrap();
    }
    for sql in [
        format!("SELECT {}", list(2_000, " + ", &|n| n.to_string())),
        format!("SELECT {}1{}", "(".repeat(2_000), ")".repeat(2_000)),
    ] {
        assert!(translate(&scope, &sql).starts_with("54001 "), "{}", translate(&scope, &sql));
    }
}
