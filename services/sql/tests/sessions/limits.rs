//! Cancelling, timeouts, waits for the write ticket.

use std::time::{Duration, Instant};

use bole_sql::config::Config;

use crate::client::{Client, Send};
use crate::server::Server;

const LONG: &str = "select count(*) from generate_series(1, 100000000000)";

async fn cancel(server: &Server, (process_id, key): (i32, i32)) {
    let mut client = Client::connect(server.address).await;
    let packet =
        [16_u32.to_be_bytes(), 80_877_102_u32.to_be_bytes(), process_id.to_be_bytes(), key.to_be_bytes()];
    client.write(&packet.concat()).await;
    assert_eq!(client.until(b'Z').await, "end");
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_cancelled() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let cancelled = "E 57014 canceling statement due to user request";
    for sql in [LONG, "select pg_sleep(100)"] {
        client.send(&[Send::Query(sql)]).await;
        let (process_id, key) = client.key;
        // A wrong key does nothing; the right one is repeated, since the statement may not have begun.
        cancel(&server, (process_id, key ^ 1)).await;
        let repeat = async {
            loop {
                cancel(&server, (process_id, key)).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            said = client.until(b'E') => assert!(said.ends_with(cancelled), "{sql}: {said}"),
            () = repeat => {}
        }
        assert_eq!(client.until(b'Z').await, "Z I");
    }
    client.check_all(&[("select 1", "T ?column?:23 / D 1 / C SELECT 1 / Z I")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_time_out() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let timeout = "E 57014 canceling statement due to statement timeout";
    client.check_all(&[("set statement_timeout = 50", "C SET / Z I")]).await;
    for sql in [LONG, "select pg_sleep(100)"] {
        let said = client.query(sql).await;
        assert!(said.ends_with(&format!("{timeout}\nZ I")), "{said}");
    }
    client
        .check_all(&[(
            "set statement_timeout = 0; select pg_sleep(0.1)",
            "C SET / T pg_sleep:2278 / D  / C SELECT 1 / Z I",
        )])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_wait_for_each_other_and_readers_for_nobody() {
    let server = Server::start().await;
    let (mut first, mut second) = (server.client().await, server.client().await);
    first
        .check_all(&[
            ("create table t (a int primary key)", "C CREATE TABLE / Z I"),
            ("begin; insert into t values (1)", "C BEGIN / C INSERT 0 1 / Z T"),
        ])
        .await;
    second
        .check_all(&[
            ("select count(*) from t", "T count:20 / D 0 / C SELECT 1 / Z I"),
            ("set lock_timeout = 50", "C SET / Z I"),
            ("insert into t values (2)", "E 55P03 canceling statement due to lock timeout / Z I"),
            ("set lock_timeout = 0; set statement_timeout = 50", "C SET / C SET / Z I"),
            ("insert into t values (2)", "E 57014 canceling statement due to statement timeout / Z I"),
            ("set statement_timeout = 0", "C SET / Z I"),
            (
                "begin isolation level repeatable read; select count(*) from t",
                "C BEGIN / T count:20 / D 0 / C SELECT 1 / Z T",
            ),
        ])
        .await;
    second.send(&[Send::Query("insert into t values (2)")]).await;
    first.check_all(&[("commit", "C COMMIT / Z I")]).await;
    let said = second.until(b'Z').await;
    assert_eq!(said, "E 40001 could not serialize access due to concurrent update\nZ E");
    second
        .check_all(&[
            ("rollback; select count(*) from t", "C ROLLBACK / T count:20 / D 1 / C SELECT 1 / Z I"),
            ("begin; insert into t values (2)", "C BEGIN / C INSERT 0 1 / Z T"),
        ])
        .await;
    // One that waits goes on when the other ends, with its client gone.
    first.send(&[Send::Query("insert into t values (2)")]).await;
    drop(second);
    assert_eq!(first.until(b'Z').await, "C INSERT 0 1\nZ I");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_idles_with_the_ticket_is_ended() {
    let config = Config { idle_writer_timeout: Duration::from_millis(100), ..Config::default() };
    let server = Server::with(config).await;
    let (mut first, mut second) = (server.client().await, server.client().await);
    first
        .check_all(&[
            ("create table t (a int)", "C CREATE TABLE / Z I"),
            ("begin; insert into t values (1)", "C BEGIN / C INSERT 0 1 / Z T"),
        ])
        .await;
    second
        .check_all(&[
            ("insert into t values (2)", "C INSERT 0 1 / Z I"),
            ("select a from t", "T a:23 / D 2 / C SELECT 1 / Z I"),
        ])
        .await;
    let ended = "E FATAL 25P03 terminating connection due to idle-in-transaction timeout\nend";
    assert_eq!(first.until(b'Z').await, ended);
    second.check_all(&[("set idle_session_timeout = 50", "C SET / Z I")]).await;
    assert_eq!(
        second.until(b'Z').await,
        "E FATAL 57P05 terminating connection due to idle-session timeout\nend"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn large_results_leave_early_and_messages_are_bounded() {
    let config = Config { message_bytes_max: 1 << 20, ..Config::default() };
    let server = Server::with(config).await;
    let mut client = server.client().await;
    client.send(&[Send::Query("select repeat('x', 1000) from generate_series(1, 20000)")]).await;
    let (mut rows, began) = (0, Instant::now());
    while let Some((tag, _)) = client.frame().await {
        rows += usize::from(tag == b'D');
        if tag == b'Z' {
            break;
        }
    }
    assert_eq!(rows, 20_000, "after {:?}", began.elapsed());
    client.write(b"Q\0\x10\0\x01").await;
    assert_eq!(client.until(b'Z').await, "E FATAL 08P01 invalid message length\nend");
}
