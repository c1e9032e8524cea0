#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]
//! Statements that change the schema, and what clients ask about it, against what a PostgreSQL 15 said.
//!
//! The files have a statement a line, then what PostgreSQL answers, each line after `> `. Lines after `! ` stand for it where the answer here is
//! another one on purpose: something is refused, or a detail is not known.

mod clients;
mod database;

use std::fmt::Write as _;

use bole_sql_dialect::Catalog;
use bole_sql_dialect::catalog::NEXT_OID_ROW;
use database::Database;

/// What is compared: of a write that fails, the error alone, as the caller knows the row and this does not.
fn comparable(statement: &str, answer: &str) -> String {
    let is_write = ["INSERT", "UPDATE", "DELETE"].iter().any(|verb| statement.starts_with(verb));
    if is_write { answer.lines().next().unwrap_or_default().to_owned() } else { answer.trim_end().to_owned() }
}

fn check(transcript: &str) {
    let mut database = Database::new();
    let mut lines = transcript.lines().peekable();
    let mut wrong = String::new();
    let mut count = 0;
    while let Some(statement) = lines.next() {
        let (mut expected, mut ours) = (String::new(), String::new());
        while let Some(line) = lines.next_if(|line| line.starts_with("> ") || line.starts_with("! ")) {
            let into = if line.starts_with('>') { &mut expected } else { &mut ours };
            writeln!(into, "{}", &line[2..]).unwrap();
        }
        let expected = comparable(statement, if ours.is_empty() { &expected } else { &ours });
        let answer = comparable(statement, &database.run(statement));
        count += 1;
        if answer != expected {
            writeln!(wrong, "{statement}\n--- expected\n{expected}\n--- answered\n{answer}\n").unwrap();
        }
        let integrity =
            database.sqlite.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(integrity, "ok", "after {statement}");
    }
    assert!(count > 0, "no statements");
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn statements_do_what_postgresql_does() {
    check(include_str!("ddl.txt"));
}

/// The rows of the catalog, as version 1 keeps them. The file must be readable for ever.
#[test]
fn the_catalog_is_kept_as_it_was() {
    let mut database = Database::new();
    for statement in include_str!("shop.sql").lines() {
        database.run(statement);
    }
    let catalog = &database.catalog;
    let oids = std::iter::once(NEXT_OID_ROW).chain(catalog.objects.keys().copied());
    let rows: Vec<String> = oids.map(|oid| format!("{oid} {}", catalog.row(oid).unwrap())).collect();
    let kept: Vec<&str> = include_str!("catalog-1.txt").lines().collect();
    assert_eq!(rows, kept, "\n{}\n", rows.join("\n"));
    let parts =
        kept.iter().map(|line| line.split_once(' ').unwrap()).map(|(oid, body)| (oid.parse().unwrap(), body));
    let read = Catalog::from_rows("test", parts).unwrap();
    assert_eq!(read.objects, catalog.objects);
    assert_eq!(
        (read.next_oid, &read.relations, &read.schemas, &read.types),
        (catalog.next_oid, &catalog.relations, &catalog.schemas, &catalog.types)
    );
    assert!(Catalog::from_rows("test", [(5, "{}")]).is_err(), "a damaged row");
}
