//! Simple statements that differ in literals alone share a plan, and nobody can tell.

use std::sync::atomic::Ordering;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use crate::client::Client;
use crate::server::Server;

/// How often the random statements of a shape are run. Each is run twice.
const ROUNDS: usize = 60;

const TABLES: &str = "
    create type colour as enum ('red', 'green', 'blue');
    create table a (i2 int2, i4 int4 primary key, i8 int8, n numeric, n2 numeric(5,2), f float8, r real, t text, v varchar(4), c char(4),
        b bool, d date, ts timestamp(0), iv interval, e colour, j jsonb, l int[], u uuid, nn int not null default 1 check (nn < 1000));
    insert into a (i2, i4, i8, n, n2, f, r, t, v, c, b, d, ts, iv, e, j, l) values
        (0, 0, 0, 0, 0, 0, 0, '', '', '', false, '2020-02-29', '2020-02-29 12:00', '1 day', 'red', '{\"a\": 1}', '{1,2}'),
        (1, 1, 1, 1.5, 1.5, 1.5, 1.5, 'a', 'a', 'a', true, '2021-01-01', '2021-01-01 00:00', '2 hours', 'green', '1', '{}'),
        (-3, -3, 2147483648, -0.50, 100.25, -0.5, 0.1, 'it''s', 'abcd', 'abc', null, 'infinity', null, null, 'blue', null, null),
        (32767, 7, 9223372036854775807, 100000000000000000000, null, 1e300, 3, '7', '7', '7', true, null, null, '-1 mon', null, '[]', '{7}');
    create table other (id int8 primary key, a int references a (i4), label text unique);
    insert into other values (1, 1, 'one'), (2, 7, 'two'), (3, null, null);
    create view doubled as select i4 * 2 as twice, t from a where i4 > 0;
";

/// `#` is a number, `$` a string or NULL, `%` either.
const SHAPES: &[&str] = &[
    "select i4, t from a where i2 = # order by i4",
    "select i4 from a where i4 = #",
    "select i4 from a where # <= i8 order by 1",
    "select i4 from a where n <> # and n2 < # order by i4 limit 2",
    "select i4 from a where f > # or r = # order by i4",
    "select i4 from a where t = $ or v > $ order by i4",
    "select i4 from a where c = $ order by i4",
    "select i4 from a where b = $ or d <= $ order by i4",
    "select i4 from a where ts >= $ order by i4",
    "select i4 from a where iv < $ order by i4",
    "select i4 from a where e >= $ order by i4",
    "select i4 from a where j = $ or l = $ or u = $ order by i4",
    "select i4 from a where i4 in (#, #, #) order by i4",
    "select i4 from a where t not in ($, $) order by i4",
    "select i4 from a where not (n between # and #) order by i4",
    "select i4 from a where d between $ and $ order by i4",
    "select i4 + # as s, # from a where i4 + # > # order by i4",
    "select i4 from a where i2 * # - # = i8 order by i4",
    "select count(*), sum(n) from a where i8 < # group by b order by 1 offset #",
    "select t || $ from a where i4 = # and t like $",
    "select o.label, a.t from other o join a on a.i4 = o.a where o.id = # and a.i4 < # order by 1",
    "select t from doubled where twice = #",
    "select i4 from a where exists (select from other where id = # and a = i4) and i4 < # order by 1",
    "select distinct on (b) b, i4 from a where i4 > # order by b, i4",
    "select i4 from a where i4 = # for update",
    "select $::date, $::int from a where i4 = #",
    "select i4 from a where # = # and i4 = #",
    "select i4 from a where d + # > $ order by 1",
    "insert into a (i4, i2) values (#, #)",
    "insert into a (i4, i8, n, n2, f, r) values (#, #, #, #, #, #) returning *",
    "insert into a (i4, t, v, c) values (100, $, $, $) returning t, v, c",
    "insert into a (i4, b, d, ts, iv, e) values (100, $, $, $, $, $) returning b, d, ts, iv, e",
    "insert into a (i4, j, l, u) values (100, $, $, $) returning j, l, u",
    "insert into a (i4, nn) values (100, %), (101, %)",
    "insert into a (i4, t) values (#, %) on conflict (i4) do update set t = excluded.t || $",
    "insert into other values (#, #, $)",
    "update a set i2 = #, n2 = #, r = # where i4 = #",
    "update a set i2 = i2 + # where i4 >= # returning i2",
    "update a set n = n * # - #, t = $, v = $, c = $ where i8 <> #",
    "update a set e = $, d = $, b = $ where i4 = # returning e, d, b",
    "update a set i4 = i4 + # where i4 = #",
    "update a set nn = nn + # where t = $",
    "delete from a where i4 = #",
    "delete from other where label = $ or id = # returning *",
];

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "7",
    "-3",
    "- 1",
    "2",
    "32767",
    "32768",
    "-32769",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "9223372036854775807",
    "9223372036854775808",
    "1.5",
    "-0.50",
    "0.00",
    "100.255",
    "1000.0",
    "100000000000000000000",
    "1e2",
    ".5",
    "007",
];

const STRINGS: &[&str] = &[
    "''",
    "'a'",
    "'it''s'",
    "'abc  '",
    "'abcde'",
    "'abcd   '",
    "'1'",
    "'-7'",
    "' 12 '",
    "'1.5'",
    "'2020-02-29'",
    "'2020-13-01'",
    "'today'",
    "'infinity'",
    "'t'",
    "'off'",
    "'red'",
    "'blue'",
    "'pink'",
    "'{1,2}'",
    "'{7'",
    "'x y'",
    "'äö'",
    "'1 day'",
    "'1'::text",
    "null",
    "'{\"a\": 1}'",
    "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
    "E'a'",
    "'2021-01-01 10:00:00.6'",
    "'one'",
    "'a%'",
];

fn filled(shape: &str, random: &mut StdRng) -> String {
    let mut text = String::new();
    for character in shape.chars() {
        let number = character == '#' || character == '%' && random.random_bool(0.5);
        match character {
            '#' | '%' if number => text.push_str(NUMBERS.choose(random).unwrap()),
            '$' | '%' => text.push_str(STRINGS.choose(random).unwrap()),
            other => text.push(other),
        }
    }
    text
}

/// What a statement answers in a block of its own, and what the tables hold after it.
async fn outcome(client: &mut Client, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for text in ["begin", text, "table a order by i4 /**/", "table other order by id /**/", "rollback"] {
        found.push(client.query(text).await);
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_a_shape_gives_what_the_text_gives() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let made = client.query(TABLES).await;
    assert!(made.ends_with("C CREATE VIEW\nZ I"), "{made}");
    let mut random = StdRng::seed_from_u64(7);
    for shape in SHAPES {
        for _ in 0..ROUNDS {
            let text = filled(shape, &mut random);
            let kept = outcome(&mut client, &text).await;
            // A comment has no shape.
            let plain = outcome(&mut client, &format!("{text} /**/")).await;
            assert_eq!(kept, plain, "{text}");
        }
    }
    let metrics = &server.service.metrics;
    let [known, made, dropped] = [&metrics.shapes_known, &metrics.shapes_made, &metrics.shapes_dropped]
        .map(|counter| counter.load(Ordering::Relaxed));
    assert!(known > 500 && made > 200 && dropped > 0, "{known} known, {made} made, {dropped} dropped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_goes_with_what_it_depends_on() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client
        .check_all(&[
            ("create schema s; create table t (a int primary key, b text); create table s.t (a text, b int)", "C CREATE SCHEMA / C CREATE TABLE / C CREATE TABLE / Z I"),
            ("insert into t values (1, '01/02/2020')", "C INSERT 0 1 / Z I"),
            ("insert into s.t values ('1', 5)", "C INSERT 0 1 / Z I"),
            ("select b from t where a = 1", "T b:25 / D 01/02/2020 / C SELECT 1 / Z I"),
            ("select b from t where a = 2", "T b:25 / C SELECT 0 / Z I"),
            // Errors have their places in this text.
            ("select b from t where b = 'x' and a = 'y'", "E 22P02 invalid input syntax for type integer: \"y\" @39 / Z I"),
            ("select b from t where b = 'x' and a = '1'", "T b:25 / C SELECT 0 / Z I"),
            ("select b from t where b = 'xyz' and a = 'z'", "E 22P02 invalid input syntax for type integer: \"z\" @41 / Z I"),
            // The search path, a temporary table, a changed column.
            ("set search_path = s, public", "C SET / Z I"),
            ("select b from t where a = 1", "E 42883 operator does not exist: text = integer @25 / Z I"),
            ("select b from t where a = '1'", "T b:23 / D 5 / C SELECT 1 / Z I"),
            ("reset search_path", "C RESET / Z I"),
            ("select b from t where a = '1'", "T b:25 / D 01/02/2020 / C SELECT 1 / Z I"),
            ("create temp table t (a int, b bool)", "C CREATE TABLE / Z I"),
            ("select b from t where a = 1", "T b:16 / C SELECT 0 / Z I"),
            ("drop table t", "C DROP TABLE / Z I"),
            ("select b from t where a = 1", "T b:25 / D 01/02/2020 / C SELECT 1 / Z I"),
            ("alter table t alter b type date using b::date", "C ALTER TABLE / Z I"),
            ("select b from t where a = 1", "T b:1082 / D 2020-01-02 / C SELECT 1 / Z I"),
            ("select b from t where b = '01/02/2020'", "T b:1082 / D 2020-01-02 / C SELECT 1 / Z I"),
            ("set datestyle = dmy", "C SET / S DateStyle=ISO, DMY / Z I"),
            ("select b from t where b = '01/02/2020'", "T b:1082 / C SELECT 0 / Z I"),
            ("select b from t where b = '02/01/2020'", "T b:1082 / D 2020-01-02 / C SELECT 1 / Z I"),
            // Within a transaction that changes the schema, and after it took that back.
            ("begin", "C BEGIN / Z T"),
            ("alter table t add c int default 3", "C ALTER TABLE / Z T"),
            ("select * from t where a = 1", "T a:23 b:1082 c:23 / D 1|2020-01-02|3 / C SELECT 1 / Z T"),
            ("rollback", "C ROLLBACK / Z I"),
            ("select * from t where a = 1", "T a:23 b:1082 / D 1|2020-01-02 / C SELECT 1 / Z I"),
            // A block that failed.
            ("begin", "C BEGIN / Z T"),
            ("select * from t where a = 1", "T a:23 b:1082 / D 1|2020-01-02 / C SELECT 1 / Z T"),
            ("insert into t values (1, null)", "E 23505 duplicate key value violates unique constraint \"t_pkey\" / Z E"),
            ("select * from t where a = 1", "E 25P02 current transaction is aborted, commands ignored until end of transaction block / Z E"),
            ("rollback", "C ROLLBACK / Z I"),
            // What stays as it is written.
            ("select 'a' as x from t where a = 1", "T x:25 / D a / C SELECT 1 / Z I"),
            ("select 'b' as x from t where a = 1", "T x:25 / D b / C SELECT 1 / Z I"),
            ("select a, b from t where a < 9 order by 1 limit 1", "T a:23 b:1082 / D 1|2020-01-02 / C SELECT 1 / Z I"),
            ("select a, b from t where a < 9 order by 3 limit 1", "E 42P10 ORDER BY position 3 is not in select list @41 / Z I"),
            ("select a, b from t where a < 9 order by 1 limit 0", "T a:23 b:1082 / C SELECT 0 / Z I"),
            ("drop table t", "C DROP TABLE / Z I"),
            ("select b from t where a = 1", "E 42P01 relation \"t\" does not exist @15 / Z I"),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strings_that_mean_the_time_are_read_each_time() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.query("create table t (at timestamptz)").await;
    for _ in 0..3 {
        client.check_all(&[("insert into t values ('now')", "C INSERT 0 1 / Z I")]).await;
    }
    client.check_all(&[("select count(distinct at) from t", "T count:20 / D 3 / C SELECT 1 / Z I")]).await;
    let first = client.query("select 'now'::timestamptz").await;
    let second = client.query("select 'now'::timestamptz").await;
    assert_ne!(first, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_that_need_the_literal_are_used() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.query("create table t (a int, s text); create index on t (a) where s = 'open'").await;
    for state in ["'open'", "'shut'", "'open'"] {
        client.query(&format!("select a from t where a = 1 and s = {state}")).await;
    }
    assert_eq!(server.service.metrics.shapes_known.load(Ordering::Relaxed), 0);
}
