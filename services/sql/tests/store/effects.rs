//! Commits with effects on other services: both or neither.

use std::sync::Arc;

use bole_base::{Durability, LogId};
use bole_shard::participant::Participants;
use bole_shard::participant::suite::{FakeParticipant, note};
use bole_sql_types::SqlState;

use crate::node::{Node, Place, run};

/// Above the database's log, and below it: logs are locked in order.
const LOGS: [LogId; 2] = [LogId(1 << 40), LogId(9)];

async fn start(place: &Place) -> (Node, Arc<FakeParticipant>) {
    start_at(place, LOGS[0]).await
}

async fn start_at(place: &Place, log: LogId) -> (Node, Arc<FakeParticipant>) {
    let node = place.start().await;
    let first = FakeParticipant::host(&node.runtime, log, 1, Durability::Sync).unwrap();
    let fake = Arc::new(first);
    let mut participants = Participants::new(Arc::clone(node.runtime.journal()));
    participants.register(Arc::clone(&fake) as Arc<_>);
    node.databases.set_participants(Arc::new(participants));
    (node, fake)
}

fn noted(fake: &FakeParticipant) -> Vec<String> {
    let ledger = fake.ledgers()[0].lock().unwrap();
    ledger.state().get().0.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect()
}

fn effect(text: &str) -> (String, bole_shard::participant::Request) {
    ("fake".to_owned(), note(0, text))
}

#[tokio::test]
async fn rows_and_effects_are_one_batch() {
    for log in LOGS {
        let place = Place::new();
        let (node, fake) = start_at(&place, log).await;
        node.write(&["CREATE TABLE t1 (c1 INTEGER PRIMARY KEY) STRICT"]).await;
        let mut writer = node.writer().await;
        run(&mut writer, "INSERT INTO t1 VALUES (1)").unwrap();
        let seen = writer.commit(vec![effect("a"), effect("b")]).await.unwrap();
        node.database.durable(seen).await.unwrap();
        assert_eq!(
            (node.read("SELECT c1 FROM t1").await.as_str(), noted(&fake)),
            ("1", vec!["a".into(), "b".into()])
        );
        // Effects alone are a batch, too.
        let seen = node.writer().await.commit(vec![effect("c")]).await.unwrap();
        node.database.durable(seen).await.unwrap();
        assert_eq!(noted(&fake), ["a", "b", "c"]);
    }
}

/// What is refused leaves neither rows nor effects, and the next transaction finds everything in order.
#[tokio::test]
async fn what_one_side_refuses_happens_on_neither() {
    let place = Place::new();
    let (node, fake) = start(&place).await;
    node.write(&[
        "CREATE TABLE t1 (c1 INTEGER PRIMARY KEY) STRICT",
        "CREATE TABLE t2 (c1 ANY REFERENCES t1 DEFERRABLE INITIALLY DEFERRED) STRICT",
    ])
    .await;
    let unknown = ("nobody".to_owned(), note(0, "a"));
    let cases = [
        ("INSERT INTO t1 VALUES (1)", vec![effect("a"), effect("refuse")], SqlState::INVALID_PARAMETER_VALUE),
        ("INSERT INTO t1 VALUES (1)", vec![effect("a"), unknown], SqlState::INVALID_PARAMETER_VALUE),
        ("INSERT INTO t2 VALUES (7)", vec![effect("a")], SqlState::FOREIGN_KEY_VIOLATION),
    ];
    for (sql, effects, state) in cases {
        let mut writer = node.writer().await;
        run(&mut writer, sql).unwrap();
        assert_eq!(writer.commit(effects).await.unwrap_err().state, state, "{sql}");
        let rows = node.read("SELECT c1 FROM t1 UNION ALL SELECT c1 FROM t2").await;
        assert_eq!((rows.as_str(), noted(&fake)), ("", vec![]), "{sql}");
    }
    node.write(&["INSERT INTO t1 VALUES (2)"]).await;
    let before = node.dump().await;
    drop((node, fake));
    assert_eq!(place.start().await.dump().await, before);
}

#[tokio::test]
async fn a_large_transaction_takes_effects_with_it() {
    let place = Place::new();
    let (node, fake) = start(&place).await;
    node.write(&["CREATE TABLE t1 (c1 INTEGER PRIMARY KEY, c2 ANY) STRICT"]).await;
    let mut writer = node.writer().await;
    run(&mut writer, "INSERT INTO t1 VALUES (1, randomblob(3000000))").unwrap();
    let seen = writer.commit(vec![effect("large")]).await.unwrap();
    node.database.durable(seen).await.unwrap();
    assert_eq!(noted(&fake), ["large"]);
    let before = node.dump().await;
    drop((node, fake));
    assert_eq!(place.start().await.dump().await, before);
}

/// What the journal would not take as one batch is refused before SQLite commits, rows and effects alike, and the database goes on.
#[tokio::test]
async fn a_batch_too_large_for_the_journal_is_refused_before_it_is_final() {
    /// More than have room in a batch beside an attachment.
    const SHARDS: u64 = 100;
    let place = Place::new();
    let node = place.start().await;
    let fake = Arc::new(FakeParticipant::host(&node.runtime, LOGS[0], SHARDS, Durability::Sync).unwrap());
    let mut participants = Participants::new(Arc::clone(node.runtime.journal()));
    participants.register(Arc::clone(&fake) as Arc<_>);
    node.databases.set_participants(Arc::new(participants));
    node.write(&["CREATE TABLE t1 (c1 INTEGER PRIMARY KEY, c2 ANY) STRICT"]).await;
    place.journal.set_batch_bytes_max(6 << 10);
    let row = |number, bytes| format!("INSERT INTO t1 VALUES ({number}, randomblob({bytes}))");
    let everywhere = (0..SHARDS).map(|shard| ("fake".to_owned(), note(shard, "a"))).collect();
    let cases = [
        (row(1, 5_000), vec![effect("a")], true),
        (row(2, 6_100), vec![effect("b")], false),
        (row(3, 500_000), Vec::new(), false),
        (row(4, 5_000), vec![effect(&"c".repeat(1_200))], false),
        // Beyond half a MiB the row is an attachment, which the batch only names.
        (row(5, 600_000), vec![effect("e")], true),
        (row(6, 600_000), everywhere, false),
        (row(7, 1), vec![effect("g")], true),
    ];
    for (sql, effects, fits) in cases {
        let mut writer = node.writer().await;
        run(&mut writer, &sql).unwrap();
        match writer.commit(effects).await {
            Ok(seen) => node.database.durable(seen).await.unwrap(),
            Err(error) => {
                assert_eq!((error.state, fits), (SqlState::PROGRAM_LIMIT_EXCEEDED, false), "{sql}: {error}");
                continue;
            }
        }
        assert!(fits, "{sql}");
    }
    assert_eq!(node.read("SELECT c1 FROM t1").await, "1\n5\n7");
    assert_eq!(noted(&fake), ["a", "e", "g"]);
    let before = node.dump().await;
    drop((node, fake));
    assert_eq!(place.start().await.dump().await, before);
}
