//! The simple protocol and transactions: statements and what comes back.

use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn statements_and_blocks() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client
        .check_all(&[
            ("", "I / Z I"),
            (" ; ; -- nothing", "I / Z I"),
            ("select 1 as a, 'x' as b", "T a:23 b:25 / D 1|x / C SELECT 1 / Z I"),
            ("select 1; select 2", "T ?column?:23 / D 1 / C SELECT 1 / T ?column?:23 / D 2 / C SELECT 1 / Z I"),
            ("selec 1", "E 42601 syntax error at or near \"selec\" @1 / Z I"),
            ("select 1; selec 2", "E 42601 syntax error at or near \"selec\" @11 / Z I"),
            ("select 1; ; select nope", "T ?column?:23 / D 1 / C SELECT 1 / E 42703 column \"nope\" does not exist @20 / Z I"),
            ("select $1", "E 42P02 there is no parameter $1 / Z I"),
            ("create table t (a int primary key, b text)", "C CREATE TABLE / Z I"),
            ("insert into t values (1, 'x'), (2, null)", "C INSERT 0 2 / Z I"),
            ("insert into t values (3, 'y') returning a", "T a:23 / D 3 / C INSERT 0 1 / Z I"),
            ("select * from t order by a", "T a:23 b:25 / D 1|x / D 2|~ / D 3|y / C SELECT 3 / Z I"),
            ("update t set b = 'z' where a > 1", "C UPDATE 2 / Z I"),
            ("delete from t where a = 9", "C DELETE 0 / Z I"),
            // An error takes back what came before it in the query.
            ("insert into t values (4); insert into t values (4)", "C INSERT 0 1 / E 23505 duplicate key value violates unique constraint \"t_pkey\" / Z I"),
            ("select count(*) from t", "T count:20 / D 3 / C SELECT 1 / Z I"),
            ("insert into t values (4); commit; selec", "E 42601 syntax error at or near \"selec\" @35 / Z I"),
            ("insert into t values (4); commit; insert into t values (4)", "C INSERT 0 1 / N 25P01 there is no transaction in progress / C COMMIT / E 23505 duplicate key value violates unique constraint \"t_pkey\" / Z I"),
            ("begin; insert into t values (5)", "C BEGIN / C INSERT 0 1 / Z T"),
            ("rollback; select count(*) from t", "C ROLLBACK / T count:20 / D 4 / C SELECT 1 / Z I"),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_commands() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client
        .check_all(&[
            ("create table t (a int primary key)", "C CREATE TABLE / Z I"),
            ("commit", "N 25P01 there is no transaction in progress / C COMMIT / Z I"),
            ("rollback", "N 25P01 there is no transaction in progress / C ROLLBACK / Z I"),
            ("savepoint s", "E 25P01 SAVEPOINT can only be used in transaction blocks / Z I"),
            ("begin", "C BEGIN / Z T"),
            ("start transaction", "N 25001 there is already a transaction in progress / C START TRANSACTION / Z T"),
            ("insert into t values (1)", "C INSERT 0 1 / Z T"),
            ("savepoint s", "C SAVEPOINT / Z T"),
            ("insert into t values (1)", "E 23505 duplicate key value violates unique constraint \"t_pkey\" / Z E"),
            ("select 1", "E 25P02 current transaction is aborted, commands ignored until end of transaction block / Z E"),
            ("rollback to nope", "E 3B001 savepoint \"nope\" does not exist / Z E"),
            ("rollback to savepoint s", "C ROLLBACK / Z T"),
            ("insert into t values (2)", "C INSERT 0 1 / Z T"),
            ("release s", "C RELEASE / Z T"),
            ("commit and chain", "C COMMIT / Z T"),
            ("select a from t order by a", "T a:23 / D 1 / D 2 / C SELECT 2 / Z T"),
            ("selec", "E 42601 syntax error at or near \"selec\" @1 / Z E"),
            ("commit", "C ROLLBACK / Z I"),
            ("begin read only", "C BEGIN / Z T"),
            ("insert into t values (3)", "E 25006 cannot execute INSERT in a read-only transaction / Z E"),
            ("end", "C ROLLBACK / Z I"),
            ("begin isolation level serializable; show transaction_isolation", "C BEGIN / T transaction_isolation:25 / D serializable / C SHOW / Z T"),
            ("select count(*) from t", "T count:20 / D 2 / C SELECT 1 / Z T"),
            ("set transaction isolation level read committed", "E 25001 SET TRANSACTION ISOLATION LEVEL must be called before any query / Z E"),
            ("abort", "C ROLLBACK / Z I"),
            ("begin; set local lock_timeout = 5; show lock_timeout", "C BEGIN / C SET / T lock_timeout:25 / D 5ms / C SHOW / Z T"),
            ("rollback; show lock_timeout", "C ROLLBACK / T lock_timeout:25 / D 0 / C SHOW / Z I"),
            ("prepare transaction 'x'", "E 0A000 PREPARE TRANSACTION is not supported / Z I"),
            ("commit prepared 'x'", "E 0A000 COMMIT PREPARED is not supported / Z I"),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_about_the_session() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client
        .check_all(&[
            ("set nope = 1", "E 42704 unrecognized configuration parameter \"nope\" / Z I"),
            ("set timezone to 'Europe/Berlin'", "C SET / S TimeZone=Europe/Berlin / Z I"),
            ("set time zone default; show timezone", "C SET / T TimeZone:25 / D UTC / C SHOW / S TimeZone=UTC / Z I"),
            ("set search_path to a, \"B\"; show search_path", "C SET / T search_path:25 / D a, \"B\" / C SHOW / Z I"),
            ("reset all; show search_path", "C RESET / T search_path:25 / D \"$user\", public / C SHOW / Z I"),
            ("set client_encoding = 'LATIN1'", "E 0A000 client_encoding LATIN1 is not supported / Z I"),
            ("set names 'utf8'", "C SET / Z I"),
            ("set session characteristics as transaction read only; show default_transaction_read_only", "C SET / T default_transaction_read_only:25 / D on / C SHOW / S default_transaction_read_only=on / Z I"),
            ("reset default_transaction_read_only", "C RESET / S default_transaction_read_only=off / Z I"),
            ("prepare p (int) as select $1 + 1 as x", "C PREPARE / Z I"),
            ("prepare p as select 1", "E 42P05 prepared statement \"p\" already exists / Z I"),
            ("execute p(41)", "T x:23 / D 42 / C SELECT 1 / Z I"),
            ("execute p", "E 42601 wrong number of parameters for prepared statement \"p\" / Z I"),
            ("deallocate p; execute p(1)", "C DEALLOCATE / E 26000 prepared statement \"p\" does not exist / Z I"),
            ("declare c cursor for select 1", "E 25P01 DECLARE CURSOR can only be used in transaction blocks / Z I"),
            ("begin; declare c cursor for select * from generate_series(1, 5) as g", "C BEGIN / C DECLARE CURSOR / Z T"),
            ("fetch 2 from c", "T g:23 / D 1 / D 2 / C FETCH 2 / Z T"),
            ("move c", "C MOVE 1 / Z T"),
            ("fetch all c", "T g:23 / D 4 / D 5 / C FETCH 2 / Z T"),
            ("fetch c", "T g:23 / C FETCH 0 / Z T"),
            ("close c; commit; fetch c", "C CLOSE CURSOR / C COMMIT / E 34000 cursor \"c\" does not exist / Z I"),
            ("begin; declare s scroll cursor for select * from generate_series(1, 3) as g", "C BEGIN / C DECLARE CURSOR / Z T"),
            ("fetch last s", "T g:23 / D 3 / C FETCH 1 / Z T"),
            ("fetch backward 5 s", "T g:23 / D 2 / D 1 / C FETCH 2 / Z T"),
            ("fetch absolute 2 s; move relative 0 s", "T g:23 / D 2 / C FETCH 1 / C MOVE 1 / Z T"),
            ("rollback", "C ROLLBACK / Z I"),
            ("declare h cursor with hold for select 7 as x", "C DECLARE CURSOR / Z I"),
            ("fetch h; close all", "T x:23 / D 7 / C FETCH 1 / C CLOSE CURSOR ALL / Z I"),
            ("discard all", "C DISCARD ALL / Z I"),
            ("begin; discard all", "C BEGIN / E 25001 DISCARD ALL cannot run inside a transaction block / Z E"),
            ("rollback", "C ROLLBACK / Z I"),
            ("do $$ begin end $$", "E 0A000 DO is not supported / Z I"),
            ("vacuum nope", "E 42P01 relation \"nope\" does not exist / Z I"),
            ("create table t (a int); vacuum", "C CREATE TABLE / E 25001 VACUUM cannot be executed within a pipeline / Z I"),
            ("create table t (a int)", "C CREATE TABLE / Z I"),
            ("vacuum t", "C VACUUM / Z I"),
            (
                "vacuum analyze t",
                "N 00000 ANALYZE has no effect: plans are made without statistics / C VACUUM / Z I",
            ),
            ("checkpoint", "C CHECKPOINT / Z I"),
            (
                "begin; checkpoint",
                "C BEGIN / E 25001 CHECKPOINT cannot run inside a transaction block / Z E",
            ),
            ("rollback", "C ROLLBACK / Z I"),
            ("explain analyze select 1", "E 0A000 EXPLAIN ANALYZE is not supported / Z I"),
            ("lock table t", "E 25P01 LOCK TABLE can only be used in transaction blocks / Z I"),
            ("create database other", "C CREATE DATABASE / Z I"),
            ("create database other", "E 42P04 database \"other\" already exists / Z I"),
            ("drop database bole", "E 55006 cannot drop the currently open database / Z I"),
            ("drop database other; ", "C DROP DATABASE / Z I"),
            ("drop database if exists other", "N 00000 database \"other\" does not exist, skipping / C DROP DATABASE / Z I"),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_come_after_the_commit() {
    let server = Server::start().await;
    let (mut listener, mut sender) = (server.client().await, server.client().await);
    listener
        .check_all(&[
            ("listen ch", "C LISTEN / Z I"),
            ("listen other; unlisten other", "C LISTEN / C UNLISTEN / Z I"),
        ])
        .await;
    sender
        .check_all(&[
            ("begin; notify ch, 'no'; rollback", "C BEGIN / C NOTIFY / C ROLLBACK / Z I"),
            ("notify other", "C NOTIFY / Z I"),
            (
                "begin; notify ch, 'a'; notify ch, 'a'; notify ch; commit",
                "C BEGIN / C NOTIFY / C NOTIFY / C NOTIFY / C COMMIT / Z I",
            ),
        ])
        .await;
    assert_eq!(listener.until(b'A').await, "A ch a");
    assert_eq!(listener.until(b'A').await, "A ch ");
    listener.check_all(&[("notify ch, 'own'", "C NOTIFY / A ch own / Z I")]).await;
}

/// Infinity is within any reach of itself, as in PostgreSQL; sorting and grouping by what is always the same is no place of an output.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_infinite_or_constant() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let said = client
        .query(
            "create table k (id int primary key, at timestamp, d date); \
             insert into k values (1, '-infinity', '-infinity'), (2, '2024-01-01', '2024-01-01'), (3, '2024-01-03', '2024-01-03'), \
             (4, 'infinity', 'infinity'), (5, 'infinity', 'infinity')",
        )
        .await;
    assert!(said.contains("C INSERT 0 5"), "{said}");
    let windows = [
        ("order by at range between '1 day' following and '5 days' following", "1 1 0 2 2"),
        ("order by at desc range between '5 days' preceding and '1 day' preceding", "1 1 0 2 2"),
        ("order by d range between '1 day' following and unbounded following", "5 3 2 2 2"),
        ("order by at range between '1 day' preceding and '2 days' following", "1 2 1 2 2"),
        ("order by at range between '1 day' preceding and current row", "1 1 1 2 2"),
    ];
    for (window, counts) in windows {
        let sql = format!("select count(*) over ({window}) as n, id from k order by id");
        let rows: Vec<String> =
            counts.split(' ').enumerate().map(|(at, count)| format!("D {count}|{}", at + 1)).collect();
        let said = client.query(&sql).await.replace('\n', " / ");
        assert_eq!(said, format!("T n:20 id:23 / {} / C SELECT 5 / Z I", rows.join(" / ")), "{window}");
    }
    client
        .check_all(&[
            ("select count(*) as n from k group by (id, 'x') is null", "T n:20 / D 5 / C SELECT 1 / Z I"),
            ("select count(*) as n from k group by 'x' is null", "T n:20 / D 5 / C SELECT 1 / Z I"),
            (
                "select id from k where id < 3 order by (id, 'x') is null, 'x' is null, id desc",
                "T id:23 / D 2 / D 1 / C SELECT 2 / Z I",
            ),
            (
                "select timestamp '294276-01-01' - timestamp '4713-01-01 BC' as a",
                "T a:1186 / D -104300858 days -08:01:49.551616 / C SELECT 1 / Z I",
            ),
            ("create schema s; create view s.w as select id from k", "C CREATE SCHEMA / C CREATE VIEW / Z I"),
            ("select s.w.id from s.w where w.id = 2", "T id:23 / D 2 / C SELECT 1 / Z I"),
        ])
        .await;
}

/// What JDBC's driver asks of keys.
#[tokio::test(flavor = "multi_thread")]
async fn elements_with_their_numbers() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client
        .check_all(&[
            (
                "select (information_schema._pg_expandarray('{7,5}'::int2[])).n as n, (information_schema._pg_expandarray('{7,5}'::int2[])).x as x",
                "T n:23 x:21 / D 1|7 / D 2|5 / C SELECT 2 / Z I",
            ),
            (
                "select (q.k).x, (q.k).n + 1 as m from (select information_schema._pg_expandarray('{7,5,null}'::int2[]) as k) q where (q.k).n > 1",
                "T x:21 m:23 / D 5|3 / D ~|4 / C SELECT 2 / Z I",
            ),
            (
                "select (q.k).z from (select information_schema._pg_expandarray('{7,5}'::int2[]) as k) q",
                "E 42703 could not identify column \"z\" in record data type @9 / Z I",
            ),
            ("create table k (a int, b text, c int, primary key (c, a))", "C CREATE TABLE / Z I"),
            (
                "select a.attname, (i.keys).n from pg_attribute a join (select indrelid, information_schema._pg_expandarray(indkey) as keys \
                 from pg_index where indisprimary) i on a.attnum = (i.keys).x and a.attrelid = i.indrelid order by 2",
                "T attname:19 n:23 / D c|1 / D a|2 / C SELECT 2 / Z I",
            ),
        ])
        .await;
}

/// SQLite takes an explicit collation anywhere in a function's arguments or a `CASE` for that of the whole.
#[tokio::test(flavor = "multi_thread")]
async fn text_is_in_its_own_order_whatever_it_depends_on() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let setup = "create table n (id int primary key, n numeric, b char(3), t text);\
                 insert into n values (1, 1, 'x', 'ab'), (2, 2, 'x', 'aaa'), (3, 3, 'y', 'b')";
    client.check_all(&[(setup, "C CREATE TABLE / C INSERT 0 3 / Z I")]).await;
    let word = "case when n = 1 then 'ab' else 'aaa' end";
    let blank = "case when b = 'x' then 'a ' else 'a' end";
    for (select, rows) in [
        (format!("select id from n order by {word}, id"), "2 3 1"),
        (format!("select id from n order by {word} desc, id"), "1 2 3"),
        (format!("select id from (select id, {word} as w from n) s order by w, id"), "2 3 1"),
        (format!("with s as (select id, {word} as w from n) select id from s order by w desc, id"), "1 2 3"),
        (format!("select id from n where {word} < 'ab' order by id"), "2 3"),
        (format!("select id from n where 'ab' > {word} order by id"), "2 3"),
        (format!("select id from n where t > {word} order by id"), "3"),
        (format!("select id from n where (t, id) > ({word}, 1) order by id"), "2 3"),
        (format!("select id from n where {word} between 'aa' and 'ab' order by id"), "1 2 3"),
        (format!("select max({word}) from n"), "ab"),
        (format!("select min({word}) from n"), "aaa"),
        (format!("select greatest({word}, 'aab') from n where id = 1"), "ab"),
        (format!("select rank() over (order by {word}) from n order by id"), "3 1 1"),
        (format!("select string_agg(id::text, '' order by {word}, id) from n"), "231"),
        (format!("select {word} from n union all select 'aab' order by 1"), "aaa aaa aab ab"),
        (
            "select w from (values (case when 1.0 = 1 then 'ab' else 'x' end), ('aab')) s(w) order by w"
                .to_owned(),
            "aab ab",
        ),
        ("select id from n order by repeat(t, greatest(n, 1.0)::int4), id".to_owned(), "2 1 3"),
        (format!("select count(*) from (select distinct {blank} from n) s"), "2"),
        (format!("select count(distinct {blank}) from n"), "2"),
        (format!("select count(*) from (select {blank} from n group by 1) s"), "2"),
        (format!("select id from n where {blank} = 'a' order by id"), "3"),
        (format!("select id from n where 'a' = {blank} order by id"), "3"),
        (format!("select id from n where {blank} in ('a') order by id"), "3"),
        (format!("select id from n where {blank} in (select 'a') order by id"), "3"),
        (format!("select id from n where 'a ' in (select {blank} from n) and id = 1"), "1"),
        (format!("select count(*) from (select {blank} from n union select 'a  ') s"), "3"),
        (format!("select count(*) from (select {blank} from n except select 'a') s"), "1"),
        (format!("select case {blank} when 'a' then 1 else 2 end from n order by id"), "2 2 1"),
        (format!("select nullif({blank}, 'a') is null from n order by id"), "f f t"),
        (format!("select {blank} is distinct from 'a' from n order by id"), "t t f"),
    ] {
        let said = client.query(&select).await;
        let got: Vec<&str> = said.lines().filter_map(|part| part.strip_prefix("D ")).collect();
        assert_eq!(got.join(" "), rows, "{select}: {said}");
    }
}
