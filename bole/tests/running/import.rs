//! `bole import postgres` and `bole export`, from one database of a node to another: its catalog answers what a PostgreSQL's does.

use std::time::{Duration, Instant};

use crate::node::{Node, Outcome, PATIENCE, finish};

/// A schema with one of everything that is moved.
const SCHEMA: &str = r#"
create schema app;
create type app.mood as enum ('sad', 'it''s ok', 'happy');
create table app.users (id serial primary key, name varchar(40) not null unique, tags text[] default '{}',
    mood app.mood default 'sad', balance numeric(12,3) check (balance >= 0), made timestamptz, doc jsonb,
    raw bytea, f float8, len integer generated always as (length(name)) stored);
insert into app.users (name, tags, mood, balance, made, doc, raw, f)
    select 'user' || g, array['a' || g, null, 'x,"y\'], 'happy', g / 7.0, timestamptz '2020-01-01 00:00+00' + g * interval '1 hour',
    jsonb_build_object('g', g), decode('00ff', 'hex'), sqrt(g) from generate_series(1, 500) g;
insert into app.users (name, f) values (E'tab\tback\\slash\nend', 'NaN');
create table app.orders (id bigint generated always as identity (start with 100 increment by 5) primary key,
    user_id int not null references app.users(id) on delete cascade, "Total Amount" numeric, note text default 'it''s');
insert into app.orders (user_id, "Total Amount") select 1 + g % 500, g * 1.10 from generate_series(1, 900) g;
create table app.bag ("select" int, "Ünï" text);
insert into app.bag select g % 5, 'ü' || g % 3 from generate_series(1, 300) g;
create table app.empty (a int);
create sequence app.loose as int start 7 increment -2 minvalue -100 maxvalue 50 cycle;
select nextval('app.loose'), nextval('app.loose');
create sequence app.fresh start 42;
select setval('app.fresh', 50, false);
create index users_lower on app.users (lower(name)) where balance > 5;
create view app.z_base as select id, name from app.users where balance > 5;
create view app.a_view as select z.name, count(*) as n from app.z_base z join app.orders o on o.user_id = z.id group by z.name;
comment on table app.users is 'people; it''s them';
comment on column app.users.name is 'E\x';
comment on constraint users_name_key on app.users is 'one each';
"#;

fn url(node: &Node, database: &str) -> String {
    format!("postgres://bole:bolebole@{}/{database}", node.sql)
}

fn good(outcome: Outcome) -> String {
    assert_eq!(outcome.code, 0, "{}{}", outcome.out, outcome.errors);
    outcome.out
}

/// What a query prints, as CSV.
fn ask(node: &Node, database: &str, query: &str) -> String {
    good(node.bole(&["sql", database, "--format", "csv", "-c", query], ""))
}

#[test]
fn a_database_is_imported_exported_and_loaded_and_stays_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    good(node.bole(&["sql"], SCHEMA));
    let from = url(&node, "bole");
    let import = ["import", "postgres", "--from", &from, "--database", "copy"];

    let tried = good(node.bole(&[&import[..], &["--dry-run"]].concat(), ""));
    assert!(tried.contains("table: 4") && !tried.contains("left out"), "{tried}");
    let databases = ask(&node, "bole", "select datname from pg_database where datname = 'copy'");
    assert_eq!(databases, "datname\n", "a trial leaves nothing behind");

    let told = good(node.bole(&import, ""));
    let same = told.lines().filter(|line| line.ends_with("  same")).count();
    assert!(same == 4 && told.contains("501"), "{told}");
    assert_eq!(
        ask(&node, "copy", "select nspname from pg_namespace where nspname = 'bole_import'"),
        "nspname\n"
    );
    let query = "select nextval('app.loose') as l, nextval('app.fresh') as f";
    assert_eq!(ask(&node, "copy", query), "l,f\n3,50\n");
    good(
        node.bole(
            &["sql", "copy", "-c", "select setval('app.loose', 5), setval('app.fresh', 50, false)"],
            "",
        ),
    );
    let wrong = node.bole(&["sql", "copy", "-c", "insert into app.orders (user_id) values (9999)"], "");
    assert!(wrong.errors.contains("(23503)"), "foreign keys hold: {}", wrong.errors);
    good(node.bole(&["sql", "copy", "-c", "select setval('app.orders_id_seq', 4595)"], ""));

    let dump = good(node.bole(&["export"], ""));
    assert!(dump.ends_with("-- The export is complete.\n"));
    assert_eq!(
        good(node.bole(&["export", "--database", "copy"], "")),
        dump,
        "a copy is exported as its source"
    );
    good(node.bole(&["sql", "-c", "create database loaded"], ""));
    good(node.bole(&["sql", "loaded", "-f", "-"], &dump));
    good(node.bole(&["export", "--database", "loaded", "--out", "loaded.sql"], ""));
    assert_eq!(std::fs::read_to_string(folder.path().join("loaded.sql")).unwrap(), dump);

    let again = node.bole(&import, "");
    assert_eq!(again.code, 1);
    assert!(again.errors.contains("already exists"), "{}", again.errors);
}

#[test]
fn a_folder_has_a_file_for_each_table() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    good(node.bole(&["sql"], SCHEMA));
    good(node.bole(&["export", "--format", "csv", "--out", "dump"], ""));
    let read = |name: &str| std::fs::read_to_string(folder.path().join("dump").join(name)).unwrap();
    assert!(read("0001-app.bag.csv").starts_with("select,Ünï\n"), "{}", read("0001-app.bag.csv"));
    assert_eq!(read("0001-app.bag.csv").lines().count(), 301);
    assert_eq!(read("0002-app.empty.csv"), "a\n");
    assert!(read("load.sql").contains("\\copy app.bag (\"select\", \"Ünï\") from '0001-app.bag.csv'"));
    assert!(
        read("before.sql").contains("create table app.users") && read("after.sql").contains("create view")
    );
    let again = node.bole(&["export", "--format", "csv", "--out", "dump"], "");
    assert!(again.code == 1 && again.errors.contains("dump exists"), "{again:?}");
}

/// An import is killed within its one table, which has these columns besides its text, and goes on.
fn check_kill(definition: &str) {
    const ROWS: u32 = 120_000;
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let fill = format!(
        "create table big ({definition}, filler text);\
         insert into big select g, repeat('x', 150) from generate_series(1, {ROWS}) g"
    );
    good(node.bole(&["sql"], &fill));
    good(node.bole(&["sql", "-c", "create database copy"], ""));
    let from = url(&node, "bole");
    let import = ["import", "postgres", "--from", &from, "--database", "copy"];
    let mut child = node.spawn(&import);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let state = node.bole(
            &["sql", "copy", "--format", "csv", "-c", "select done from bole_import.tables where rows > 0"],
            "",
        );
        if state.out.contains("done\nf") {
            break;
        }
        assert!(child.try_wait().unwrap().is_none(), "the import is not done before it is killed");
        assert!(Instant::now() < deadline, "the import does not come to its rows");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    finish(child);
    let there: u32 = ask(&node, "copy", "select count(*) from big").lines().nth(1).unwrap().parse().unwrap();
    assert!((1..ROWS).contains(&there), "{there} rows are there after the kill");
    if definition.contains("key") {
        // Its first row is there already, as it was.
        good(node.bole(&["sql", "-c", "update big set filler = 'changed' where n = 1"], ""));
        let told = node.bole(&import, "");
        assert!(told.code == 1 && told.out.contains("DIFFERENT"), "{told:?}");
        good(node.bole(&["sql", "-c", "update big set filler = repeat('x', 150) where n = 1"], ""));
    }
    let told = good(node.bole(&import, ""));
    assert!(told.contains("goes on where it stopped") && told.contains("  same"), "{told}");
    let counts = ask(&node, "copy", "select count(*), count(distinct n), max(n) from big");
    assert_eq!(counts.lines().nth(1).unwrap(), format!("{ROWS},{ROWS},{ROWS}"));
}

#[test]
fn a_killed_import_goes_on_after_the_last_key() {
    check_kill("n int primary key");
}

#[test]
fn a_killed_import_of_a_table_without_key_begins_it_again() {
    check_kill("n int");
}
