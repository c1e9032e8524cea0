//! Change feeds of tables: what statements make of them, with the catalog as it was then.

use std::collections::BTreeMap;

use bole_base::Offset;
use bole_shard::changes::{Change, Changes, Cursor};
use serde_json::Value as Json;

use crate::server::Server;

/// All changes of a table, read in pieces of `bytes_max`.
fn read(server: &Server, table: &str, bytes_max: usize) -> Vec<Change> {
    let feed = server.service.databases.feed("bole", None, table).unwrap();
    let dataset = feed.dataset();
    let tail = server.feeds.bounds(&dataset, 0).unwrap().tail;
    let (mut all, mut from) = (Vec::new(), Cursor::at(Offset(0)));
    while from.offset < tail {
        let feed = server.feeds.read(&dataset, 0, from, bytes_max).unwrap();
        assert_eq!(feed.gap, None);
        assert!(feed.next.offset > from.offset, "a read gets on");
        all.extend(feed.changes);
        from = feed.next;
    }
    assert!(all.windows(2).all(|pair| pair[0].offset < pair[1].offset), "offsets rise");
    all
}

/// A change as text, without what differs from run to run.
fn text(change: &Change) -> String {
    let mut value = Vec::new();
    change.put_json(&mut value);
    let told: Json = serde_json::from_slice(&value).unwrap();
    let (offset, time) = (change.offset.0, change.hlc >> 16);
    assert_eq!(told["transaction"].as_u64(), Some(offset >> 20));
    assert_eq!(told["position"].as_u64(), Some(offset & 0xf_ffff));
    assert_eq!(told["time"].as_u64(), Some(time));
    let value = String::from_utf8(value).unwrap();
    let (rows, _) = value.split_once(",\"transaction\":").unwrap();
    let (_, rows) = rows.split_once(",\"before\":").unwrap();
    let rows = rows.replace(",\"after\":", " -> ").replace('"', "'");
    let key = change.key.clone().map_or("all".into(), |key| String::from_utf8(key.to_vec()).unwrap());
    let key = key.replace('"', "'");
    format!("{} {key}: {rows}", change.operation)
}

/// All changes of a table as texts.
pub(crate) fn texts(server: &Server, table: &str) -> Vec<String> {
    read(server, table, usize::MAX).iter().map(text).collect()
}

/// Runs statements one after the other, each a message of its own; then the table's feed must say `expected`.
async fn check(statements: &[&str], table: &str, expected: &[&str]) {
    let server = Server::start().await;
    let mut client = server.client().await;
    for sql in statements {
        let said = client.query(sql).await;
        assert!(!said.contains("\nE ") && !said.starts_with("E "), "{sql}: {said}");
    }
    for bytes_max in [1, 100, usize::MAX] {
        let changes: Vec<String> = read(&server, table, bytes_max).iter().map(text).collect();
        assert_eq!(changes, expected, "{statements:?} in pieces of {bytes_max}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_told_as_they_change() {
    check(
        &[
            "create table t (id int primary key, name text)",
            "insert into t values (1, 'ann'), (2, null)",
            "update t set name = 'eve' where id = 1",
            "begin; insert into t values (3, 'x'); rollback",
            "begin; insert into t values (4, 'y'); savepoint a; delete from t; rollback to a; commit",
            "update t set id = 20 where id = 2",
            "update t set name = name",
            "truncate t",
            "begin; insert into t values (5, 'z'); truncate t; insert into t values (6, null); commit",
            "begin; savepoint a; truncate t; rollback to a; commit",
        ],
        "t",
        &[
            "insert {'id':1}: null -> {'id':1,'name':'ann'}",
            "insert {'id':2}: null -> {'id':2,'name':null}",
            "update {'id':1}: {'id':1,'name':'ann'} -> {'id':1,'name':'eve'}",
            "insert {'id':4}: null -> {'id':4,'name':'y'}",
            "delete {'id':2}: {'id':2,'name':null} -> null",
            "insert {'id':20}: null -> {'id':20,'name':null}",
            "truncate all: null -> null",
            "insert {'id':5}: null -> {'id':5,'name':'z'}",
            "truncate all: null -> null",
            "insert {'id':6}: null -> {'id':6,'name':null}",
        ],
    )
    .await;
    check(
        &[
            "create table t (a int, b text, primary key (b, a))",
            "create table other (id int primary key)",
            "insert into other values (1)",
            "insert into t values (1, 'x')",
            "update other set id = 2",
            "delete from t",
        ],
        "t",
        &[
            "insert {'b':'x','a':1}: null -> {'a':1,'b':'x'}",
            "delete {'b':'x','a':1}: {'a':1,'b':'x'} -> null",
        ],
    )
    .await;
    check(
        &["create table t (a int)", "insert into t values (7), (7)", "delete from t"],
        "t",
        &[
            "insert {'rowid':1}: null -> {'a':7}",
            "insert {'rowid':2}: null -> {'a':7}",
            "delete {'rowid':1}: {'a':7} -> null",
            "delete {'rowid':2}: {'a':7} -> null",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_numbers_with_all_digits_or_text() {
    let rows: &[(&str, &str, &str)] = &[
        ("boolean", "true", "true"),
        ("smallint", "-7", "-7"),
        ("bigint", "9223372036854775807", "9223372036854775807"),
        ("numeric", "123456789012345678901234567890.1200", "123456789012345678901234567890.1200"),
        ("numeric", "'NaN'", "'NaN'"),
        ("double precision", "0.1", "0.1"),
        ("double precision", "1e300", "1e+300"),
        ("double precision", "'-Infinity'", "'-Infinity'"),
        ("real", "0.1", "0.1"),
        ("text", "E'a\"b\\\\c\\n\\x01ä'", "'a\\'b\\\\c\\n\\u0001ä'"),
        ("character(4)", "'ab'", "'ab  '"),
        ("bytea", "'\\x00ff'", "'\\\\x00ff'"),
        ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"),
        ("date", "'2026-11-26'", "'2026-11-26'"),
        ("timestamp", "'2026-11-26 10:00:00.5'", "'2026-11-26 10:00:00.5'"),
        ("timestamptz", "'2026-11-26 10:00+02'", "'2026-11-26 08:00:00+00'"),
        ("interval", "'1 day 2 hours'", "'1 day 02:00:00'"),
        ("json", "'{\"a\":  1}'", "'{\\'a\\':  1}'"),
        ("jsonb", "'null'", "'null'"),
        ("int[]", "'{1,null,3}'", "'{1,NULL,3}'"),
        ("mood", "'ok'", "'ok'"),
        ("mood[]", "'{sad,ok}'", "'{sad,ok}'"),
        ("text", "null", "null"),
    ];
    let server = Server::start().await;
    let mut client = server.client().await;
    client.query("create type mood as enum ('sad', 'ok')").await;
    // What a session likes is not what a feed says.
    client.query("set datestyle = 'German'; set timezone = 'Asia/Tokyo'; set bytea_output = 'escape'").await;
    for (ty, value, expected) in rows {
        let sql =
            format!("drop table if exists t; create table t (a {ty}); insert into t values ({value}::{ty})");
        let said = client.query(&sql).await;
        assert!(said.contains("C INSERT 0 1"), "{sql}: {said}");
        let changes: Vec<String> = read(&server, "t", usize::MAX).iter().map(text).collect();
        assert_eq!(changes, [format!("insert {{'rowid':1}}: null -> {{'a':{expected}}}")], "{ty} {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_those_of_the_place_in_the_log() {
    check(
        &[
            "create table t (id int primary key, a int)",
            "insert into t values (1, 10)",
            "alter table t rename a to b",
            "update t set b = 11",
            "alter table t add c text default 'x'",
            "update t set c = 'y'",
            "alter table t drop b",
            "update t set c = 'z'",
            "alter table t rename to u",
            "insert into u values (2, 'w')",
        ],
        "u",
        &[
            "insert {'id':1}: null -> {'id':1,'a':10}",
            "update {'id':1}: {'id':1,'b':10} -> {'id':1,'b':11}",
            "update {'id':1}: {'id':1,'b':11} -> {'id':1,'b':11,'c':'x'}",
            "update {'id':1}: {'id':1,'b':11,'c':'x'} -> {'id':1,'b':11,'c':'y'}",
            "update {'id':1}: {'id':1,'c':'y'} -> {'id':1,'c':'z'}",
            "insert {'id':2}: null -> {'id':2,'c':'w'}",
        ],
    )
    .await;
    check(
        &[
            "create type mood as enum ('sad', 'ok')",
            "create table t (id int primary key, m mood, n text)",
            "insert into t values (1, 'sad', '5')",
            "alter type mood rename value 'sad' to 'blue'",
            "alter type mood add value 'bad' before 'ok'",
            "insert into t values (2, 'bad', '6')",
            "update t set m = 'ok' where id = 1",
            "alter table t alter n type int using n::int",
            "begin; alter table t alter n type text; update t set n = 7 where id = 1; insert into t values (3, 'ok', 8); commit",
            "alter table t drop constraint t_pkey, add primary key (n)",
            "delete from t where id = 2",
        ],
        "t",
        &[
            "insert {'id':1}: null -> {'id':1,'m':'sad','n':'5'}",
            "insert {'id':2}: null -> {'id':2,'m':'bad','n':'6'}",
            "update {'id':1}: {'id':1,'m':'blue','n':'5'} -> {'id':1,'m':'ok','n':'5'}",
            "update {'id':1}: {'id':1,'m':'ok','n':'5'} -> {'id':1,'m':'ok','n':5}",
            "update {'id':2}: {'id':2,'m':'bad','n':'6'} -> {'id':2,'m':'bad','n':6}",
            "update {'id':1}: {'id':1,'m':'ok','n':5} -> {'id':1,'m':'ok','n':'5'}",
            "update {'id':2}: {'id':2,'m':'bad','n':6} -> {'id':2,'m':'bad','n':'6'}",
            "update {'id':1}: {'id':1,'m':'ok','n':'5'} -> {'id':1,'m':'ok','n':'7'}",
            "insert {'id':3}: null -> {'id':3,'m':'ok','n':'8'}",
            "key all: null -> null,'columns':['n']",
            "delete {'n':'6'}: {'id':2,'m':'bad','n':'6'} -> null",
        ],
    )
    .await;
    check(
        &["begin; create type e as enum ('x'); create table t as select 1 as a; alter table t add b e; insert into t values (2, 'x'); commit"],
        "t",
        &["insert {'rowid':1}: null -> {'a':1}", "insert {'rowid':2}: null -> {'a':2,'b':'x'}"],
    )
    .await;
}

/// Upserts by key and removes what is deleted, as a reader of the topic would.
fn fold(changes: &[Change]) -> BTreeMap<String, Json> {
    let mut rows = BTreeMap::new();
    for change in changes {
        let mut value = Vec::new();
        change.put_json(&mut value);
        let told: Json = serde_json::from_slice(&value).unwrap();
        let Some(key) = change.key.clone() else {
            assert_eq!(change.operation, "truncate");
            rows.clear();
            continue;
        };
        let key = String::from_utf8(key.to_vec()).unwrap();
        let was = match change.operation {
            "delete" => rows.remove(&key),
            _ => rows.insert(key.clone(), told["after"].clone()),
        };
        assert_eq!(was.unwrap_or_default(), told["before"], "{told}");
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_transaction_is_read_in_pieces_and_tells_the_table() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for sql in [
        "create table t (id int primary key, name text)",
        "insert into t select g, repeat('x', g % 300) from generate_series(1, 20000) g",
        "update t set id = id + 100000 where id % 3 = 0",
        "delete from t where id % 5 = 0",
    ] {
        client.query(sql).await;
    }
    let changes = read(&server, "t", 200 << 10);
    let rows = fold(&changes);
    let expected = (1..=20_000_u64).map(|id| if id % 3 == 0 { (id + 100_000, id) } else { (id, id) });
    let expected: BTreeMap<String, Json> = expected
        .filter(|(id, _)| id % 5 != 0)
        .map(|(id, was)| {
            let row = serde_json::json!({"id": id, "name": "x".repeat(was as usize % 300)});
            (format!("{{\"id\":{id}}}"), row)
        })
        .collect();
    assert_eq!(rows.len(), expected.len());
    assert!(rows == expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_tables_that_are_there_have_feeds() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client
        .query("create schema s; create table s.t (a int); create table t (a int); create view v as select 1")
        .await;
    let find = |schema, table| server.service.databases.feed("bole", schema, table);
    for (schema, table, there) in [
        (None, "t", true),
        (Some("s"), "t", true),
        (None, "v", false),
        (Some("x"), "t", false),
        (None, "u", false),
    ] {
        assert_eq!(find(schema, table).is_some(), there, "{schema:?} {table}");
    }
    assert_eq!(server.service.databases.feeds().len(), 2);
    let (feed, version) = (find(None, "t").unwrap(), server.service.databases.feeds_version());
    client.query("drop table t; create table t (a int)").await;
    assert!(server.service.databases.feeds_version() > version);
    assert!(server.feeds.bounds(&feed.dataset(), 0).is_err(), "the table is gone");
    assert_ne!(find(None, "t").unwrap().identity, feed.identity);
}
