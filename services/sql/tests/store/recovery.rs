//! What is there after a start: the log's rows, whatever checkpoints have moved.

use std::fmt::Write;

use crate::node::{Place, rows, run};

/// Statements whose changes differ in kind: each is a transaction.
const KINDS: [&str; 16] = [
    "CREATE TABLE t1 (c1 INTEGER PRIMARY KEY, c2 ANY, c3 ANY) STRICT",
    "CREATE TABLE t2 (c1 ANY, c2 ANY UNIQUE, CHECK (c1 <> 7)) STRICT",
    "CREATE TABLE t3 (c1 ANY REFERENCES t1 (c1) ON DELETE CASCADE ON UPDATE CASCADE, c2 ANY AS (c1 + 1) STORED, c3 ANY) STRICT",
    "INSERT INTO t1 VALUES (1, 'one', 1.0), (2, x'', -0.0), (9223372036854775807, NULL, '')",
    "INSERT INTO t2 SELECT c1, c2 FROM t1",
    "INSERT INTO t3 (c1, c3) SELECT c1, 'k' FROM t1 WHERE c1 < 10",
    "UPDATE t1 SET c1 = c1 + 100 WHERE c1 < 10",
    "UPDATE t1 SET c3 = 0.0 WHERE c3 = -0.0",
    "INSERT OR REPLACE INTO t2 VALUES (5, 'one')",
    "INSERT INTO t2 VALUES (6, 'one') ON CONFLICT DO UPDATE SET c1 = excluded.c1",
    "ALTER TABLE t1 ADD COLUMN c4 ANY DEFAULT 5",
    "UPDATE t1 SET c4 = c1 WHERE c1 = 101",
    "DELETE FROM t1 WHERE c1 = 102",
    "CREATE INDEX i1 ON t1 (c2 || 'x')",
    "DELETE FROM t2",
    "DROP TABLE t2",
];

#[tokio::test]
async fn every_kind_of_change_comes_back() {
    let place = Place::new();
    let mut node = place.start().await;
    for (number, sql) in KINDS.iter().enumerate() {
        node.write(&[sql]).await;
        let before = node.dump().await;
        // Half of them are replayed from an older stand, half find a checkpoint right before.
        if number % 2 == 0 {
            node.runtime.checkpoint_all().await.unwrap();
        }
        drop(node);
        node = place.start().await;
        assert_eq!(node.dump().await, before, "after {sql}");
    }
    assert_eq!(node.read("SELECT c1, c2, c3 FROM t3").await, "101|102|k");
}

#[tokio::test]
async fn all_at_once_from_the_first_entry() {
    let place = Place::new();
    let node = place.start().await;
    for sql in KINDS {
        node.write(&[sql]).await;
    }
    let before = node.dump().await;
    drop(node);
    assert_eq!(place.start().await.dump().await, before);
}

#[tokio::test]
async fn a_transaction_larger_than_a_batch_comes_back() {
    let place = Place::new();
    let node = place.start().await;
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) ";
    let insert = format!("INSERT INTO t1 {numbers} SELECT i, hex(zeroblob(100)) FROM n");
    node.write(&["CREATE TABLE t1 (c1 INTEGER PRIMARY KEY, c2 ANY) STRICT", "SELECT 1 WHERE 0"]).await;
    let mut writer = node.writer().await;
    writer.apply(&bole_sql_dialect::plan::Step::Rows(insert)).unwrap();
    let seen = writer.commit(Vec::new()).await.unwrap();
    node.database.durable(seen).await.unwrap();
    let before = node.read("SELECT count(*), sum(c1), sum(length(c2)) FROM t1").await;
    assert_eq!(before, "20000|200010000|4000000");
    drop(node);
    let node = place.start().await;
    assert_eq!(node.read("SELECT count(*), sum(c1), sum(length(c2)) FROM t1").await, before);
}

#[tokio::test]
async fn checkpoints_go_on_under_readers_and_writers() {
    let place = Place::new();
    let node = place.start().await;
    node.write(&["CREATE TABLE t1 (c1 INTEGER PRIMARY KEY, c2 ANY) STRICT"]).await;
    let mut expected = String::new();
    for round in 0..20 {
        let mut reader = node.database.reader().await.unwrap();
        reader.begin().unwrap();
        node.write(&[&format!("INSERT INTO t1 VALUES ({round}, hex(zeroblob({})))", round * 400)]).await;
        let seen = rows(reader.connection(), "SELECT c1, length(c2) FROM t1");
        drop(reader);
        node.runtime.checkpoint_all().await.unwrap();
        assert_eq!(seen, expected.trim_end());
        let _infallible = writeln!(expected, "{round}|{}", round * 800);
    }
    let status = node.runtime.status();
    let shard = status.iter().find(|shard| shard.name == "default/sql/bole#0").unwrap();
    assert_eq!((shard.checkpoint, &shard.quarantined), (shard.next, &None));
    drop(node);
    let node = place.start().await;
    assert_eq!(node.read("SELECT c1, length(c2) FROM t1").await, expected.trim_end());
}

#[tokio::test]
async fn an_entry_that_does_not_fit_stops_its_database_alone() {
    let place = Place::new();
    let node = place.start().await;
    node.databases.create("other").await.unwrap();
    node.write(&["CREATE TABLE t1 (c1 INTEGER PRIMARY KEY) STRICT"]).await;
    node.runtime.checkpoint_all().await.unwrap();
    node.write(&["INSERT INTO t1 VALUES (1)"]).await;
    let log = node.database.log();
    drop(node);
    // Behind its back somebody puts the row in.
    let file = place.dir.path().join(format!("sql/{:016x}/main.db", log.0));
    for name in ["main.db-wal", "main.db-shm"] {
        let _gone = std::fs::remove_file(file.with_file_name(name));
    }
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.execute("INSERT INTO t1 VALUES (1)", []).unwrap();
    connection.close().unwrap();
    let node = place.start().await;
    let status = node.runtime.status();
    let reason = |name: &str| status.iter().find(|shard| shard.name == name).unwrap().quarantined.clone();
    assert!(reason("default/sql/bole#0").unwrap().contains("UNIQUE constraint failed: t1.c1"));
    assert_eq!(reason("default/sql/other#0"), None);
    assert!(node.database.reader().await.unwrap().begin().is_err());
    let mut writer = node.databases.get("other").unwrap().writer(std::time::Duration::MAX).await.unwrap();
    writer.begin().unwrap();
    run(&mut writer, "CREATE TABLE t1 (c1 ANY) STRICT").unwrap();
    writer.commit(Vec::new()).await.unwrap();
}
