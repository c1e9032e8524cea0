//! Statements as PostgreSQL 15 answers them: each file in `data/queries/` is a script, run on an empty database. A statement stands on one
//! line; after it come the rows that it gives, each after `=> `, values between `|`, NULL as `~`; or `=> ! ` and the SQLSTATE. Rows of
//! statements without ORDER BY are sorted by their text. Where we refuse what PostgreSQL does, the line says so: `=> ? ` and what
//! is not supported.
#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

#[path = "queries/database.rs"]
mod database;

use database::Database;

/// Runs a script and says which statements differ.
fn check(name: &str, script: &str) {
    let mut database = Database::new();
    let mut wrong = Vec::new();
    let mut count = 0;
    let mut lines = script.lines().filter(|line| !line.is_empty() && !line.starts_with("--")).peekable();
    while let Some(statement) = lines.next() {
        let mut expected = Vec::new();
        while let Some(line) = lines.next_if(|line| line.starts_with("=> ") || *line == "=>") {
            expected.push(line.strip_prefix("=> ").unwrap_or_default().to_owned());
        }
        count += 1;
        let found = database.answer(statement);
        if found != expected {
            wrong.push(format!(
                "{statement}\n  expected {expected:?}\n  found    {found:?}\n  as       {}",
                database.last
            ));
        }
    }
    assert!(count > 0, "{name} has no statements");
    assert!(
        wrong.is_empty(),
        "{} of {count} statements of {name} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

macro_rules! scripts {
    ($($name:ident),+ $(,)?) => {
        $(#[test] fn $name() { check(stringify!($name), include_str!(concat!("data/queries/", stringify!($name), ".txt"))); })+
    };
}

scripts!(change, edges, expand, fuzzed, mixed, names, select);
