//! What clients ask of the catalog and the server: PostgreSQL's answer, or a refusal.

use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn what_means_nothing_has_no_answer() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client
        .check_all(&[
            ("select pg_get_userbyid(10), pg_get_userbyid(99999)", "T pg_get_userbyid:19 pg_get_userbyid:19 / D bole|unknown (OID=99999) / C SELECT 1 / Z I"),
            ("select pg_table_is_visible(99999) a, pg_type_is_visible(99999) b, pg_function_is_visible(99999) c, pg_operator_is_visible(99999) d, pg_collation_is_visible(99999) e, pg_opclass_is_visible(99999) f, pg_opfamily_is_visible(99999) g, pg_conversion_is_visible(99999) h, pg_statistics_obj_is_visible(99999) i, pg_ts_config_is_visible(99999) j", "T a:16 b:16 c:16 d:16 e:16 f:16 g:16 h:16 i:16 j:16 / D ~|~|~|~|~|~|~|~|~|~ / C SELECT 1 / Z I"),
            ("select pg_function_is_visible(1397) a, pg_operator_is_visible(96) b, pg_collation_is_visible(950) c", "T a:16 b:16 c:16 / D t|t|t / C SELECT 1 / Z I"),
            ("select pg_get_function_arguments(3464) a", "T a:25 / D years integer DEFAULT 0, months integer DEFAULT 0, weeks integer DEFAULT 0, days integer DEFAULT 0, hours integer DEFAULT 0, mins integer DEFAULT 0, secs double precision DEFAULT 0.0 / C SELECT 1 / Z I"),
            ("select pg_get_function_identity_arguments(1397) a, pg_get_function_result(1397) b, pg_get_function_arg_default(3464, 7) c, pg_get_function_arg_default(1397, 1) d, pg_get_function_arguments(99999) e", "T a:25 b:25 c:25 d:25 e:25 / D integer|integer|0.0|~|~ / C SELECT 1 / Z I"),
            ("select pg_get_functiondef(99999) a", "T a:25 / D ~ / C SELECT 1 / Z I"),
            ("select pg_get_functiondef(1397)", "T pg_get_functiondef:25 / E 0A000 pg_get_functiondef of a function that is built in is not supported / Z I"),
            ("select txid_current() = txid_current() a", "T a:16 / D t / C SELECT 1 / Z I"),
            ("create table x as select txid_current() as a", "C SELECT 1 / Z I"),
            ("select txid_current() > a as a from x", "T a:16 / D t / C SELECT 1 / Z I"),
            ("select pg_char_to_encoding('latin1') a, pg_char_to_encoding('ISO_8859-15') b, pg_char_to_encoding('Windows-1252') c, pg_char_to_encoding('utf 8') d, pg_char_to_encoding('xx') e, pg_char_to_encoding('iso88595') f", "T a:23 b:23 c:23 d:23 e:23 f:23 / D 8|16|24|6|-1|25 / C SELECT 1 / Z I"),
            ("select pg_encoding_to_char(6) a, pg_encoding_to_char(41) b, pg_encoding_to_char(42) c, pg_encoding_to_char(-1) d", "T a:19 b:19 c:19 d:19 / D UTF8|SHIFT_JIS_2004|| / C SELECT 1 / Z I"),
            ("create table t (a int primary key, b int)", "C CREATE TABLE / Z I"),
            ("select pg_relation_size('t', 'vm') a, pg_relation_size(99999) b, pg_relation_size(99999, 'fsm') c", "T a:20 b:20 c:20 / D 0|~|~ / C SELECT 1 / Z I"),
            ("create table sized (a int primary key, b text unique); insert into sized select i, repeat('x', 100) || i from generate_series(1, 500) i", "C CREATE TABLE / C INSERT 0 500 / Z I"),
            ("select pg_relation_size('sized') > 50000 a, pg_relation_size('sized_b_key') > 50000 b, pg_relation_size('sized_pkey') c, pg_indexes_size('sized') = pg_relation_size('sized_b_key') d, pg_total_relation_size('sized') = pg_table_size('sized') + pg_indexes_size('sized') e, pg_indexes_size(99999) f, pg_database_size(current_database()) > pg_total_relation_size('sized') g", "T a:16 b:16 c:20 d:16 e:16 f:20 g:16 / D t|t|0|t|t|~|t / C SELECT 1 / Z I"),
            ("create temp table own as select * from sized; create view seen as select * from sized", "C SELECT 500 / C CREATE VIEW / Z I"),
            ("select pg_relation_size('own') > 50000 a, pg_relation_size('seen') b", "T a:16 b:20 / D t|0 / C SELECT 1 / Z I"),
            ("select 'array_in'::regproc a, 'pg_catalog.array_in'::regproc::oid b, 750::regproc c, 1397::regproc d, 999999::regproc e, '-'::regproc f", "T a:24 b:26 c:24 d:24 e:24 f:24 / D array_in|750|array_in|pg_catalog.abs|999999|- / C SELECT 1 / Z I"),
            ("select 'nope'::regproc", "T regproc:24 / E 42883 function \"nope\" does not exist / Z I"),
            ("select 'abs'::regproc", "T regproc:24 / E 42725 more than one function named \"abs\" / Z I"),
            ("select pg_relation_size('t', 'bad')", "T pg_relation_size:20 / E 22023 invalid fork name / Z I"),
            ("select pg_get_replica_identity_index('t'::regclass) a", "T a:2205 / D t_pkey / C SELECT 1 / Z I"),
            ("select pg_get_replica_identity_index(99999)", "T pg_get_replica_identity_index:2205 / E XX000 could not open relation with OID 99999 / Z I"),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn privileges() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client
        .check_all(&[
            ("create table t (a int, b text); create sequence s; create view v as select a from t", "C CREATE TABLE / C CREATE SEQUENCE / C CREATE VIEW / Z I"),
            ("select has_table_privilege('t', 'select, insert') a, has_table_privilege('bole', 't', 'update with grant option') b, has_table_privilege(10, 'pg_class'::regclass, 'select') c, has_table_privilege(99999::oid, 'select') d, has_table_privilege('t', 'rule') e", "T a:16 b:16 c:16 d:16 e:16 / D t|t|t|~|f / C SELECT 1 / Z I"),
            ("select has_table_privilege('nobody', 't', 'select')", "T has_table_privilege:16 / E 42704 role \"nobody\" does not exist / Z I"),
            ("select has_table_privilege('public', 't', 'select')", "T has_table_privilege:16 / E 0A000 privileges of public is not supported / Z I"),
            ("select has_table_privilege('t', 'select, bogus')", "T has_table_privilege:16 / E 22023 unrecognized privilege type: \"bogus\" / Z I"),
            ("select has_table_privilege('nope', 'select')", "T has_table_privilege:16 / E 42P01 relation \"nope\" does not exist / Z I"),
            ("select has_column_privilege('t', 'b', 'select') a, has_column_privilege('t', 2::int2, 'select') b, has_column_privilege('t', 9::int2, 'select') c, has_column_privilege(99999::oid, 'b', 'select') d, has_column_privilege('v', 'a', 'select') e", "T a:16 b:16 c:16 d:16 e:16 / D t|t|~|~|t / C SELECT 1 / Z I"),
            ("select has_column_privilege('t', 'zz', 'select')", "T has_column_privilege:16 / E 42703 column \"zz\" of relation \"t\" does not exist / Z I"),
            ("select has_any_column_privilege('t', 'delete')", "T has_any_column_privilege:16 / E 22023 unrecognized privilege type: \"delete\" / Z I"),
            ("select has_sequence_privilege('s', 'usage') a, has_table_privilege('s', 'select') b", "T a:16 b:16 / D t|t / C SELECT 1 / Z I"),
            ("select has_sequence_privilege('t', 'usage')", "T has_sequence_privilege:16 / E 42809 \"t\" is not a sequence / Z I"),
            ("select has_schema_privilege('public', 'create') a, has_schema_privilege(99999::oid, 'usage') b, has_schema_privilege('pg_catalog', 'usage') c", "T a:16 b:16 c:16 / D t|~|t / C SELECT 1 / Z I"),
            ("select has_schema_privilege('nope', 'usage')", "T has_schema_privilege:16 / E 3F000 schema \"nope\" does not exist / Z I"),
            ("select has_database_privilege('bole', 'connect') a, has_database_privilege(99999::oid, 'connect') b", "T a:16 b:16 / D t|~ / C SELECT 1 / Z I"),
            ("select has_database_privilege('nope', 'connect')", "T has_database_privilege:16 / E 3D000 database \"nope\" does not exist / Z I"),
            ("select has_function_privilege(1397::oid, 'execute') a, has_function_privilege(99999::oid, 'execute') b, has_language_privilege(99999::oid, 'usage') c, has_type_privilege('int4', 'usage') d, has_type_privilege(99999::oid, 'usage') e, has_tablespace_privilege(99999::oid, 'create') f", "T a:16 b:16 c:16 d:16 e:16 f:16 / D t|~|~|t|~|~ / C SELECT 1 / Z I"),
            ("select has_function_privilege('abs(int)', 'execute')", "T has_function_privilege:16 / E 0A000 privileges on a function, language or tablespace by its name is not supported / Z I"),
            ("select has_server_privilege('nope', 'usage')", "T has_server_privilege:16 / E 42704 server \"nope\" does not exist / Z I"),
            ("select pg_has_role('bole', 'usage') a, pg_has_role('bole', 'bole', 'member') b", "T a:16 b:16 / D t|t / C SELECT 1 / Z I"),
            ("select pg_has_role('nobody', 'usage')", "T pg_has_role:16 / E 42704 role \"nobody\" does not exist / Z I"),
            ("select pg_has_role('bole', 'bogus')", "T pg_has_role:16 / E 22023 unrecognized privilege type: \"bogus\" / Z I"),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_sequences_and_settings() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client
        .check_all(&[
            ("create database other", "C CREATE DATABASE / Z I"),
            ("select datname from pg_database where datname in ('bole', 'other') order by 1", "T datname:19 / D bole / D other / C SELECT 2 / Z I"),
            ("select count(distinct oid) from pg_database where datname in ('bole', 'other')", "T count:20 / D 2 / C SELECT 1 / Z I"),
            ("select d.datname from pg_database d join pg_stat_activity a on a.datid = d.oid", "T datname:19 / D bole / C SELECT 1 / Z I"),
            ("select pg_database_size('nope')", "T pg_database_size:20 / E 3D000 database \"nope\" does not exist / Z I"),
            ("create sequence s; create sequence s2 start 5", "C CREATE SEQUENCE / C CREATE SEQUENCE / Z I"),
            ("select nextval('s2')", "T nextval:20 / D 5 / C SELECT 1 / Z I"),
            ("select sequencename, last_value from pg_sequences order by 1", "T sequencename:19 last_value:20 / D s|~ / D s2|5 / C SELECT 2 / Z I"),
            ("set statement_timeout = '5s'; set search_path = public", "C SET / C SET / Z I"),
            ("select name, setting, unit, category, context, vartype, source, min_val, max_val, enumvals, boot_val, reset_val from pg_settings where name in ('statement_timeout', 'bytea_output') order by 1", "T name:25 setting:25 unit:25 category:25 context:25 vartype:25 source:25 min_val:25 max_val:25 enumvals:1009 boot_val:25 reset_val:25 / D bytea_output|hex|~|Client Connection Defaults / Statement Behavior|user|enum|default|~|~|{escape,hex}|hex|hex / D statement_timeout|5000|ms|Client Connection Defaults / Statement Behavior|user|integer|session|0|2147483647|~|0|0 / C SELECT 2 / Z I"),
            ("select boot_val, reset_val from pg_settings where name = 'search_path'", "T boot_val:25 reset_val:25 / D \"$user\", public|\"$user\", public / C SELECT 1 / Z I"),
            ("select count(*) from pg_settings where name in ('is_superuser', 'session_authorization', 'role')", "T count:20 / D 0 / C SELECT 1 / Z I"),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn definitions_and_arrays_of_the_catalog() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client
        .check_all(&[
            ("create schema shop; create table shop.item (a int primary key, b int generated always as (a * 2) stored, c int[])", "C CREATE SCHEMA / C CREATE TABLE / Z I"),
            ("create table shop.part (a int references shop.item, b numeric check (b >= 0))", "C CREATE TABLE / Z I"),
            ("select pg_get_constraintdef(oid) d from pg_constraint where contype = 'f'", "T d:25 / D FOREIGN KEY (a) REFERENCES shop.item(a) / C SELECT 1 / Z I"),
            ("set search_path = shop", "C SET / Z I"),
            ("select pg_get_constraintdef(oid) d from pg_constraint where contype = 'f'", "T d:25 / D FOREIGN KEY (a) REFERENCES item(a) / C SELECT 1 / Z I"),
            ("select pg_get_constraintdef(oid) d, pg_get_constraintdef(oid, true) p from pg_constraint where contype = 'c'", "T d:25 p:25 / D CHECK ((b >= (0)::numeric))|CHECK (b >= 0::numeric) / C SELECT 1 / Z I"),
            ("select pg_get_expr(adbin, adrelid) d, pg_get_expr(adbin, adrelid, true) p from pg_attrdef", "T d:25 p:25 / D (a * 2)|a * 2 / C SELECT 1 / Z I"),
            ("insert into item (a, c) values (1, '{7,8}')", "C INSERT 0 1 / Z I"),
            ("select item.c[2] x, item.c[1:1] y from item", "T x:23 y:1007 / D 8|{7} / C SELECT 1 / Z I"),
            ("select * from unnest(array[1, 2], array['a']) with ordinality x(a, b, n)", "T a:23 b:25 n:20 / D 1|a|1 / D 2|~|2 / C SELECT 2 / Z I"),
            ("select i.k, u.* from (values (1, array[1], array['x', 'y'])) i(k, p, q), unnest(i.p, i.q) with ordinality u(a, b, n)", "T k:23 a:23 b:25 n:20 / D 1|1|x|1 / D 1|~|y|2 / C SELECT 2 / Z I"),
            ("select key, option, n from pg_index i, unnest(i.indkey, i.indoption) with ordinality u(key, option, n)", "T key:21 option:21 n:20 / D 1|0|1 / C SELECT 1 / Z I"),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_advisory_locks() {
    let server = Server::start().await;
    let mut one = server.client().await;
    let mut other = server.client().await;
    one.check_all(&[("select pg_try_advisory_lock(4294967298) a", "T a:16 / D t / C SELECT 1 / Z I")]).await;
    other
        .check_all(&[
            ("select pg_try_advisory_lock(1, 2) a", "T a:16 / D t / C SELECT 1 / Z I"),
            ("select pg_try_advisory_lock(4294967298) a", "T a:16 / D f / C SELECT 1 / Z I"),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_have_a_length() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client
        .check_all(&[
            ("select repeat('x', 300000000)", "T repeat:25 / E 54000 requested length too large / Z I"),
            ("select lpad('x', 300000000)", "T lpad:25 / E 54000 requested length too large / Z I"),
            (
                "select length(format('%200000000s%200000000s', 'x', 'y'))",
                "T length:23 / E 54000 out of memory / Z I",
            ),
            (
                "select length(replace(repeat('x', 1000000), 'x', repeat('y', 1000)))",
                "T length:23 / E 54000 a value or statement is too long / Z I",
            ),
            (
                "select length(regexp_replace(repeat('x', 1000000), 'x', repeat('y', 1000), 'g'))",
                "T length:23 / E 54000 out of memory / Z I",
            ),
            (
                "select length(string_agg(repeat('x', 1000000), '')) from generate_series(1, 300)",
                "T length:23 / E 53200 out of memory / Z I",
            ),
            (
                "select length(array_to_string(array_fill('x'::text, array[1000000]), repeat('y', 1000)))",
                "T length:23 / E 54000 out of memory / Z I",
            ),
            (
                "select length(translate(repeat('x', 68000000), 'x', '\u{1f600}'))",
                "T length:23 / E 54000 out of memory / Z I",
            ),
            (
                "select length(to_char(now(), repeat('J', 50000000)))",
                "T length:23 / E 54000 out of memory / Z I",
            ),
            (
                "select length(string_to_array(repeat(',', 17000000), ',')::text)",
                "T length:23 / E 54000 array size exceeds the maximum allowed (16777216) / Z I",
            ),
            ("select 1 as a", "T a:23 / D 1 / C SELECT 1 / Z I"),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dumps_ask() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client
        .check_all(&[
            ("create sequence s start 7; create table t (a int)", "C CREATE SEQUENCE / C CREATE TABLE / Z I"),
            ("select * from s", "T last_value:20 log_cnt:20 is_called:16 / D 7|0|f / C SELECT 1 / Z I"),
            ("select nextval('s'), nextval('s')", "T nextval:20 nextval:20 / D 7|8 / C SELECT 1 / Z I"),
            (
                "select x.last_value, is_called from public.s x",
                "T last_value:20 is_called:16 / D 8|t / C SELECT 1 / Z I",
            ),
            ("select setval('s', 50, false)", "T setval:20 / D 50 / C SELECT 1 / Z I"),
            (
                "select last_value, is_called from s",
                "T last_value:20 is_called:16 / D 50|f / C SELECT 1 / Z I",
            ),
            (
                "select acldefault('n', 10) a, acldefault('d', 10) b, acldefault('c', 10) c",
                "T a:1009 b:1009 c:1009 / D {bole=UC/bole}|{=Tc/bole,bole=CTc/bole}|{} / C SELECT 1 / Z I",
            ),
            ("insert into t values (1)", "C INSERT 0 1 / Z I"),
            ("select tableoid = 't'::regclass a from t", "T a:16 / D t / C SELECT 1 / Z I"),
            (
                "select tableoid from t, pg_class",
                "E 42702 column reference \"tableoid\" is ambiguous @8 / Z I",
            ),
        ])
        .await;
}
