//! Foreign keys that are checked at the end of the transaction, and `SET CONSTRAINTS`, as PostgreSQL 15 answers.

use crate::client::Send::{CopyData, CopyDone, Query};
use crate::server::Server;

/// A parent, and a child with a key of each kind: not deferrable, deferrable, deferred.
const TABLES: &str = "create table p (id int primary key); insert into p values (1), (2); \
     create table c (n int references p, i int references p deferrable, d int references p deferrable initially deferred)";

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_checked_when_they_say() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let done = "C CREATE TABLE / C INSERT 0 2 / C CREATE TABLE / Z I";
    let (n, i, d) = ("c_n_fkey", "c_i_fkey", "c_d_fkey");
    let child = |key: &str, state: &str| {
        format!(
            "E 23503 insert or update on table \"c\" violates foreign key constraint \"{key}\" / Z {state}"
        )
    };
    let parent = |key: &str, state: &str| {
        format!(
            "E 23503 update or delete on table \"p\" violates foreign key constraint \"{key}\" on table \"c\" / Z {state}"
        )
    };
    let rows: Vec<(&str, String)> = vec![
        (TABLES, done.to_owned()),
        ("insert into c (i) values (7)", child(i, "I")),
        ("insert into c (d) values (7)", child(d, "I")),
        ("begin; insert into c (d) values (7)", "C BEGIN / C INSERT 0 1 / Z T".to_owned()),
        // What is pending does not make an immediate key's check pass or fail.
        ("insert into c (i) values (1)", "C INSERT 0 1 / Z T".to_owned()),
        ("savepoint s", "C SAVEPOINT / Z T".to_owned()),
        ("insert into c (i) values (8)", child(i, "E")),
        ("rollback to s", "C ROLLBACK / Z T".to_owned()),
        ("set constraints c_d_fkey immediate", child(d, "E")),
        ("rollback to s; insert into p values (7); set constraints c_d_fkey immediate", "C ROLLBACK / C INSERT 0 1 / C SET CONSTRAINTS / Z T".to_owned()),
        ("insert into c (d) values (8)", child(d, "E")),
        // The mode goes back with the savepoint.
        ("rollback to s; insert into c (d) values (8)", "C ROLLBACK / C INSERT 0 1 / Z T".to_owned()),
        ("commit", child(d, "I")),
        ("select count(*) from c", "T count:20 / D 0 / C SELECT 1 / Z I".to_owned()),
        ("begin; set constraints all deferred", "C BEGIN / C SET CONSTRAINTS / Z T".to_owned()),
        ("insert into c (i, d) values (3, 3)", "C INSERT 0 1 / Z T".to_owned()),
        ("insert into p values (3)", "C INSERT 0 1 / Z T".to_owned()),
        ("commit", "C COMMIT / Z I".to_owned()),
        ("begin; set constraints all deferred; insert into c (n) values (9)", "C BEGIN / C SET CONSTRAINTS / E 23503 insert or update on table \"c\" violates foreign key constraint \"c_n_fkey\" / Z E".to_owned()),
        ("rollback", "C ROLLBACK / Z I".to_owned()),
        ("begin; set constraints c_i_fkey deferred; insert into c (i) values (4)", "C BEGIN / C SET CONSTRAINTS / C INSERT 0 1 / Z T".to_owned()),
        ("set constraints all immediate", child(i, "E")),
        ("rollback", "C ROLLBACK / Z I".to_owned()),
        ("delete from c; insert into c (i) values (1)", "C DELETE 1 / C INSERT 0 1 / Z I".to_owned()),
        ("delete from p where id = 1", parent(i, "I")),
        ("begin; set constraints all deferred; delete from p where id = 1; insert into p values (1); commit", "C BEGIN / C SET CONSTRAINTS / C DELETE 1 / C INSERT 0 1 / C COMMIT / Z I".to_owned()),
        ("alter table c alter constraint c_n_fkey deferrable initially deferred", "C ALTER TABLE / Z I".to_owned()),
        ("begin; insert into c (n) values (9)", "C BEGIN / C INSERT 0 1 / Z T".to_owned()),
        ("commit", child(n, "I")),
    ];
    for (statement, expected) in &rows {
        client.check_all(&[(*statement, expected.as_str())]).await;
    }
    client.send(&[Query("copy c (i) from stdin"), CopyData(b"9\n"), CopyDone]).await;
    assert_eq!(client.until(b'Z').await.replace('\n', " / "), format!("G 0 / {}", child(i, "I")));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_constraints() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.check_all(&[(TABLES, "C CREATE TABLE / C INSERT 0 2 / C CREATE TABLE / Z I")]).await;
    let outside = "N 25P01 SET CONSTRAINTS can only be used in transaction blocks / C SET CONSTRAINTS / Z I";
    client
        .check_all(&[
            ("set constraints all deferred", outside),
            ("begin", "C BEGIN / Z T"),
            ("savepoint s", "C SAVEPOINT / Z T"),
            ("set constraints public.c_i_fkey, c_d_fkey deferred", "C SET CONSTRAINTS / Z T"),
            ("set constraints c_n_fkey immediate", "C SET CONSTRAINTS / Z T"),
            ("set constraints c_n_fkey deferred", "E 42809 constraint \"c_n_fkey\" is not deferrable / Z E"),
            ("rollback to s", "C ROLLBACK / Z T"),
            ("set constraints nope deferred", "E 42704 constraint \"nope\" does not exist / Z E"),
            ("rollback to s", "C ROLLBACK / Z T"),
            ("set constraints nope.c_i_fkey deferred", "E 3F000 schema \"nope\" does not exist / Z E"),
            ("rollback to s", "C ROLLBACK / Z T"),
            ("set constraints all later", "E 42601 syntax error at or near \"later\" @21 / Z E"),
            ("rollback", "C ROLLBACK / Z I"),
            (
                "select conname, condeferrable, condeferred from pg_constraint where contype = 'f' order by 1",
                "T conname:19 condeferrable:16 condeferred:16 / D c_d_fkey|t|t / D c_i_fkey|t|f / D c_n_fkey|f|f / C SELECT 3 / Z I",
            ),
            ("create table z (a int primary key deferrable)", "E 0A000 a key that is DEFERRABLE is not supported / Z I"),
        ])
        .await;
}

/// What is told of the row, and that nothing of it stays: rows are neither written by what is run again, nor rules left out.
#[tokio::test(flavor = "multi_thread")]
async fn refused_rows_are_told() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let tables = "create table p (id int primary key); insert into p values (1); \
         create table c (id int primary key, a int references p, b int references p, n int check (n > 0), t text, v int generated always as (n * 2) stored)";
    let said = client.query(tables).await;
    assert!(said.ends_with("C CREATE TABLE\nZ I"), "{said}");
    let long = format!("insert into c (id, n, t) values (1, 0, '{}é')", "x".repeat(63));
    let cut = format!("Failing row contains (1, null, null, 0, {}..., 0).", "x".repeat(63));
    let rows = [
        ("insert into c values (1, 1, 7, 1, 'x')", "Key (b)=(7) is not present in table \"p\"."),
        ("insert into c values (1, 8, 1, 1, 'x') returning id", "Key (a)=(8) is not present in table \"p\"."),
        ("insert into c values (1, 1, 1, 0, 'x')", "Failing row contains (1, 1, 1, 0, x, 0)."),
        (&long, &cut),
        // Of several rows it is not known which.
        ("insert into c values (1, 1, 1, 1, 'x'), (2, 1, 9, 1, 'x')", ""),
        ("insert into c values (1, 1, 1, 1, 'x')", ""),
        ("insert into c values (1, 1, 1, 1, 'x')", "Key (id)=(1) already exists."),
        ("update c set a = 5 where id = 1", "Key (a)=(5) is not present in table \"p\"."),
        ("update c set n = -1", "Failing row contains (1, 1, 1, -1, x, -2)."),
        ("delete from p", ""),
        ("insert into c values (3, 3, 3, 0, 'x')", "Failing row contains (3, 3, 3, 0, x, 0)."),
    ];
    for (sql, detail) in rows {
        assert_eq!(client.detail(sql).await, detail, "{sql}");
    }
    client
        .check_all(&[
            ("select * from c", "T id:23 a:23 b:23 n:23 t:25 v:23 / D 1|1|1|1|x|2 / C SELECT 1 / Z I"),
            (
                "insert into c values (4, 9, 1, 1, 'x')",
                "E 23503 insert or update on table \"c\" violates foreign key constraint \"c_a_fkey\" / Z I",
            ),
        ])
        .await;
}

/// Which row has NULL where there must be a value, also of several, and that the trigger that tells it is gone.
#[tokio::test(flavor = "multi_thread")]
async fn rows_with_null_are_told() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let columns = "(a serial primary key, b int not null, c numeric(5,2) default 1.5, g int generated always as (b + 1) stored, t text not null default 'x''y', y bytea)";
    client.query(&format!("create table nn {columns}")).await;
    client.query(&format!("create temp table own {columns}")).await;
    for table in ["nn", "own"] {
        let rows = [
            ("insert into nn (b) values (null)", "Failing row contains (1, null, 1.50, null, x'y, null)."),
            ("insert into nn (b, t) values (4, null)", "Failing row contains (2, 4, 1.50, 5, null, null)."),
            (
                "insert into nn (b) values (1), (2), (null)",
                "Failing row contains (5, null, 1.50, null, x'y, null).",
            ),
            (r"insert into nn values (7, 1, 2, default, 'ä', '\x01ff')", ""),
            ("update nn set b = null where a = 7", r"Failing row contains (7, null, 2.00, null, ä, \x01ff)."),
            (
                "insert into nn (a, b, t) values (7, 3, 'z') on conflict (a) do update set t = null returning a",
                r"Failing row contains (7, 1, 2.00, 2, null, \x01ff).",
            ),
            (
                "insert into nn (a, b) select 9, null",
                "Failing row contains (9, null, 1.50, null, x'y, null).",
            ),
            ("insert into nn (a, b) values (9, 9)", ""),
            ("update nn set b = 2 where a = 9", ""),
        ];
        for (sql, detail) in rows {
            let sql = sql.replace("nn", table);
            assert_eq!(client.detail(&sql).await, detail, "{sql}");
        }
        let kept = client.query(&format!("select a, b from {table} order by a")).await;
        assert_eq!(kept, "T a:23 b:23\nD 7|1\nD 9|2\nC SELECT 2\nZ I");
    }
}
