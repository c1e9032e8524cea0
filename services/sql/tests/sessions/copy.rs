//! COPY.

use crate::client::Send::{CopyData, CopyDone, CopyFail, Query, Sync};
use crate::server::Server;

const TABLE: &str = "create table t (a int primary key, b text, c numeric(6,2))";

/// A COPY of this data: what comes back, and what the table has then.
async fn check(copy: &str, data: &[&[u8]], expected: &str, rows: &str) {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.check_all(&[(TABLE, "C CREATE TABLE / Z I")]).await;
    client.send(&[Query(copy)]).await;
    for piece in data {
        client.send(&[CopyData(piece)]).await;
    }
    client.send(&[CopyDone]).await;
    assert_eq!(client.until(b'Z').await.replace('\n', " / "), expected, "{copy} {data:?}");
    let found =
        client.query("select string_agg(a || ':' || coalesce(b, 'NULL'), ' ' order by a) from t").await;
    assert_eq!(found.lines().nth(1).unwrap(), format!("D {rows}"), "{copy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_in() {
    check(
        "copy t from stdin",
        &[b"1\tx\t1.5\n2\t\\N\t", b"\\N\n3\ta\\tb\\x41\\101\t7\r\n\\.\nrubbish"],
        "G 0 / C COPY 3 / Z I",
        "1:x 2:NULL 3:a\\tbAA",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_comes_in() {
    let data: &[&[u8]] = &[b"a,b\n1,\"x, \"\"y\"", b"\"\n z\"\n2,\n3,\"\"\n4,\\N"];
    check(
        "copy t (a, b) from stdin csv header",
        data,
        "G 0 / C COPY 4 / Z I",
        r#"1:x, "y"\n z 2:NULL 3: 4:\N"#,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_comes_in() {
    let head = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
    let rows = b"\0\x02\0\0\0\x04\0\0\0\x07\0\0\0\x01x\0\x02\0\0\0\x04\0\0\0\x08\xff\xff\xff\xff\xff\xff";
    check(
        "copy t (a, b) from stdin (format binary)",
        &[head, &rows[..9], &rows[9..]],
        "G 1 / C COPY 2 / Z I",
        "7:x 8:NULL",
    )
    .await;
    let short = "E 22P04 unexpected EOF in COPY data [COPY t, line 1]";
    check(
        "copy t (a, b) from stdin (format binary)",
        &[head, &rows[..20]],
        &format!("G 1 / {short} / Z I"),
        "~",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_leaves_nothing() {
    for (data, error) in [
        (&b"1\tx\t1\n2\ty\n"[..], "22P04 missing data for column \"c\" [COPY t, line 2: \"2\ty\"]"),
        (b"1\tx\t1\t2\n", "22P04 extra data after last expected column [COPY t, line 1: \"1\tx\t1\t2\"]"),
        (
            b"1\tx\t1\nz\ty\t1\n",
            "22P02 invalid input syntax for type integer: \"z\" [COPY t, line 2, column a: \"z\"]",
        ),
        (
            b"1\tx\t1\n1\ty\t1\n",
            "23505 duplicate key value violates unique constraint \"t_pkey\" [COPY t, line 2]",
        ),
        (b"1\tx\t99999.5\n", "22003 numeric field overflow [COPY t, line 1, column c: \"99999.5\"]"),
        (
            b"1\t\xff\t1\n",
            "22021 invalid byte sequence for encoding \"UTF8\": 0xff [COPY t, line 1, column b: \"\u{fffd}\"]",
        ),
    ] {
        check("copy t from stdin", &[data], &format!("G 0 / E {error} / Z I"), "~").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_cut_off_leaves_nothing() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.check_all(&[(TABLE, "C CREATE TABLE / Z I")]).await;
    client.send(&[Query("copy t from stdin"), CopyData(b"1\tx\t1\n"), CopyFail("changed my mind")]).await;
    let failed = "G 0\nE 57014 COPY from stdin failed: changed my mind [COPY t, line 1]\nZ I";
    assert_eq!(client.until(b'Z').await, failed);
    client.send(&[Query("copy t from stdin"), CopyData(b"1\tx\t1\n")]).await;
    assert_eq!(client.until(b'G').await, "G 0");
    drop(client);
    let mut client = server.client().await;
    // It has to wait for the ticket of the one that left.
    client
        .check_all(&[
            ("insert into t values (2)", "C INSERT 0 1 / Z I"),
            ("select count(*) from t", "T count:20 / D 1 / C SELECT 1 / Z I"),
        ])
        .await;
    client.check(&[Sync], "Z I").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_go_out() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client
        .check_all(&[
            (TABLE, "C CREATE TABLE / Z I"),
            ("insert into t values (1, E'x\\ty,\"', 1), (2, null, null), (3, '', 0)", "C INSERT 0 3 / Z I"),
            ("copy t to stdout", "H 0 / d \"1\\tx\\\\ty,\\\"\\t1.00\\n\" / d \"2\\t\\\\N\\t\\\\N\\n\" / d \"3\\t\\t0.00\\n\" / c / C COPY 3 / Z I"),
            ("copy t (b, a) to stdout csv header", "H 0 / d \"b,a\\n\" / d \"\\\"x\\ty,\\\"\\\"\\\",1\\n\" / d \",2\\n\" / d \"\\\"\\\",3\\n\" / c / C COPY 3 / Z I"),
            ("copy (select a from t where a > 1 order by a) to stdout (delimiter '|')", "H 0 / d \"2\\n\" / d \"3\\n\" / c / C COPY 2 / Z I"),
            ("copy (select 1 as a) to stdout (format csv, force_quote *)", "H 0 / d \"\\\"1\\\"\\n\" / c / C COPY 1 / Z I"),
            ("copy t to '/tmp/x'", "E 0A000 COPY to or from a file or program of the server is not supported / Z I"),
            ("copy t from stdin (format xml)", "E 22023 COPY format \"xml\" not recognized / Z I"),
            ("copy t from stdin (delimiter 'ab')", "E 0A000 COPY delimiter must be a single one-byte character / Z I"),
            ("copy t (nope) to stdout", "E 42703 column \"nope\" does not exist / Z I"),
            ("copy nope to stdout", "E 42P01 relation \"nope\" does not exist / Z I"),
        ])
        .await;
}
