//! Writes of others into tables: what a record becomes, what is refused, and that all of it is one batch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bole_base::{Durability, Kind, LogId};
use bole_shard::participant::suite::FakeParticipant;
use bole_shard::participant::upserts::{Batch, Upsert, Upserts, suite};
use bole_shard::participant::{Committed, Participants};
use bole_shard::{Error, Runtime};
use bole_sql::pool::Pool;
use bole_sql::upserts::{Config, Tables};

use crate::client::Client;
use crate::server::Server;

fn config() -> Config {
    Config {
        pool: Some(Pool::new(2)),
        turn_wait_max: Duration::from_secs(20),
        hold_max: Duration::from_secs(20),
    }
}

fn upsert(key: &str, value: Option<&str>) -> Upsert {
    let bytes = |text: &str| text.to_owned().into_bytes().into();
    Upsert { key: bytes(key), value: value.map(bytes) }
}

/// A node, a client, and what writes to its tables.
struct World {
    server: Server,
    client: Client,
    tables: Tables,
}

impl World {
    async fn new(statements: &[&str]) -> Self {
        let server = Server::start().await;
        let client = server.client().await;
        let tables = Tables::new(&server.service.databases, config());
        let mut world = Self { server, client, tables };
        for sql in statements {
            world.run(sql).await;
        }
        world
    }

    async fn run(&mut self, sql: &str) {
        let said = self.client.query(sql).await;
        assert!(!said.contains("\nE ") && !said.starts_with("E "), "{sql}: {said}");
    }

    async fn put(&self, table: &str, writes: &[(&str, Option<&str>)]) -> Result<Committed, Error> {
        let among = Participants::new(Arc::clone(self.server.runtime.journal()));
        let writes = writes.iter().map(|(key, value)| upsert(key, *value)).collect();
        let batch = Batch { dataset: format!("bole/{table}"), writes, requests: Vec::new() };
        self.tables.write(Arc::new(among), batch).await
    }

    /// The rows of a query, with ` / ` between.
    async fn rows(&mut self, sql: &str) -> String {
        let said = self.client.query(sql).await;
        let rows: Vec<_> = said.lines().filter_map(|line| line.strip_prefix("D ")).collect();
        assert!(said.contains("C SELECT"), "{sql}: {said}");
        rows.join(" / ")
    }
}

struct Subject {
    handle: tokio::runtime::Runtime,
    server: Server,
    tables: Arc<Tables>,
    beside: Arc<FakeParticipant>,
}

impl suite::Subject for Subject {
    fn runtime(&self) -> Arc<Runtime> {
        Arc::clone(&self.server.runtime)
    }
    fn upserts(&self) -> Arc<dyn Upserts> {
        Arc::clone(&self.tables) as Arc<dyn Upserts>
    }
    fn beside(&self) -> Arc<FakeParticipant> {
        Arc::clone(&self.beside)
    }
    fn dataset(&self) -> String {
        "bole/t".to_owned()
    }
    fn no_dataset(&self) -> String {
        "bole/missing".to_owned()
    }
    fn write(&self, key: u64, value: Option<u64>) -> Upsert {
        upsert(&key.to_string(), value.map(|value| format!("{{\"v\": {value}}}")).as_deref())
    }
    fn invalid(&self) -> Upsert {
        upsert("9", Some("{\"v\": -1}"))
    }
    fn seen(&self) -> BTreeMap<u64, u64> {
        self.handle.block_on(async {
            let said = self.server.client().await.query("select id, v from t").await;
            let rows = said.lines().filter_map(|line| line.strip_prefix("D ")?.split_once('|'));
            rows.map(|(key, value)| (key.parse().unwrap(), value.parse().unwrap())).collect()
        })
    }
}

#[test]
fn tables_keep_the_contract() {
    // Logs are locked in order: the other service's is above the database's, and below.
    for log in [LogId(1 << 40), LogId(9)] {
        suite::run(&|| {
            let handle = tokio::runtime::Runtime::new().unwrap();
            let server = handle.block_on(async {
                let server = Server::start().await;
                let made = "create table t (id bigint primary key, v bigint check (v >= 0))";
                server.client().await.query(made).await;
                server
            });
            let beside = FakeParticipant::host(&server.runtime, log, 1, Durability::Sync).unwrap();
            let on_this_thread = Config { pool: None, turn_wait_max: Duration::MAX, hold_max: Duration::MAX };
            let tables = Arc::new(Tables::new(&server.service.databases, on_this_thread));
            Box::new(Subject { handle, server, tables, beside: Arc::new(beside) })
        });
    }
}

/// What a column of a type gets from JSON, as `json_populate_record` of PostgreSQL 15 has it: `!` and the message where that is refused.
const VALUES: &[(&str, &str, &str)] = &[
    ("int", "7", "7"),
    ("int", "\"7\"", "7"),
    ("int", "\" 7 \"", "7"),
    ("int", "7.5", "!invalid input syntax for type integer: \"7.5\" (22P02)"),
    ("int", "true", "!invalid input syntax for type integer: \"true\" (22P02)"),
    ("int", "null", "NULL"),
    ("smallint", "40000", "!value \"40000\" is out of range for type smallint (22003)"),
    ("bigint", "9007199254740993", "9007199254740993"),
    ("numeric", "0.10000000000000000000000001", "0.10000000000000000000000001"),
    ("numeric(6,2)", "1234.567", "1234.57"),
    ("float8", "1e3", "1000"),
    ("boolean", "true", "true"),
    ("boolean", "\"off\"", "false"),
    ("boolean", "1", "true"),
    ("text", "\"a\\u00e4\\n\\\"b\"", "aä\\n\"b"),
    ("text", "12.50", "12.50"),
    ("text", "true", "true"),
    ("text", "{\"a\": [1,  2]}", "{\"a\": [1,  2]}"),
    ("text", "[1, \"x\"]", "[1, \"x\"]"),
    ("varchar(3)", "\"abcd\"", "!value too long for type character varying(3) (22001)"),
    ("char(3)", "\"a\"", "a"),
    ("date", "\"2026-11-26\"", "2026-11-26"),
    ("timestamptz", "\"2026-11-26T22:47:00+02:00\"", "2026-11-26 20:47:00+00"),
    ("interval", "\"1 day 2 hours\"", "1 day 02:00:00"),
    ("uuid", "\"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11\"", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("bytea", "\"\\\\x00ff\"", "\\x00ff"),
    ("json", "{\"b\":  1, \"a\": [true, null]}", "{\"b\":  1, \"a\": [true, null]}"),
    ("jsonb", "{\"b\":  1, \"a\": [true, null]}", "{\"a\": [true, null], \"b\": 1}"),
    ("jsonb", "\"text\"", "\"text\""),
    ("jsonb", "null", "NULL"),
    ("int[]", "[1, null, 3]", "{1,NULL,3}"),
    ("int[]", "[[1, 2], [3, 4]]", "{{1,2},{3,4}}"),
    ("int[]", "\"{1,2}\"", "{1,2}"),
    ("int[]", "[]", "{}"),
    ("int[]", "5", "!expected JSON array (22P02)"),
    ("int[]", "{\"a\": 1}", "!expected JSON array (22P02)"),
    ("int[]", "[1, \"x\"]", "!invalid input syntax for type integer: \"x\" (22P02)"),
    (
        "text[]",
        "[\"a,b\", \"q\\\"\\\\\", \"\", \"NULL\", null, 1]",
        "{\"a,b\",\"q\\\"\\\\\",\"\",\"NULL\",NULL,1}",
    ),
    ("jsonb[]", "[{\"a\": 1}, 2]", "{\"{\\\"a\\\": 1}\",2}"),
    ("mood", "\"ok\"", "ok"),
    ("mood", "\"fine\"", "!invalid input value for enum mood: \"fine\" (22P02)"),
    ("mood[]", "[\"ok\", \"sad\"]", "{ok,sad}"),
];

#[tokio::test(flavor = "multi_thread")]
async fn values_are_converted_by_the_type_of_their_column() {
    let mut world = World::new(&["create type mood as enum ('sad', 'ok')"]).await;
    for (ty, json, expected) in VALUES {
        world.run(&format!("drop table if exists t; create table t (id int primary key, v {ty})")).await;
        let said = match world.put("t", &[("1", Some(&format!("{{\"v\": {json}}}")))]).await {
            Ok(_) => world.rows("select coalesce(v::text, 'NULL') from t").await,
            Err(error) => {
                let text = error.to_string();
                let (first, _) = text.split_once("): ").map_or((&*text, ""), |(first, rest)| (first, rest));
                let closed = if first.ends_with(')') { first.to_owned() } else { format!("{first})") };
                format!("!{}", closed.strip_prefix("column \"v\": ").unwrap_or(&closed))
            }
        };
        assert_eq!(said, *expected, "{ty} from {json}");
    }
}

/// What there is, writes (key, value), and the rows afterwards.
type Case = (&'static str, &'static [(&'static str, Option<&'static str>)], &'static str);

/// `!` and a part of the reason stand where all of it is refused, and then the rows are as before.
const ROWS: &[Case] = &[
    // Columns that are not there get their defaults, whatever was there before.
    (
        "create table t (id int primary key, a int, b text default 'new')",
        &[("1", Some("{\"a\": 1, \"b\": \"x\"}")), ("2", Some("{\"a\": 2}")), ("1", Some("{}"))],
        "1|~|new / 2|2|new",
    ),
    (
        "create table t (id int primary key, a int); insert into t values (1, 1), (2, 2)",
        &[("1", None), ("3", None), ("2", Some("{\"a\": null}"))],
        "2|~",
    ),
    ("create table t (id int primary key)", &[("1", Some("{}")), ("1", Some("{\"id\": 1}"))], "1"),
    // Keys.
    ("create table t (id text primary key, a int)", &[("{\"x\": 1}", Some("{\"a\": 1}"))], "{\"x\": 1}|1"),
    (
        "create table t (id numeric primary key, a int)",
        &[("1.0", Some("{\"a\": 1}")), ("1.00", Some("{\"a\": 2, \"id\": 1}"))],
        "1.0|2",
    ),
    (
        "create table t (id int primary key, a int)",
        &[("1", Some("{\"id\": 2}"))],
        "!column \"id\" is another in the record's key than in its value",
    ),
    (
        "create table t (id int primary key, a int)",
        &[("x", Some("{}"))],
        "!column \"id\": invalid input syntax",
    ),
    (
        "create table t (x int, y text, a int, primary key (y, x))",
        &[
            ("{\"x\": 1, \"y\": \"p\"}", Some("{\"a\": 1}")),
            ("{\"y\": \"p\", \"x\": 1}", Some("{\"a\": 2, \"x\": 1}")),
            ("{\"x\": 2, \"y\": \"p\"}", Some("{}")),
            ("{\"x\": 2, \"y\": \"p\"}", None),
        ],
        "1|p|2",
    ),
    (
        "create table t (x int, y int, primary key (x, y))",
        &[("{\"x\": 1}", Some("{\"y\": 1}"))],
        "!the record's key must have the columns x, y, and no others",
    ),
    (
        "create table t (x int, y int, primary key (x, y))",
        &[("1", None)],
        "!the record's key must be a JSON object of columns, and is a single value",
    ),
    // What is no row.
    (
        "create table t (id int primary key)",
        &[("1", Some(""))],
        "!the record's value must be a JSON object of columns, and is empty",
    ),
    ("create table t (id int primary key)", &[("1", Some("[1]"))], "!and is an array"),
    ("create table t (id int primary key)", &[("1", Some("null"))], "!and is a single value"),
    ("create table t (id int primary key)", &[("1", Some("{\"id\": 1"))], "!the record's value is no JSON"),
    (
        "create table t (id int primary key)",
        &[("1", Some("{}")), ("2", Some("{\"b\": 1}"))],
        "!column \"b\" of relation \"t\" does not exist",
    ),
    // Constraints, generated values, what hangs on keys.
    (
        "create table t (id int primary key, a int not null)",
        &[("1", Some("{}"))],
        "!null value in column \"a\"",
    ),
    (
        "create table t (id int primary key, a int check (a > 0))",
        &[("1", Some("{\"a\": 0}"))],
        "!check constraint",
    ),
    (
        "create table t (id int primary key, a int unique); insert into t values (1, 1)",
        &[("2", Some("{\"a\": 1}"))],
        "!unique constraint",
    ),
    (
        "create table t (id int primary key, a int unique); insert into t values (1, 1), (2, 2)",
        &[("1", Some("{\"a\": 3}")), ("2", Some("{\"a\": 1}"))],
        "1|3 / 2|1",
    ),
    (
        "create table t (id int primary key, a int, b int generated always as (a * 2) stored)",
        &[("1", Some("{\"a\": 2}")), ("1", Some("{\"a\": 5}"))],
        "1|5|10",
    ),
    (
        "create table t (id int primary key, b int generated always as (id) stored)",
        &[("1", Some("{\"b\": 5}"))],
        "!column \"b\"",
    ),
    (
        "create table t (id int generated always as identity primary key, a int)",
        &[("7", Some("{\"a\": 1}"))],
        "7|1",
    ),
    (
        "create table t (id int primary key, n int generated by default as identity, a int)",
        &[("1", Some("{\"a\": 1}")), ("1", Some("{\"a\": 2}"))],
        "1|1|2",
    ),
    (
        "create table t (id int primary key, n serial)",
        &[("1", Some("{}")), ("2", Some("{\"n\": 9}"))],
        "1|1 / 2|9",
    ),
    (
        "create table p (id int primary key); create table t (id int primary key, p int references p); insert into p values (1)",
        &[("1", Some("{\"p\": 1}")), ("2", Some("{\"p\": 2}"))],
        "!foreign key constraint",
    ),
    (
        "create table t (id int primary key, up int references t on delete cascade)",
        &[
            ("1", Some("{}")),
            ("2", Some("{\"up\": 1}")),
            ("3", Some("{\"up\": 2}")),
            ("4", Some("{}")),
            ("1", None),
        ],
        "4|~",
    ),
    (
        "create schema s; create table \"T\" (id int primary key); create table t (\"Order\" int primary key, \"a b\" text)",
        &[("1", Some("{\"a b\": \"x\"}"))],
        "1|x",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_what_an_insert_of_the_record_would_make_it() {
    let mut world = World::new(&[]).await;
    for (made, writes, expected) in ROWS {
        world.run("drop table if exists t, p, \"T\"; drop schema if exists s").await;
        world.run(made).await;
        let before = world.rows("select * from t order by 1").await;
        let outcome = world.put("t", writes).await;
        let rows = world.rows("select * from t order by 1").await;
        match (expected.strip_prefix('!'), outcome) {
            (None, Ok(_)) => assert_eq!(rows, *expected, "{made}"),
            (Some(part), Err(Error::Refused(text))) => {
                assert!(text.contains(part), "{made}: {text:?} says {part:?}");
                assert_eq!(rows, before, "{made}: nothing of it happens");
            }
            (_, outcome) => panic!("{made}: {outcome:?}, and {rows}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_cannot_be_written_to_are_refused() {
    let mut world = World::new(&[
        "create schema s; create table s.t (id int primary key); create table heap (id int); create view v as select 1 as x",
        "create table t (id int primary key)",
    ])
    .await;
    for (dataset, part) in [
        ("bole/t", ""),
        ("bole/public.t", ""),
        ("bole/s.t", ""),
        ("bole", "names no table"),
        ("shop/t", "database \"shop\" does not exist"),
        ("bole/u", "table \"public.u\" does not exist in database \"bole\""),
        ("bole/x.t", "schema \"x\" does not exist"),
        ("bole/heap", "table \"heap\" has no primary key"),
        ("bole/v", "\"v\" is no table"),
        ("bole/t_pkey", "\"t_pkey\" is no table"),
    ] {
        match (part, world.tables.check(dataset)) {
            ("", Ok(())) => {}
            (part, Err(Error::Refused(text))) if !part.is_empty() => {
                assert!(text.contains(part), "{dataset}: {text}");
            }
            (_, outcome) => panic!("{dataset}: {outcome:?}"),
        }
    }
    assert_eq!(world.tables.resource("bole/s.t"), "default/sql/bole");
    // What was there when it was checked may be gone.
    world.run("drop table t").await;
    let gone = world.put("t", &[("1", Some("{}"))]).await;
    assert!(matches!(gone, Err(Error::Refused(text)) if text.contains("does not exist")));
    // Or another.
    world.run("create table t (id text primary key, a int)").await;
    world.put("t", &[("x", Some("{\"a\": 1}"))]).await.unwrap();
    world.run("alter table t rename a to b; alter table t add c int default 5").await;
    world.put("t", &[("y", Some("{\"b\": 1}"))]).await.unwrap();
    assert_eq!(world.rows("select * from t order by 1").await, "x|1|5 / y|1|5");
}

#[tokio::test(flavor = "multi_thread")]
async fn others_get_their_turn() {
    let mut world = World::new(&["create table t (id int primary key)"]).await;
    let two: &[(&str, Option<&str>)] = &[("1", Some("{}")), ("2", Some("{}"))];
    // A client that has the turn is waited for, and not for ever.
    world.tables = Tables::new(
        &world.server.service.databases,
        Config { turn_wait_max: Duration::from_millis(30), ..config() },
    );
    world.run("begin; insert into t values (9)").await;
    let late = world.put("t", two).await.unwrap_err();
    assert_eq!(late.kind(), Kind::Unavailable);
    assert!(late.to_string().contains("database \"bole\" is being written to by somebody else"), "{late}");
    world.run("rollback").await;
    world.put("t", two).await.unwrap();
    // A batch that takes too long is given up; a row alone is always written.
    world.tables =
        Tables::new(&world.server.service.databases, Config { hold_max: Duration::ZERO, ..config() });
    let long = world.put("t", &[("3", Some("{}")), ("4", Some("{}"))]).await;
    assert!(matches!(long, Err(Error::Refused(text)) if text.contains("2 rows are too many")));
    assert_eq!(world.rows("select id from t order by 1").await, "1 / 2");
    world.run("insert into t values (5)").await;
}

/// A feed of the table says what was written, as of a client's statement.
#[tokio::test(flavor = "multi_thread")]
async fn feeds_show_what_was_written() {
    let world = World::new(&["create table t (id int primary key, a text)"]).await;
    world.put("t", &[("1", Some("{\"a\": \"x\"}"))]).await.unwrap();
    world.put("t", &[("1", Some("{\"a\": \"y\"}")), ("2", Some("{}"))]).await.unwrap();
    world.put("t", &[("1", None)]).await.unwrap();
    let changes = crate::feeds::texts(&world.server, "t");
    assert_eq!(
        changes,
        [
            "insert {'id':1}: null -> {'id':1,'a':'x'}",
            "update {'id':1}: {'id':1,'a':'x'} -> {'id':1,'a':'y'}",
            "insert {'id':2}: null -> {'id':2,'a':null}",
            "delete {'id':1}: {'id':1,'a':'y'} -> null",
        ]
    );
}
