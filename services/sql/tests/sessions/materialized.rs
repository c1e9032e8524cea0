//! Materialized views, as PostgreSQL 15 answers.

use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn materialized_views_have_the_rows_of_their_last_refresh() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client
        .check_all(&[
            ("create table t (a int, b text)", "C CREATE TABLE / Z I"),
            ("insert into t values (1, 'x'), (2, 'y'), (2, 'z')", "C INSERT 0 3 / Z I"),
            ("create materialized view m as select a, count(*) as n from t group by a", "C SELECT 2 / Z I"),
            ("create materialized view m as select 1", "E 42P07 relation \"m\" already exists / Z I"),
            ("create materialized view if not exists m as select 1", "N 42P07 relation \"m\" already exists, skipping / C CREATE MATERIALIZED VIEW / Z I"),
            ("insert into t values (3, 'w')", "C INSERT 0 1 / Z I"),
            ("select * from m order by a", "T a:23 n:20 / D 1|1 / D 2|2 / C SELECT 2 / Z I"),
            ("refresh materialized view m", "C REFRESH MATERIALIZED VIEW / Z I"),
            ("select * from m order by a", "T a:23 n:20 / D 1|1 / D 2|2 / D 3|1 / C SELECT 3 / Z I"),
            ("refresh materialized view concurrently m", "E 55000 cannot refresh materialized view \"public.m\" concurrently / Z I"),
            ("create unique index m_a on m (a)", "C CREATE INDEX / Z I"),
            ("create index on m (n)", "C CREATE INDEX / Z I"),
            ("refresh materialized view concurrently m with no data", "E 42601 CONCURRENTLY and WITH NO DATA options cannot be used together / Z I"),
            ("delete from t where a = 1", "C DELETE 1 / Z I"),
            ("refresh materialized view concurrently m", "C REFRESH MATERIALIZED VIEW / Z I"),
            ("select * from m order by a", "T a:23 n:20 / D 2|2 / D 3|1 / C SELECT 2 / Z I"),
            // A refresh is undone like anything else.
            ("begin; insert into t values (9, ''); refresh materialized view m; rollback; select count(*) from m", "C BEGIN / C INSERT 0 1 / C REFRESH MATERIALIZED VIEW / C ROLLBACK / T count:20 / D 2 / C SELECT 1 / Z I"),
            ("create materialized view k (w) as select b from t", "C SELECT 3 / Z I"),
            ("create unique index on k (w)", "C CREATE INDEX / Z I"),
            ("update t set b = 'y'", "C UPDATE 3 / Z I"),
            ("refresh materialized view k", "E 23505 could not create unique index \"k_w_idx\" / Z I"),
            ("select * from k order by 1", "T w:25 / D w / D y / D z / C SELECT 3 / Z I"),
            ("refresh materialized view m with no data", "C REFRESH MATERIALIZED VIEW / Z I"),
            ("select * from m", "E 55000 materialized view \"m\" has not been populated / Z I"),
            ("create view v as select a from m", "C CREATE VIEW / Z I"),
            ("select * from v", "E 55000 materialized view \"m\" has not been populated / Z I"),
            ("create table from_m as select * from m", "E 55000 materialized view \"m\" has not been populated / Z I"),
            ("refresh materialized view concurrently m", "E 0A000 CONCURRENTLY cannot be used when the materialized view is not populated / Z I"),
            ("create materialized view e as select 1 as a with no data", "C CREATE MATERIALIZED VIEW / Z I"),
            ("select matviewname, hasindexes, ispopulated from pg_matviews order by 1", "T matviewname:19 hasindexes:16 ispopulated:16 / D e|f|f / D k|t|t / D m|t|f / C SELECT 3 / Z I"),
            ("refresh materialized view m; select * from v order by 1", "C REFRESH MATERIALIZED VIEW / T a:23 / D 2 / D 3 / C SELECT 2 / Z I"),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn materialized_views_are_no_tables() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client
        .check_all(&[
            ("create table t (a int primary key, b text)", "C CREATE TABLE / Z I"),
            ("create view q as select public.t.a from public.t where public.t.a > 0; select * from q; drop view q", "C CREATE VIEW / T a:23 / C SELECT 0 / C DROP VIEW / Z I"),
            ("create materialized view m as select a, b from t", "C SELECT 0 / Z I"),
            ("insert into m values (1)", "E 42809 cannot change materialized view \"m\" / Z I"),
            ("update m set a = 1", "E 42809 cannot change materialized view \"m\" / Z I"),
            ("delete from m", "E 42809 cannot change materialized view \"m\" / Z I"),
            ("truncate m", "E 42809 \"m\" is not a table / Z I"),
            ("drop table m", "E 42809 \"m\" is not a table / Z I"),
            ("drop view m", "E 42809 \"m\" is not a view / Z I"),
            ("drop materialized view t", "E 42809 \"t\" is not a materialized view / Z I"),
            ("refresh materialized view t", "E 0A000 \"t\" is not a materialized view / Z I"),
            ("refresh materialized view nope", "E 42P01 relation \"nope\" does not exist / Z I"),
            ("drop materialized view nope", "E 42P01 materialized view \"nope\" does not exist / Z I"),
            ("drop materialized view if exists nope", "N 00000 materialized view \"nope\" does not exist, skipping / C DROP MATERIALIZED VIEW / Z I"),
            ("drop table t", "E 2BP01 cannot drop table t because other objects depend on it / Z I"),
            ("alter table t drop column b", "E 2BP01 cannot drop column b of table t because other objects depend on it / Z I"),
            ("alter table t alter a type bigint", "E 0A000 cannot alter type of a column used by a view or rule / Z I"),
            ("create temp table tt (a int); create materialized view x as select * from tt", "C CREATE TABLE / E 0A000 materialized views must not use temporary tables or views / Z I"),
            ("comment on materialized view m is 'kept'", "C COMMENT / Z I"),
            ("select relkind, relispopulated, obj_description(oid) from pg_class where relname = 'm'", "T relkind:18 relispopulated:16 obj_description:25 / D m|t|kept / C SELECT 1 / Z I"),
            ("select count(*) from pg_tables where tablename = 'm'", "T count:20 / D 0 / C SELECT 1 / Z I"),
            ("select count(*) from information_schema.tables where table_name = 'm'", "T count:20 / D 0 / C SELECT 1 / Z I"),
            ("select count(*) from information_schema.columns where table_name = 'm'", "T count:20 / D 0 / C SELECT 1 / Z I"),
            ("select pg_get_viewdef('m'::regclass)", "T pg_get_viewdef:25 / D  SELECT a,\\n    b\\n   FROM t; / C SELECT 1 / Z I"),
            ("alter materialized view m rename to m2; alter materialized view m2 rename column b to c; alter table t rename to t2", "C ALTER MATERIALIZED VIEW / C ALTER MATERIALIZED VIEW / C ALTER TABLE / Z I"),
            ("insert into t2 values (1, 'x'); refresh materialized view m2; select c from m2", "C INSERT 0 1 / C REFRESH MATERIALIZED VIEW / T c:25 / D x / C SELECT 1 / Z I"),
            ("create view v as select c from m2", "C CREATE VIEW / Z I"),
            ("drop materialized view m2", "E 2BP01 cannot drop materialized view m2 because other objects depend on it / Z I"),
            ("drop table t2 cascade", "N 00000 drop cascades to 2 other objects / C DROP TABLE / Z I"),
            ("select count(*) from pg_class where relname in ('m2', 'v')", "T count:20 / D 0 / C SELECT 1 / Z I"),
        ])
        .await;
}
