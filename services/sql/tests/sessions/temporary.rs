//! Temporary tables, views and sequences: what their session does with them, and what others see of it. Answers are those of PostgreSQL 15.

use bole_sql::config::Config;

use crate::server::Server;

/// The client, what it asks, and what comes back.
type Asked = (char, &'static str, &'static str);

const TABLES: &[Asked] = &[
    (
        'a',
        "create table kept (id int primary key, name text); insert into kept values (1, 'one'), (2, 'two')",
        "C CREATE TABLE / C INSERT 0 2 / Z I",
    ),
    (
        'a',
        "create temp table t (id serial primary key, k int not null, v text default 'x', check (k > 0), unique (v))",
        "C CREATE TABLE / Z I",
    ),
    (
        'a',
        "insert into t (k, v) values (1, 'a'), (2, 'b') returning id",
        "T id:23 / D 1 / D 2 / C INSERT 0 2 / Z I",
    ),
    (
        'a',
        "insert into t (k, v) values (0, 'c')",
        "E 23514 new row for relation \"t\" violates check constraint \"t_k_check\" / Z I",
    ),
    (
        'a',
        "insert into t (k, v) values (3, 'b')",
        "E 23505 duplicate key value violates unique constraint \"t_v_key\" / Z I",
    ),
    (
        'a',
        "insert into t (k) values (null)",
        "E 23502 null value in column \"k\" of relation \"t\" violates not-null constraint / Z I",
    ),
    (
        'a',
        "select t.id, name from t join kept on kept.id = t.k order by 1",
        "T id:23 name:25 / D 1|one / D 2|two / C SELECT 2 / Z I",
    ),
    (
        'a',
        "insert into kept select 10 + k, v from t; select count(*) from kept",
        "C INSERT 0 2 / T count:20 / D 4 / C SELECT 1 / Z I",
    ),
    (
        'a',
        "update t set v = v || '!' where k = 2; delete from t where k = 1",
        "C UPDATE 1 / C DELETE 1 / Z I",
    ),
    ('a', "select * from t", "T id:23 k:23 v:25 / D 2|2|b! / C SELECT 1 / Z I"),
    ('b', "select * from t", "E 42P01 relation \"t\" does not exist @15 / Z I"),
    (
        'b',
        "create temp table t (z text); insert into t values ('mine'); select * from t",
        "C CREATE TABLE / C INSERT 0 1 / T z:25 / D mine / C SELECT 1 / Z I",
    ),
    ('a', "select * from t", "T id:23 k:23 v:25 / D 2|2|b! / C SELECT 1 / Z I"),
    (
        'a',
        "select relpersistence, relkind, relname from pg_class where relname in ('t', 't_pkey', 't_id_seq', 't_v_key', 'kept') and pg_table_is_visible(oid) order by relname",
        "T relpersistence:18 relkind:18 relname:19 / D p|r|kept / D t|r|t / D t|S|t_id_seq / D t|i|t_pkey / D t|i|t_v_key / C SELECT 5 / Z I",
    ),
    (
        'a',
        "select table_type, commit_action from information_schema.tables where table_name = 't' and table_schema like 'pg_temp%'",
        "T table_type:1043 commit_action:1043 / D LOCAL TEMPORARY|~ / C SELECT 1 / Z I",
    ),
    (
        'a',
        "select nspname like 'pg_temp_%' from pg_namespace where oid = pg_my_temp_schema()",
        "T ?column?:16 / D t / C SELECT 1 / Z I",
    ),
    (
        'a',
        "select 't'::regclass, pg_table_is_visible('t'::regclass)",
        "T regclass:2205 pg_table_is_visible:16 / D t|t / C SELECT 1 / Z I",
    ),
    (
        'a',
        "select column_name, column_default from information_schema.columns where table_name = 't' order by ordinal_position",
        "T column_name:19 column_default:1043 / D id|nextval('t_id_seq'::regclass) / D k|~ / D v|'x'::text / C SELECT 3 / Z I",
    ),
];

const SCHEMAS: &[Asked] = &[
    (
        'a',
        "create table kept2 (a int); create temp table kept2 (b text); select * from kept2",
        "C CREATE TABLE / C CREATE TABLE / T b:25 / C SELECT 0 / Z I",
    ),
    ('a', "select * from public.kept2", "T a:23 / C SELECT 0 / Z I"),
    (
        'a',
        "insert into kept2 values ('own'); insert into public.kept2 values (7); select b, a from kept2, public.kept2 p",
        "C INSERT 0 1 / C INSERT 0 1 / T b:25 a:23 / D own|7 / C SELECT 1 / Z I",
    ),
    (
        'a',
        "drop table kept2; select * from kept2; drop table kept2",
        "C DROP TABLE / T a:23 / D 7 / C SELECT 1 / C DROP TABLE / Z I",
    ),
    ('a', "create temp table t (a int)", "E 42P07 relation \"t\" already exists / Z I"),
    (
        'a',
        "create temp table if not exists t (a int)",
        "N 42P07 relation \"t\" already exists, skipping / C CREATE TABLE / Z I",
    ),
    (
        'a',
        "create temp table public.u (a int)",
        "E 42P16 cannot create temporary relation in non-temporary schema / Z I",
    ),
    (
        'a',
        "create table pg_temp.u (a int); select * from pg_temp.u",
        "C CREATE TABLE / T a:23 / C SELECT 0 / Z I",
    ),
    (
        'a',
        "create table u (a int) on commit drop",
        "E 42P16 ON COMMIT can only be used on temporary tables / Z I",
    ),
    (
        'a',
        "create temp table f (a int references kept)",
        "E 42P16 constraints on temporary tables may reference only temporary tables / Z I",
    ),
];

const DEPENDENT: &[Asked] = &[
    (
        'a',
        "create temp table parent (id int primary key); create temp table child (p int references parent on delete cascade)",
        "C CREATE TABLE / C CREATE TABLE / Z I",
    ),
    (
        'a',
        "insert into child values (1)",
        "E 23503 insert or update on table \"child\" violates foreign key constraint \"child_p_fkey\" / Z I",
    ),
    (
        'a',
        "insert into parent values (1); insert into child values (1); delete from parent; select count(*) from child",
        "C INSERT 0 1 / C INSERT 0 1 / C DELETE 1 / T count:20 / D 0 / C SELECT 1 / Z I",
    ),
    (
        'a',
        "create table perm (a int references parent)",
        "E 42P16 constraints on permanent tables may reference only permanent tables / Z I",
    ),
    ('a', "drop table parent", "E 2BP01 cannot drop table parent because other objects depend on it / Z I"),
    (
        'a',
        "drop table parent cascade; insert into child values (9)",
        "N 00000 drop cascades to constraint child_p_fkey on table child / C DROP TABLE / C INSERT 0 1 / Z I",
    ),
    (
        'a',
        "alter table child add column q int not null default 5; alter table child add constraint c check (p < 100); select * from child",
        "C ALTER TABLE / C ALTER TABLE / T p:23 q:23 / D 9|5 / C SELECT 1 / Z I",
    ),
    (
        'a',
        "insert into child values (100)",
        "E 23514 new row for relation \"child\" violates check constraint \"c\" / Z I",
    ),
    (
        'a',
        "alter table child rename to kid; alter table kid rename column q to r; create index on kid (r); create unique index kid_p on kid (p)",
        "C ALTER TABLE / C ALTER TABLE / C CREATE INDEX / C CREATE INDEX / Z I",
    ),
    (
        'a',
        "insert into kid values (9)",
        "E 23505 duplicate key value violates unique constraint \"kid_p\" / Z I",
    ),
    (
        'a',
        "select indexname from pg_indexes where tablename = 'kid' order by 1",
        "T indexname:19 / D kid_p / D kid_r_idx / C SELECT 2 / Z I",
    ),
    (
        'a',
        "alter table kid set schema public",
        "E 0A000 cannot move objects into or out of temporary schemas / Z I",
    ),
    ('a', "truncate kid; select count(*) from kid", "C TRUNCATE TABLE / T count:20 / D 0 / C SELECT 1 / Z I"),
    (
        'a',
        "create view v as select * from kid",
        "N 00000 view \"v\" will be a temporary view / C CREATE VIEW / Z I",
    ),
    (
        'a',
        "create temp view w as select id from kept; select count(*) from w",
        "C CREATE VIEW / T count:20 / D 4 / C SELECT 1 / Z I",
    ),
    (
        'a',
        "create view public.vv as select * from kid",
        "E 42P16 cannot create temporary relation in non-temporary schema / Z I",
    ),
    ('a', "drop table kid", "E 2BP01 cannot drop table kid because other objects depend on it / Z I"),
    ('a', "drop table kid cascade", "N 00000 drop cascades to view v / C DROP TABLE / Z I"),
    (
        'a',
        "create temp sequence s start 5; select nextval('s'), nextval('s'), currval('s')",
        "C CREATE SEQUENCE / T nextval:20 nextval:20 currval:20 / D 5|6|6 / C SELECT 1 / Z I",
    ),
    (
        'a',
        "create sequence s2; create temp table d (a int default nextval('s'), b int generated always as identity); insert into d default values; insert into d default values; select * from d",
        "C CREATE SEQUENCE / C CREATE TABLE / C INSERT 0 1 / C INSERT 0 1 / T a:23 b:23 / D 7|1 / D 8|2 / C SELECT 2 / Z I",
    ),
    (
        'a',
        "create temp table made (x, y) as select id, name from kept where id < 10; select * from made order by x",
        "C SELECT 2 / T x:23 y:25 / D 1|one / D 2|two / C SELECT 2 / Z I",
    ),
    (
        'a',
        "select id into temp into_t from kept; select count(*) from into_t",
        "C SELECT 4 / T count:20 / D 4 / C SELECT 1 / Z I",
    ),
    (
        'a',
        "create temp table nodata as select 1 as a with no data; select * from nodata",
        "C CREATE TABLE AS / T a:23 / C SELECT 0 / Z I",
    ),
];

const TRANSACTIONS: &[Asked] = &[
    (
        'a',
        "begin; create temp table dr (a int) on commit drop; insert into dr values (1); select * from dr",
        "C BEGIN / C CREATE TABLE / C INSERT 0 1 / T a:23 / D 1 / C SELECT 1 / Z T",
    ),
    ('a', "commit; select * from dr", "C COMMIT / E 42P01 relation \"dr\" does not exist @23 / Z I"),
    (
        'a',
        "create temp table del (a int) on commit delete rows; insert into del values (1); select * from del",
        "C CREATE TABLE / C INSERT 0 1 / T a:23 / D 1 / C SELECT 1 / Z I",
    ),
    (
        'a',
        "begin; insert into del values (1), (2); select count(*) from del",
        "C BEGIN / C INSERT 0 2 / T count:20 / D 2 / C SELECT 1 / Z T",
    ),
    ('a', "commit; select count(*) from del", "C COMMIT / T count:20 / D 0 / C SELECT 1 / Z I"),
    (
        'a',
        "create temp table pre (a int) on commit preserve rows; insert into pre values (1); select * from pre",
        "C CREATE TABLE / C INSERT 0 1 / T a:23 / D 1 / C SELECT 1 / Z I",
    ),
    (
        'a',
        "begin; create temp table rb (a int); insert into rb values (1); insert into pre values (2); drop table made; rollback; select count(*) from pre; select count(*) from made",
        "C BEGIN / C CREATE TABLE / C INSERT 0 1 / C INSERT 0 1 / C DROP TABLE / C ROLLBACK / T count:20 / D 1 / C SELECT 1 / T count:20 / D 2 / C SELECT 1 / Z I",
    ),
    ('a', "select * from rb", "E 42P01 relation \"rb\" does not exist @15 / Z I"),
    (
        'a',
        "begin; savepoint x; create temp table sp (a int); insert into sp values (1); rollback to x; create temp table sp (b text); insert into sp values ('k'); insert into pre values (3); commit; select * from sp",
        "C BEGIN / C SAVEPOINT / C CREATE TABLE / C INSERT 0 1 / C ROLLBACK / C CREATE TABLE / C INSERT 0 1 / C INSERT 0 1 / C COMMIT / T b:25 / D k / C SELECT 1 / Z I",
    ),
    (
        'a',
        "begin; insert into pre values (4); savepoint x; insert into pre values (5); insert into pre select 1/0",
        "C BEGIN / C INSERT 0 1 / C SAVEPOINT / C INSERT 0 1 / E 22012 division by zero / Z E",
    ),
    (
        'a',
        "rollback to x; insert into pre values (6); commit; select * from pre order by 1",
        "C ROLLBACK / C INSERT 0 1 / C COMMIT / T a:23 / D 1 / D 3 / D 4 / D 6 / C SELECT 4 / Z I",
    ),
    (
        'a',
        "begin read only; insert into pre values (7); update pre set a = 8 where a = 7; insert into kept values (99, 'no')",
        "C BEGIN / C INSERT 0 1 / C UPDATE 1 / E 25006 cannot execute INSERT in a read-only transaction / Z E",
    ),
    (
        'a',
        "rollback; begin read only; create temp table ro (a int)",
        "C ROLLBACK / C BEGIN / E 25006 cannot execute CREATE TABLE in a read-only transaction / Z E",
    ),
    ('a', "rollback", "C ROLLBACK / Z I"),
    (
        'a',
        "comment on table pre is 'mine'; select obj_description('pre'::regclass)",
        "C COMMENT / T obj_description:25 / D mine / C SELECT 1 / Z I",
    ),
    (
        'a',
        "discard temp; select * from pre",
        "C DISCARD TEMP / E 42P01 relation \"pre\" does not exist @29 / Z I",
    ),
    (
        'a',
        "create temp table pre (z int); select * from pre; discard all; select * from pre",
        "E 42P07 relation \"pre\" already exists / Z I",
    ),
    (
        'a',
        "select current_schema, current_schemas(false)",
        "T current_schema:19 current_schemas:1003 / D public|{public} / C SELECT 1 / Z I",
    ),
    (
        'a',
        "set search_path = pg_temp, public; create table hidden (a int); select relpersistence from pg_class where relname = 'hidden'",
        "C SET / C CREATE TABLE / T relpersistence:18 / D t / C SELECT 1 / Z I",
    ),
    (
        'a',
        "reset search_path; create temp table g (like kept including all); insert into g values (1, 'x'); insert into g values (1, 'y')",
        "C RESET / C CREATE TABLE / C INSERT 0 1 / E 23505 duplicate key value violates unique constraint \"g_pkey\" / Z I",
    ),
    (
        'a',
        "create local temporary table lt (a int); create temporary view tv as select * from lt; drop view tv; drop table lt",
        "C CREATE TABLE / C CREATE VIEW / C DROP VIEW / C DROP TABLE / Z I",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn temporary_objects_are_those_of_their_session() {
    let server = Server::start().await;
    let mut clients = [server.client().await, server.client().await];
    let mut different = Vec::new();
    for (who, sql, expected) in [TABLES, SCHEMAS, DEPENDENT, TRANSACTIONS].into_iter().flatten() {
        let client = &mut clients[usize::from(*who == 'b')];
        let found = client.query(sql).await.replace('\n', " / ");
        if found != *expected {
            different.push(format!("{who}: {sql}\n   found {found}\nexpected {expected}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sessions_are_kept_out_and_let_on() {
    let server = Server::start().await;
    let (mut own, mut other) = (server.client().await, server.client().await);
    own.check_all(&[
        ("create table kept (a int); insert into kept values (1)", "C CREATE TABLE / C INSERT 0 1 / Z I"),
        ("create temp view v as select a from kept", "C CREATE VIEW / Z I"),
        ("prepare p as select a from kept", "C PREPARE / Z I"),
        ("execute p", "T a:23 / D 1 / C SELECT 1 / Z I"),
    ])
    .await;
    other
        .check_all(&[
            ("drop table kept", "E 2BP01 cannot drop table kept because temporary objects of other sessions depend on it / Z I"),
            ("alter table kept add b int", "E 55006 cannot change table \"kept\" because temporary objects of other sessions use it / Z I"),
            ("insert into kept values (2)", "C INSERT 0 1 / Z I"),
        ])
        .await;
    own.check_all(&[
        ("select count(*) from v", "T count:20 / D 2 / C SELECT 1 / Z I"),
        // What is prepared finds the name that comes first now, and afterwards the other one again.
        ("create temp table kept (a int); execute p", "C CREATE TABLE / T a:23 / C SELECT 0 / Z I"),
        (
            "create temp table t (a int); drop table kept; execute p",
            "C CREATE TABLE / C DROP TABLE / T a:23 / D 1 / D 2 / C SELECT 2 / Z I",
        ),
        (
            "begin isolation level repeatable read; select count(*) from kept",
            "C BEGIN / T count:20 / D 2 / C SELECT 1 / Z T",
        ),
    ])
    .await;
    other.check_all(&[("insert into kept values (3)", "C INSERT 0 1 / Z I")]).await;
    own.check_all(&[
        ("select count(*) from kept, (select count(*) from t) as c", "T count:20 / D 2 / C SELECT 1 / Z T"),
        // The ticket comes too late for what the transaction has seen.
        ("insert into t values (1)", "E 40001 could not serialize access due to concurrent update / Z E"),
        ("rollback; insert into t select a from kept; drop view v; select count(*) from t", "C ROLLBACK / C INSERT 0 3 / C DROP VIEW / T count:20 / D 3 / C SELECT 1 / Z I"),
        ("begin; declare c cursor for select a from t order by a; fetch c; insert into t values (9); fetch c; commit", "C BEGIN / C DECLARE CURSOR / T a:23 / D 1 / C FETCH 1 / C INSERT 0 1 / T a:23 / D 2 / C FETCH 1 / C COMMIT / Z I"),
        ("copy t to stdout", "H 0 / d \"1\\n\" / d \"2\\n\" / d \"3\\n\" / d \"9\\n\" / c / C COPY 4 / Z I"),
    ])
    .await;
    other.check_all(&[("drop table kept", "C DROP TABLE / Z I")]).await;
    drop(own);
    let mut next = server.client().await;
    next.check_all(&[(
        "select count(*) from pg_class where relpersistence = 't'",
        "T count:20 / D 0 / C SELECT 1 / Z I",
    )])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_a_bound_and_an_interrupted_transaction_is_gone() {
    let server = Server::with_room(Config::default(), 1 << 20).await;
    let mut clients = [server.client().await, server.client().await];
    let full = "insert into t select repeat('x', 1000) from generate_series(1, 2000)";
    let fits = "insert into t select repeat('x', 1000) from generate_series(1, 300)";
    for (place, client) in clients.iter_mut().enumerate() {
        client.check_all(&[("create temp table t (a text); create table if not exists kept (a int)", "C CREATE TABLE / N 42P07 relation \"kept\" already exists, skipping / C CREATE TABLE / Z I")][..place]).await;
        if place == 0 {
            client
                .check_all(&[(
                    "create temp table t (a text); create table if not exists kept (a int)",
                    "C CREATE TABLE / C CREATE TABLE / Z I",
                )])
                .await;
        }
        let said = client.query(full).await;
        assert!(said.starts_with("E 53400 temporary tables have no more than"), "{said}");
        client
            .check_all(&[
                (fits, "C INSERT 0 300 / Z I"),
                ("select count(*) from t", "T count:20 / D 300 / C SELECT 1 / Z I"),
            ])
            .await;
    }
    let [first, second] = &mut clients;
    // The node has room for a little more than one of them.
    assert_eq!(first.query(fits).await, "C INSERT 0 300\nZ I");
    assert!(second.query(fits).await.starts_with("E 53400"), "the rest is the other's");
    first.check_all(&[("discard temp", "C DISCARD TEMP / Z I")]).await;
    second.check_all(&[(fits, "C INSERT 0 300 / Z I")]).await;
    let long = "insert into t select repeat('x', 10) from generate_series(1, 100000000) where a < 0";
    let long = long.replace(" where a < 0", " as g(n) where n < 0");
    let timeout =
        "C BEGIN\nC INSERT 0 1\nC SAVEPOINT\nE 57014 canceling statement due to statement timeout\nZ E";
    second.check_all(&[("set statement_timeout = 50", "C SET / Z I")]).await;
    let sql = format!("begin; insert into t values ('y'); savepoint s; insert into t values ('z'); {long}");
    let said = second.query(&sql).await;
    assert_eq!(said.replace("C SAVEPOINT\nC INSERT 0 1\n", "C SAVEPOINT\n"), timeout);
    second
        .check_all(&[
            ("rollback to s", "E 40000 temporary tables cannot be brought back to the savepoint after a statement that was interrupted / Z E"),
            ("commit", "C ROLLBACK / Z I"),
            ("select count(*) from t", "T count:20 / D 600 / C SELECT 1 / Z I"),
        ])
        .await;
}
