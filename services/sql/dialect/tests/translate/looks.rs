//! What can be read off the answers of statements.

use std::fmt::Write as _;
use std::sync::Arc;

use bole_sql_dialect::Scope;
use bole_sql_dialect::catalog::{Action as Referential, Constraint, Object, Rule};
use bole_sql_dialect::plan::{Action, Key, Look};

use super::fixture::scope;

fn constrain(scope: &mut Scope, table: u32, rule: Rule) {
    let catalog = Arc::make_mut(&mut scope.catalog);
    let Some(Object::Table(found)) = catalog.objects.get(&table).map(AsRef::as_ref) else {
        panic!("{table}")
    };
    let mut changed = found.clone();
    let (deferrable, deferred, not_valid) = (false, false, false);
    let name = "added".to_owned();
    changed.constraints.push(Constraint {
        oid: 17_000,
        name,
        rule,
        deferrable,
        deferred,
        not_valid,
        comment: None,
    });
    catalog.objects.insert(table, Arc::new(Object::Table(changed)));
}

/// `u.t_id` refers to `t`.
fn referring() -> Scope {
    let mut scope = scope();
    let rule = Rule::ForeignKey {
        columns: vec![2],
        target: 16_400,
        target_columns: vec![1],
        on_update: Referential::NoAction,
        on_delete: Referential::Cascade,
        match_full: false,
    };
    constrain(&mut scope, 16_410, rule);
    scope
}

/// `t` has a check.
fn checked() -> Scope {
    let mut scope = scope();
    constrain(&mut scope, 16_400, Rule::Check { expression: "a > 0".to_owned() });
    scope
}

/// `nothing`, `all`, or the table, its keys, and `…` if only their presence is shown.
fn shown(look: &Look) -> String {
    let Look::Keys { table, keys, values } = look else { return "all".to_owned() };
    if keys.is_empty() {
        return "nothing".to_owned();
    }
    let mut text = format!("t{table}");
    for key in keys {
        match key {
            Key::Integer(key) => write!(text, " {key}").unwrap(),
            Key::Parameter(number) => write!(text, " ${number}").unwrap(),
        }
    }
    if *values { text } else { format!("{text} …") }
}

fn check(scope: &Scope, rows: &[(&str, &str)]) {
    for (sql, expected) in rows {
        let parsed = bole_sql_dialect::parse(sql).unwrap();
        let bound = bole_sql_dialect::bind(&parsed[0], scope, &[]).unwrap();
        let look = match &bound.action {
            Action::Query(query) => shown(&query.look),
            Action::Write(write) => shown(&write.look),
            Action::Schema(_) => "schema".to_owned(),
        };
        assert_eq!(look, *expected, "{sql}");
    }
}

#[test]
fn queries() {
    check(
        &scope(),
        &[
            ("SELECT 1, now(), $1::int", "nothing"),
            ("SELECT b, a + 1, upper(b) FROM t WHERE id = 7", "t16400 7"),
            ("SELECT * FROM t WHERE $1 = id", "t16400 $1"),
            ("SELECT b FROM t AS x WHERE x.id = $1 AND a > 3", "t16400 $1"),
            ("SELECT b FROM t WHERE id IN (1, $1) ORDER BY a LIMIT 1", "t16400 1 $1"),
            ("SELECT b FROM t WHERE id = $1 FOR UPDATE", "t16400 $1"),
            ("SELECT b FROM t", "all"),
            ("SELECT b FROM t WHERE a = 7", "all"),
            ("SELECT b FROM t WHERE id = 7 OR a = 1", "all"),
            ("SELECT b FROM t WHERE NOT id = 7", "all"),
            ("SELECT b FROM t WHERE id NOT IN (7)", "all"),
            ("SELECT b FROM t WHERE id > 7", "all"),
            ("SELECT b FROM t WHERE id = a", "all"),
            ("SELECT b FROM t WHERE id = 7.5", "all"),
            ("SELECT b FROM t WHERE id = 1 + 1", "all"),
            ("SELECT b FROM t WHERE id = 7 AND a = (SELECT 1)", "all"),
            ("SELECT b FROM t WHERE id = 7 AND EXISTS (SELECT FROM u)", "all"),
            ("SELECT b, (SELECT max(id) FROM t) FROM t WHERE id = 7", "all"),
            ("SELECT count(*) FROM t WHERE id = 7", "all"),
            ("SELECT a FROM t WHERE id = 7 GROUP BY a", "all"),
            ("SELECT row_number() OVER () FROM t WHERE id = 7", "all"),
            ("SELECT nextval('s_id_seq') FROM t WHERE id = 7", "all"),
            ("SELECT random() FROM t WHERE id = 7", "all"),
            ("SELECT txid_current()", "all"),
            ("SELECT t.b FROM t, u WHERE t.id = 7", "all"),
            ("SELECT t.b FROM t JOIN u ON u.t_id = t.id WHERE t.id = 7", "all"),
            ("SELECT b FROM v WHERE id = 7", "all"),
            ("SELECT b FROM t WHERE id = 7 UNION SELECT b FROM t WHERE id = 8", "all"),
            ("WITH x AS (SELECT * FROM t) SELECT b FROM x WHERE id = 7", "all"),
            ("SELECT * FROM pg_class WHERE oid = 7", "all"),
        ],
    );
}

#[test]
fn changes_of_rows() {
    check(
        &scope(),
        &[
            ("UPDATE t SET a = a + $1 WHERE id = $2", "t16400 $2 …"),
            ("UPDATE t SET a = $1, b = 'x' WHERE id = 3", "t16400 3 …"),
            ("UPDATE t SET b = b || 'x' WHERE id = 3", "t16400 3"),
            ("UPDATE t SET a = a / 2 WHERE id = 3", "t16400 3"),
            ("UPDATE u SET t_id = t_id - 1 WHERE id = 3", "t16410 3 …"),
            ("UPDATE u SET t_id = t_id + f WHERE id = 3", "t16410 3"),
            ("UPDATE t SET a = 1 WHERE id = 3 AND a = 2", "t16400 3"),
            ("UPDATE t SET a = 1 WHERE id = 3 RETURNING b", "t16400 3"),
            ("UPDATE t SET id = 4 WHERE id = 3", "all"),
            ("UPDATE t SET a = 1", "all"),
            ("UPDATE t SET a = 1 WHERE a = 3", "all"),
            ("UPDATE t SET a = (SELECT max(id) FROM u) WHERE id = 3", "all"),
            ("UPDATE t SET (a, b) = (SELECT 1, 'x') WHERE id = 3", "all"),
            ("UPDATE t SET a = u.t_id FROM u WHERE t.id = 3", "all"),
            ("WITH x AS (SELECT 1) UPDATE t SET a = 1 WHERE id = 3", "all"),
            ("UPDATE s SET k = 'y' WHERE id = 3", "all"),
            ("DELETE FROM t WHERE id = $1", "t16400 $1 …"),
            ("DELETE FROM t WHERE id = $1 AND a = 1", "t16400 $1"),
            ("DELETE FROM t WHERE id = $1 RETURNING a", "t16400 $1"),
            ("DELETE FROM t", "all"),
            ("DELETE FROM t USING u WHERE t.id = 3", "all"),
            ("INSERT INTO t (id, b) VALUES ($1, 'x'), (4, $2)", "t16400 $1 4 …"),
            ("INSERT INTO t (id, d) VALUES ($1, now()) RETURNING id, b", "t16400 $1 …"),
            ("INSERT INTO t (id, a) VALUES ($1, (SELECT 1))", "all"),
            ("INSERT INTO t (id) VALUES ($1 + 1)", "all"),
            ("INSERT INTO t (id) VALUES ($1) ON CONFLICT DO NOTHING", "all"),
            ("INSERT INTO t (id) SELECT 1", "all"),
            ("INSERT INTO s (k) VALUES ('y')", "all"),
            ("TRUNCATE t", "schema"),
        ],
    );
}

#[test]
fn constraints_show_other_rows() {
    check(
        &referring(),
        &[
            ("UPDATE u SET t_id = 1 WHERE id = 3", "all"),
            ("UPDATE u SET v = 'x' WHERE id = 3", "t16410 3 …"),
            ("INSERT INTO u (id, t_id) VALUES (1, 1)", "all"),
            ("DELETE FROM u WHERE id = 3", "t16410 3 …"),
            ("DELETE FROM t WHERE id = 3", "all"),
            ("UPDATE t SET a = 1 WHERE id = 3", "t16400 3 …"),
            ("INSERT INTO t (id) VALUES (1)", "t16400 1 …"),
        ],
    );
    check(&checked(), &[("UPDATE t SET a = a - 1 WHERE id = 3", "t16400 3")]);
}
