//! What a transaction sees, keeps and undoes.

use std::time::Duration;

use bole_sql_dialect::catalog::{Object, Schema, Sequence};
use bole_sql_dialect::plan::Step;
use bole_sql_types::{SqlState, Type};

use crate::node::{Place, rows, run};

const TABLE: &str = "CREATE TABLE t1 (c1 INTEGER PRIMARY KEY, c2 ANY, c3 ANY) STRICT";

#[tokio::test]
async fn a_snapshot_shows_what_was_committed_before_it() {
    let place = Place::new();
    let node = place.start().await;
    node.write(&[TABLE, "INSERT INTO t1 VALUES (1, 'a', NULL)"]).await;
    let mut reader = node.database.reader().await.unwrap();
    reader.begin().unwrap();
    let mut writer = node.writer().await;
    assert!(!writer.is_behind(&reader.seen()));
    run(&mut writer, "UPDATE t1 SET c2 = 'b'").unwrap();
    assert_eq!(rows(writer.connection(), "SELECT c2 FROM t1"), "b");
    assert_eq!(rows(reader.connection(), "SELECT c2 FROM t1"), "a");
    let seen = writer.commit(Vec::new()).await.unwrap();
    node.database.durable(seen).await.unwrap();
    assert_eq!(rows(reader.connection(), "SELECT c2 FROM t1"), "a", "the snapshot stays");
    let writer = node.writer().await;
    assert!(writer.is_behind(&reader.seen()));
    reader.begin().unwrap();
    assert!(!writer.is_behind(&reader.seen()));
    assert_eq!(rows(reader.connection(), "SELECT c2 FROM t1"), "b");
    let refused = reader.connection().execute("DELETE FROM t1", []);
    assert!(refused.is_err(), "readers cannot write");
}

#[tokio::test]
async fn the_ticket_has_one_holder_and_waiting_has_an_end() {
    let place = Place::new();
    let node = place.start().await;
    let writer = node.writer().await;
    let refused = node.database.writer(Duration::from_millis(10)).await.err().unwrap();
    assert_eq!(refused.state, SqlState::LOCK_NOT_AVAILABLE);
    writer.rollback();
    drop(node.database.writer(Duration::ZERO).await.unwrap());
}

#[tokio::test]
async fn what_is_undone_is_not_logged() {
    let place = Place::new();
    let node = place.start().await;
    node.write(&[TABLE, "CREATE UNIQUE INDEX i1 ON t1 (c2)", "INSERT INTO t1 VALUES (1, 'a', NULL)"]).await;
    let mut writer = node.writer().await;
    run(&mut writer, "INSERT INTO t1 VALUES (2, 'b', 1.5)").unwrap();
    writer.savepoint("One").unwrap();
    run(&mut writer, "INSERT INTO t1 VALUES (3, 'c', x'00ff')").unwrap();
    writer.savepoint("one").unwrap();
    run(&mut writer, "DELETE FROM t1").unwrap();
    run(&mut writer, "CREATE TABLE t2 (c1 ANY) STRICT").unwrap();
    writer.rollback_to("one").unwrap();
    writer.release("one").unwrap();
    assert_eq!(writer.rollback_to("one").unwrap_err().state, SqlState::INVALID_SAVEPOINT_SPECIFICATION);
    run(&mut writer, "INSERT INTO t1 SELECT c1 + 10, c2 || 'x', c3 FROM t1").unwrap();
    // Two of its rows go in before the third one fails.
    run(&mut writer, "INSERT INTO t1 SELECT c1 + 20, iif(c1 = 13, 'a', c2 || 'y'), c3 FROM t1 ORDER BY c1")
        .unwrap_err();
    writer.rollback_to("One").unwrap();
    run(&mut writer, "INSERT INTO t1 VALUES (9, 'z', 9)").unwrap();
    writer.commit(Vec::new()).await.unwrap();
    let before = node.dump().await;
    assert_eq!(node.read("SELECT c1 FROM t1").await, "1\n2\n9");
    drop(node);
    assert_eq!(place.start().await.dump().await, before);
}

#[tokio::test]
async fn a_statement_that_is_interrupted_costs_no_more_than_itself() {
    let place = Place::new();
    let node = place.start().await;
    node.write(&[
        TABLE,
        "CREATE TABLE t2 (c1 INTEGER PRIMARY KEY, c2 ANY REFERENCES t1 ON DELETE SET NULL) STRICT",
    ])
    .await;
    let mut writer = node.writer().await;
    run(&mut writer, "INSERT INTO t1 VALUES (1, 'a', NULL), (2, 'b', NULL)").unwrap();
    run(&mut writer, "INSERT INTO t2 VALUES (1, 1), (2, 2)").unwrap();
    writer.savepoint("a").unwrap();
    run(&mut writer, "DELETE FROM t1 WHERE c1 = 1").unwrap();
    writer.savepoint("b").unwrap();
    writer.connection_mut().progress_handler(1_000, Some(move || true)).unwrap();
    let endless = "INSERT INTO t1 WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n) SELECT i, i, i FROM n";
    assert_eq!(run(&mut writer, endless).unwrap_err().state, SqlState::QUERY_CANCELED);
    writer.connection_mut().progress_handler(0, None::<fn() -> bool>).unwrap();
    assert!(writer.is_lost());
    writer.rollback_to("b").unwrap();
    assert_eq!(rows(writer.connection(), "SELECT c1, c2 FROM t2"), "1|NULL\n2|2");
    writer.rollback_to("a").unwrap();
    assert_eq!(rows(writer.connection(), "SELECT c1, c2 FROM t2"), "1|1\n2|2");
    run(&mut writer, "DELETE FROM t1 WHERE c1 = 2").unwrap();
    writer.commit(Vec::new()).await.unwrap();
    let before = node.dump().await;
    assert_eq!(node.read("SELECT c1, c2 FROM t2").await, "1|1\n2|NULL");
    drop(node);
    assert_eq!(place.start().await.dump().await, before);
}

#[tokio::test]
async fn foreign_keys_that_wait_for_the_commit_are_checked_before_it() {
    let place = Place::new();
    let node = place.start().await;
    node.write(&[TABLE, "CREATE TABLE t2 (c1 ANY REFERENCES t1 DEFERRABLE INITIALLY DEFERRED) STRICT"]).await;
    let mut writer = node.writer().await;
    run(&mut writer, "INSERT INTO t2 VALUES (5)").unwrap();
    let refused = writer.commit(Vec::new()).await.unwrap_err();
    assert_eq!(refused.state, SqlState::FOREIGN_KEY_VIOLATION);
    assert_eq!(node.read("SELECT * FROM t2").await, "");
    node.write(&["INSERT INTO t2 VALUES (5)", "INSERT INTO t1 VALUES (5, NULL, NULL)"]).await;
    assert_eq!(node.read("SELECT * FROM t2").await, "5");
}

fn sequence(oid: u32) -> Step {
    Step::Put(Box::new(Object::Sequence(Sequence {
        oid,
        schema: 2_200,
        name: format!("s{oid}"),
        type_oid: Type::INT8.0,
        start: 1,
        increment: 1,
        min: 1,
        max: i64::MAX,
        cache: 1,
        cycle: false,
        owner: None,
        comment: None,
    })))
}

#[tokio::test]
async fn values_of_sequences_are_given_once() {
    let place = Place::new();
    let node = place.start().await;
    let mut writer = node.writer().await;
    let oid = writer.catalog().next_oid;
    writer.apply(&sequence(oid)).unwrap();
    writer.apply(&Step::Sequence(oid, 10, false)).unwrap();
    assert_eq!(writer.sequence_next(oid).unwrap(), 10);
    writer.commit(Vec::new()).await.unwrap();
    let mut writer = node.writer().await;
    assert_eq!(writer.sequence_next(oid).unwrap(), 11);
    writer.savepoint("s").unwrap();
    assert_eq!(writer.sequence_next(oid).unwrap(), 12);
    writer.rollback_to("s").unwrap();
    writer.savepoint("t").unwrap();
    writer.apply(&Step::Sequence(oid, 100, true)).unwrap();
    assert_eq!(writer.sequence_next(oid).unwrap(), 101);
    writer.rollback_to("t").unwrap();
    assert_eq!(writer.sequence_next(oid).unwrap(), 13, "RESTART is undone, what was given is not");
    writer.rollback();
    let writer = node.writer().await;
    assert_eq!(writer.sequence_next(oid).unwrap(), 14);
    assert!(writer.has_changes());
    writer.commit(Vec::new()).await.unwrap();
    assert_eq!(node.read("SELECT last_value, is_called FROM bole_sequence").await, "14|1");
    drop(node);
    let node = place.start().await;
    assert_eq!(node.writer().await.sequence_next(oid).unwrap(), 15);
}

#[tokio::test]
async fn connections_of_a_burst_are_closed_when_nobody_uses_them() {
    const KEPT: usize = 16;
    const BURST: usize = 20;
    let place = Place::new();
    let node = place.start().await;
    let database = &node.database;
    let mut burst = Vec::new();
    while burst.len() < BURST {
        burst.push(database.reader().await.unwrap());
    }
    let used = database.memory_bytes();
    // Three more are the database's own.
    let each = used / (BURST as u64 + 3);
    drop(burst);
    assert!(!database.has_old_readers(Duration::from_mins(1)));
    database.close_old_readers(Duration::from_mins(1));
    assert_eq!(database.memory_bytes(), used, "they may be wanted again");
    assert!(database.has_old_readers(Duration::ZERO));
    database.close_old_readers(Duration::ZERO);
    assert_eq!(used - database.memory_bytes(), (BURST - KEPT) as u64 * each);
    assert!(!database.has_old_readers(Duration::ZERO));
}

#[tokio::test]
async fn the_catalog_is_that_of_the_snapshot() {
    let place = Place::new();
    let node = place.start().await;
    let mut old = node.database.reader().await.unwrap();
    old.begin().unwrap();
    let mut writer = node.writer().await;
    let oid = writer.catalog().next_oid;
    let schema = Object::Schema(Schema { oid, name: "shop".to_owned(), comment: None });
    writer.savepoint("a").unwrap();
    writer.apply(&Step::Put(Box::new(schema.clone()))).unwrap();
    assert!(writer.catalog().schemas.contains_key("shop"));
    writer.rollback_to("a").unwrap();
    assert!(!writer.catalog().schemas.contains_key("shop"));
    writer.apply(&Step::Put(Box::new(schema))).unwrap();
    assert!(!node.database.catalog().schemas.contains_key("shop"));
    let version = writer.catalog().version;
    writer.commit(Vec::new()).await.unwrap();
    assert_eq!((node.database.catalog().version, version), (1, 1));
    let mut new = node.database.reader().await.unwrap();
    new.begin().unwrap();
    assert!(new.catalog().schemas.contains_key("shop"));
    assert!(!old.catalog().schemas.contains_key("shop"));
    // Another version is current, so the old one is read from the snapshot.
    let mut writer = node.writer().await;
    writer.apply(&Step::Remove(oid)).unwrap();
    writer.commit(Vec::new()).await.unwrap();
    assert!(new.catalog().schemas.contains_key("shop"));
    new.begin().unwrap();
    assert!(!new.catalog().schemas.contains_key("shop"));
    let catalog = node.database.catalog();
    assert_eq!((catalog.version, catalog.next_oid), (2, oid + 1));
    drop((old, new, node));
    let catalog = place.start().await.database.catalog();
    assert_eq!(
        (catalog.version, catalog.next_oid, catalog.schemas.contains_key("public")),
        (2, oid + 1, true)
    );
}

#[tokio::test]
async fn databases_come_and_go() {
    let place = Place::new();
    let node = place.start().await;
    node.databases.create("shop").await.unwrap();
    let state = node.databases.create("shop").await.unwrap_err().state;
    assert_eq!(state, SqlState::DUPLICATE_DATABASE);
    let shop = node.databases.get("shop").unwrap();
    let mut writer = shop.writer(Duration::MAX).await.unwrap();
    writer.begin().unwrap();
    run(&mut writer, TABLE).unwrap();
    writer.commit(Vec::new()).await.unwrap();
    drop((shop, node));
    let node = place.start().await;
    let names: Vec<_> = node.databases.all().iter().map(|database| database.name().to_owned()).collect();
    assert_eq!(names, ["bole", "postgres", "shop"]);
    let shop = node.databases.get("shop").unwrap();
    let mut reader = shop.reader().await.unwrap();
    reader.begin().unwrap();
    assert_eq!(rows(reader.connection(), "SELECT * FROM t1"), "");
    node.databases.drop("bole").await.unwrap();
    node.databases.drop("postgres").await.unwrap();
    node.databases.drop("shop").await.unwrap();
    assert_eq!(reader.begin().unwrap_err().state, SqlState::CANNOT_CONNECT_NOW);
    assert_eq!(node.databases.drop("shop").await.unwrap_err().state, SqlState::INVALID_CATALOG_NAME);
    let folders = std::fs::read_dir(place.dir.path().join("sql")).unwrap().count();
    assert_eq!(folders, 0);
}
