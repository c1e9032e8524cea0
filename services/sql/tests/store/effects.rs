//! Commits with effects on other services: both or neither.

use std::sync::Arc;

use bole_base::{Durability, LogId};
use bole_shard::participant::Participants;
use bole_shard::participant::suite::{FakeParticipant, note};
use bole_sql_types::SqlState;

use crate::node::{Node, Place, run};

const NOTES_LOG: LogId = LogId(1 << 40);

async fn start(place: &Place) -> (Node, Arc<FakeParticipant>) {
    let node = place.start().await;
    // Above the database's log, and below it, so that locks are taken in both orders.
    let first = FakeParticipant::host(&node.runtime, NOTES_LOG, 1, Durability::Sync).unwrap();
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
    let place = Place::new();
    let (node, fake) = start(&place).await;
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
