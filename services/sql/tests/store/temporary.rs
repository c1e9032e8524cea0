//! Temporary tables in the store: they are in no log and in no file that a start finds, and what is undone is undone of them too.

use std::sync::Arc;
use std::time::Duration;

use bole_shard::Hosted as _;
use bole_sql::store::{Temporary, Writer};
use bole_sql_dialect::Catalog;
use bole_sql_dialect::plan::Step;
use bole_sql_types::SqlState;

use crate::node::{Node, Place, rows, run};

/// A table of the catalog, so that the connection stays with the session.
fn table() -> Step {
    let body = r#"{"kind":"table","oid":2000000001,"schema":2000000000,"name":"own","storage":"own","columns":[],"rowid_column":null,
        "constraints":[],"temporary":true,"comment":null}"#;
    let rows = [(2_000_000_001, body)];
    let catalog = Catalog::from_rows("bole", rows).unwrap();
    Step::Put(Box::new(catalog.object(2_000_000_001).unwrap().clone()))
}

async fn writer(node: &Node, temporary: &Arc<Temporary>) -> Writer {
    let mut writer = node.database.writer(Duration::from_secs(5)).await.unwrap();
    writer.join(temporary).unwrap();
    writer.begin().unwrap();
    writer
}

fn create(writer: &mut Writer) {
    writer.apply(&Step::Put(Box::new(Catalog::temporary_schema()))).unwrap();
    writer.apply(&table()).unwrap();
    writer.apply(&Step::Temporary("CREATE TABLE temp.own (a ANY) STRICT".to_owned())).unwrap();
}

fn own(node: &Node, temporary: &Arc<Temporary>, sql: &str) -> String {
    let mut reader = node.database.own_reader(temporary).unwrap();
    reader.begin().unwrap();
    rows(reader.connection(), sql)
}

#[tokio::test]
async fn they_are_in_no_log_and_gone_after_a_start() {
    let place = Place::new();
    let node = place.start().await;
    node.write(&["CREATE TABLE kept (a ANY) STRICT"]).await;
    let before = node.database.next();
    let temporary = Temporary::new(&node.database);
    // The connection has changed rows of the database already when it becomes the session's.
    let mut both = writer(&node, &temporary).await;
    run(&mut both, "INSERT INTO kept VALUES (1)").unwrap();
    create(&mut both);
    run(&mut both, "INSERT INTO own SELECT a + 10 FROM kept").unwrap();
    run(&mut both, "INSERT INTO kept SELECT a FROM own").unwrap();
    both.commit(Vec::new()).await.unwrap();
    assert_eq!(node.database.next(), before.next(), "one entry, of the table that stays");
    let mut alone = writer(&node, &temporary).await;
    run(&mut alone, "INSERT INTO own VALUES (12)").unwrap();
    assert!(!alone.has_changes());
    alone.commit(Vec::new()).await.unwrap();
    assert_eq!(node.database.next(), before.next(), "nothing to log");
    // Others go on with a connection of their own, and the session sees what they do.
    node.write(&["INSERT INTO kept VALUES (5)"]).await;
    assert_eq!(own(&node, &temporary, "SELECT * FROM kept JOIN own ON own.a = kept.a"), "11|11");
    assert_eq!(own(&node, &temporary, "SELECT count(*) FROM kept"), "3");
    assert!(!node.dump().await.contains("own"));
    drop((temporary, node));
    let node = place.start().await;
    assert_eq!(node.read("SELECT a FROM kept ORDER BY a").await.replace('\n', " "), "1 5 11");
    assert!(!node.dump().await.contains("own"));
    assert!(!node.database.catalog().has_temporary());
}

#[tokio::test]
async fn what_is_undone_is_undone_of_them_too() {
    let place = Place::new();
    let node = place.start().await;
    let temporary = Temporary::new(&node.database);
    let mut first = writer(&node, &temporary).await;
    create(&mut first);
    first.rollback();
    assert!(node.database.own_reader(&temporary).is_none(), "nothing is kept of it");
    let mut second = writer(&node, &temporary).await;
    create(&mut second);
    run(&mut second, "INSERT INTO own VALUES (1)").unwrap();
    second.savepoint("s").unwrap();
    run(&mut second, "INSERT INTO own VALUES (2)").unwrap();
    second.apply(&Step::Remove(2_000_000_001)).unwrap();
    second.rollback_to("s").unwrap();
    second.commit(Vec::new()).await.unwrap();
    assert_eq!(own(&node, &temporary, "SELECT * FROM own"), "1");
    // Where SQLite undoes a whole transaction, nothing can be brought back of it.
    let mut lost = writer(&node, &temporary).await;
    run(&mut lost, "INSERT INTO own VALUES (3)").unwrap();
    lost.savepoint("s").unwrap();
    lost.connection().execute_batch("ROLLBACK").unwrap();
    assert!(lost.is_lost());
    let error = lost.rollback_to("s").unwrap_err();
    assert_eq!(error.state, SqlState(*b"40000"));
    drop(lost);
    assert_eq!(own(&node, &temporary, "SELECT * FROM own"), "1");
    temporary.clear();
    assert!(node.database.own_reader(&temporary).is_none());
}
