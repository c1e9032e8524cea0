//! What statements of PostgreSQL's become in SQLite, and which errors they give. The files have a statement on each line, and after `=> `
//! what comes of it: SQL and in brackets the types of the parameters, or a SQLSTATE, a message and a position.
#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

#[path = "translate/fixture.rs"]
mod fixture;
#[path = "translate/looks.rs"]
mod looks;

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
}

/// What is deeper than a stack bears is refused or has a tree of little depth, and is dropped on a small stack.
#[test]
fn deep_statements() {
    let many = |item: &str| item.repeat(20_000);
    let (plus, null) = (many(" + 1"), many(" IS NULL"));
    let too_deep = [
        format!("SELECT {}1{}", many("("), many(")")),
        format!("SELECT 1{plus}"),
        format!("SELECT 1{plus} )"),
        format!("SELECT 1{}", many("::int")),
        format!("SELECT 1{}", many("::text::int")),
        format!("SELECT 1{}", many(" = ANY (ARRAY[1])")),
        format!("SELECT 1{}", many(" IN (1)")),
        format!("SELECT 1{null}"),
        format!("SELECT 'a'{}", many(" COLLATE \"C\"")),
        format!("SELECT now(){}", many(" AT TIME ZONE 'UTC'")),
        format!("SELECT NULL::int{}", many("[]")),
        format!("SELECT 1{}", many(" UNION ALL SELECT 1")),
        format!("SELECT 1{} )", many(" EXCEPT SELECT 1")),
        format!("SELECT 1 WHERE true IN (SELECT 1{})", many(" INTERSECT SELECT 1")),
        format!("SELECT 1 FROM t{}", many(" PIVOT (sum(id) FOR id IN (1))")),
        format!("SELECT 1 FROM t{}", many(" JOIN t")),
        format!("SELECT 1 FROM t{}", many(" JOIN (SELECT DISTINCT ON (1) 1) AS x")),
        format!("SELECT 1 ORDER BY 1{plus}"),
        format!("SELECT 1 GROUP BY 1{plus}"),
        format!("SELECT 1 FROM t JOIN t AS u ON 1{plus} = 1"),
        format!("SELECT (SELECT 1 WHERE 1{plus} = 1)"),
        format!("INSERT INTO t VALUES (1{plus})"),
        format!("UPDATE t SET id = 1{plus}"),
        format!("DELETE FROM t WHERE id = 1{plus} RETURNING 1{plus}"),
        format!("CREATE TABLE u (a int DEFAULT 1{plus})"),
        format!("CREATE TABLE u (a int CHECK (a{null}))"),
        format!("CREATE INDEX ON t ((id{plus}))"),
        format!("CREATE VIEW v AS SELECT 1{plus}"),
        format!("ALTER TABLE t ALTER id SET DEFAULT 1{plus}"),
        // Long chains in operands of each other.
        (0..10).fold("SELECT 1".to_owned(), |inner, _| {
            format!("SELECT abs(0, {}{})", &inner[7..], " + 1".repeat(300))
        }),
    ];
    let fine = [
        format!("SELECT 1 WHERE true{}", many(" OR false")),
        format!("SELECT 1 WHERE true{}", many(" AND true OR false")),
        format!("CREATE TABLE u (a int CHECK (true{}))", many(" AND true")),
        format!("SELECT 1 WHERE NOT true{}", many(" AND NOT true")),
    ];
    let wrong = [format!("SELECT 1 WHERE true{} )", many(" OR false"))];
    let expected = [("54001", too_deep.to_vec()), ("", fine.to_vec()), ("42601", wrong.to_vec())];
    let run = move || {
        for (state, statements) in expected {
            for sql in statements {
                let found = bole_sql_dialect::parse(&sql).err().map(|error| error.state.as_str().to_owned());
                assert_eq!(found.as_deref().unwrap_or_default(), state, "{}", &sql[..60]);
            }
        }
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

/// What the library reads by recursion takes more of the stack for a level, and so does the binder; the service has 16 MiB.
#[test]
fn nested_statements() {
    let many = |item: &str| item.repeat(20_000);
    let run = move || {
        for sql in [many("EXPLAIN "), many("WHILE "), "SELECT (SELECT ".to_owned() + &many("(SELECT ")] {
            assert!(bole_sql_dialect::parse(&sql).is_err());
        }
        let scope = scope();
        for sql in [
            format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(500)),
            format!(
                "SELECT 1 FROM t AS r {}",
                (0..60).map(|n| format!("JOIN t AS r{n} ON true")).collect::<Vec<_>>().join(" ")
            ),
            format!("SELECT 1 FROM t{}", " JOIN t".repeat(200)),
            format!("SELECT a::text{} FROM t", "::int::text".repeat(180)),
            format!("SELECT b{} FROM t", " COLLATE \"C\"".repeat(350)),
            format!("SELECT 1 IS NULL{}", " IS NULL".repeat(350)),
            format!("SELECT a{} FROM t", " + (a)".repeat(350)),
            format!("SELECT {}a{} FROM t", "abs(".repeat(40), " + 1)".repeat(40)),
        ] {
            translate(&scope, &sql);
        }
    };
    std::thread::Builder::new().stack_size(16 << 20).spawn(run).unwrap().join().unwrap();
}
