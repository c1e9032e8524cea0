//! The extended protocol.

use crate::client::Send::{
    Bind, BindBinary, ClosePortal, CloseStatement, DescribePortal, DescribeStatement, Execute, Flush, Parse,
    Query, Raw, Sync,
};
use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn statements_and_portals() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.check_all(&[("create table t (a int primary key, b text)", "C CREATE TABLE / Z I")]).await;
    let insert = "insert into t values ($1, $2) returning a";
    client
        .check(
            &[
                Parse("i", insert, &[]),
                DescribeStatement("i"),
                Bind("", "i", &[Some("1"), Some("x")]),
                DescribePortal(""),
                Execute("", 0),
                Sync,
            ],
            "1 \n t 23 25 \n T a:23 \n 2 \n T a:23 \n D 1 \n C INSERT 0 1 \n Z I"
                .replace(" \n", "\n")
                .as_str(),
        )
        .await;
    // In binary both ways.
    client
        .check(
            &[BindBinary("", "i", &[&[0, 0, 0, 2], b"y"]), DescribePortal(""), Execute("", 0), Sync],
            "2\nT a:23/1\nD \\x00000002\nC INSERT 0 1\nZ I",
        )
        .await;
    // A pipeline is one transaction: its error takes all of it back, and what comes up to Sync is skipped.
    client
        .check(
            &[
                Bind("", "i", &[Some("3"), None]),
                Execute("", 0),
                Bind("", "i", &[Some("1"), None]),
                Execute("", 0),
                Bind("", "i", &[Some("4"), None]),
                Execute("", 0),
                Sync,
                Query("select count(*) from t"),
            ],
            "2\nD 3\nC INSERT 0 1\n2\nE 23505 duplicate key value violates unique constraint \"t_pkey\"\nZ I\n\
             T count:20\nD 2\nC SELECT 1\nZ I",
        )
        .await;
    // The query of a cursor may have parameters, and infers their types.
    client
        .check(
            &[
                Query("begin"),
                Parse("c", "declare c cursor for select $1 + 1 as n, b from t where a = $2", &[]),
                DescribeStatement("c"),
                Bind("", "c", &[Some("41"), Some("1")]),
                Execute("", 0),
                Sync,
                Query("fetch all from c; commit"),
                Query("begin; declare d cursor for select $1 + 1"),
                Query("rollback"),
            ],
            "C BEGIN\nZ T\n1\nt 23 23\nn\n2\nC DECLARE CURSOR\nZ T\nT n:23 b:25\nD 42|x\nC FETCH 1\nC COMMIT\nZ I\n\
             C BEGIN\nE 42P02 there is no parameter $1\nZ E\nC ROLLBACK\nZ I",
        )
        .await;
    // Several groups in one write.
    client
        .check(
            &[Bind("", "i", &[Some("5"), None]), Execute("", 0), Sync, Bind("", "i", &[Some("5"), None]), Execute("", 0), Sync, Sync],
            "2\nD 5\nC INSERT 0 1\nZ I\n2\nE 23505 duplicate key value violates unique constraint \"t_pkey\"\nZ I\nZ I",
        )
        .await;
    client
        .check(
            &[CloseStatement("i"), CloseStatement("none"), ClosePortal("none"), Bind("", "i", &[]), Sync],
            "3\n3\n3\nE 26000 prepared statement \"i\" does not exist\nZ I",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_in_parts() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let series = "select g from generate_series(1, 5) as g";
    client
        .check(
            &[
                Parse("", series, &[]),
                Bind("p", "", &[]),
                Execute("p", 2),
                Execute("p", 2),
                Execute("p", 2),
                Execute("p", 2),
                Sync,
            ],
            "1\n2\nD 1\nD 2\ns\nD 3\nD 4\ns\nD 5\nC SELECT 1\nC SELECT 0\nZ I",
        )
        .await;
    // A portal ends with its transaction.
    client.check(&[Execute("p", 2), Sync], "E 34000 portal \"p\" does not exist\nZ I").await;
    client
        .check(
            &[
                Query("begin"),
                Parse("", series, &[]),
                Bind("p", "", &[]),
                Execute("p", 3),
                Sync,
                Execute("p", 0),
                Sync,
                Query("commit"),
            ],
            "C BEGIN\nZ T\n1\n2\nD 1\nD 2\nD 3\ns\nZ T\nD 4\nD 5\nC SELECT 2\nZ T\nC COMMIT\nZ I",
        )
        .await;
    // Flush sends without ending the group.
    client.send(&[Parse("", "select 1", &[]), Flush]).await;
    assert_eq!(client.until(b'1').await, "1");
    client.check(&[Sync], "Z I").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client
        .check(
            &[Parse("", "", &[]), Bind("", "", &[]), DescribePortal(""), Execute("", 0), Sync],
            "1\n2\nn\nI\nZ I",
        )
        .await;
    client
        .check(
            &[Parse("", "begin", &[]), DescribeStatement(""), Bind("", "", &[]), Execute("", 0), Sync],
            "1\nt\nn\n2\nC BEGIN\nZ T",
        )
        .await;
    for (messages, expected) in [
        (
            vec![Parse("", "select 1; select 2", &[]), Sync],
            "E 42601 cannot insert multiple commands into a prepared statement\nZ E",
        ),
        (
            vec![Parse("", "select 1", &[]), Sync],
            "E 25P02 current transaction is aborted, commands ignored until end of transaction block\nZ E",
        ),
        (vec![Parse("", "rollback", &[]), Bind("", "", &[]), Execute("", 0), Sync], "1\n2\nC ROLLBACK\nZ I"),
        (
            vec![Parse("n", "select 1", &[]), Parse("n", "select 1", &[]), Sync],
            "1\nE 42P05 prepared statement \"n\" already exists\nZ I",
        ),
        (
            vec![Bind("", "n", &[Some("1")]), Sync],
            "E 08P01 bind message supplies 1 parameters, but prepared statement \"n\" requires 0\nZ I",
        ),
        (
            vec![Parse("", "select $1::int", &[]), Bind("", "", &[Some("x")]), Sync],
            "1\nE 22P02 invalid input syntax for type integer: \"x\"\nZ I",
        ),
        (vec![Execute("none", 0), Execute("none", 0), Sync], "E 34000 portal \"none\" does not exist\nZ I"),
        (vec![Raw(b'B', b"\0\0\xff"), Sync], "E 08P01 insufficient data left in message\nZ I"),
        (vec![Raw(b'F', b""), Sync], "E 0A000 the function call protocol is not supported\nZ I\nZ I"),
    ] {
        let found = if matches!(messages[0], Raw(b'F', _)) {
            client.send(&messages).await;
            format!("{}\n{}", client.until(b'Z').await, client.until(b'Z').await)
        } else {
            client.talk(&messages).await
        };
        assert_eq!(found, expected, "{messages:?}");
    }
    client.send(&[Raw(b'!', b"")]).await;
    assert_eq!(client.until(b'Z').await, "E FATAL 08P01 invalid frontend message type 33\nend");
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_follow_the_schema() {
    let server = Server::start().await;
    let (mut client, mut other) = (server.client().await, server.client().await);
    client
        .check_all(&[
            ("create table t (a int, b int)", "C CREATE TABLE / Z I"),
            ("insert into t values (1, 2)", "C INSERT 0 1 / Z I"),
        ])
        .await;
    let run = [Bind("", "s", &[]), Execute("", 0), Sync];
    client.check(&[Parse("s", "select b from t", &[]), Sync], "1\nZ I").await;
    client.check(&run, "2\nD 2\nC SELECT 1\nZ I").await;
    other.check_all(&[("alter table t rename column a to z", "C ALTER TABLE / Z I")]).await;
    client.check(&run, "2\nD 2\nC SELECT 1\nZ I").await;
    other
        .check_all(&[("drop table t; create table t (b text)", "C DROP TABLE / C CREATE TABLE / Z I")])
        .await;
    client.check(&run, "2\nE 0A000 cached plan must not change result type\nZ I").await;
    other.check_all(&[("drop table t", "C DROP TABLE / Z I")]).await;
    client.check(&run, "2\nE 42P01 relation \"t\" does not exist @15\nZ I").await;
}
