//! Cancelling, timeouts, waits for the write ticket.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bole_sql::config::Config;

use crate::client::{Client, Send};
use crate::server::{Bounds, Server};

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

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_no_rows_does_not_keep_the_ticket() {
    let config = Config { idle_writer_timeout: Duration::from_millis(200), ..Config::default() };
    let server = Server::with(config).await;
    let (mut first, mut second) = (server.client().await, server.client().await);
    first.check_all(&[("create table t (a int)", "C CREATE TABLE / Z I")]).await;
    first
        .send(&[Send::Query(
            "begin; insert into t values (1); select repeat('x', 100000) from generate_series(1, 100000)",
        )])
        .await;
    assert_eq!(first.until(b'T').await.lines().count(), 3);
    second
        .check_all(&[
            ("insert into t values (2)", "C INSERT 0 1 / Z I"),
            ("select a from t", "T a:23 / D 2 / C SELECT 1 / Z I"),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_for_advisory_locks_end_and_are_in_nobodys_way() {
    let server = Server::start().await;
    let (mut first, mut second) = (server.client().await, server.client().await);
    first
        .check_all(&[
            ("create table t (a int)", "C CREATE TABLE / Z I"),
            ("select pg_advisory_lock(1)", "T pg_advisory_lock:2278 / D  / C SELECT 1 / Z I"),
        ])
        .await;
    let lock = "select pg_advisory_lock(1)";
    second.check_all(&[("set lock_timeout = 50", "C SET / Z I")]).await;
    let said = second.query(lock).await;
    assert!(said.ends_with("E 55P03 canceling statement due to lock timeout\nZ I"), "{said}");
    let begun = "C SET / C BEGIN / C INSERT 0 1 / Z T";
    second.check_all(&[("set lock_timeout = 0; begin; insert into t values (1)", begun)]).await;
    let said = second.query(lock).await;
    assert!(said.ends_with("E 40P01 deadlock detected\nZ E"), "{said}");
    second.check_all(&[("rollback", "C ROLLBACK / Z I")]).await;
    // More than there may be readers.
    let mut waiting = Vec::new();
    for _ in 0..bole_sql::limits::READERS_MAX + 6 {
        let mut client = server.client().await;
        client.send(&[Send::Query("select pg_advisory_xact_lock_shared(1)")]).await;
        waiting.push(client);
    }
    first
        .check_all(&[
            ("select count(*) from t", "T count:20 / D 0 / C SELECT 1 / Z I"),
            ("select pg_advisory_unlock(1)", "T pg_advisory_unlock:16 / D t / C SELECT 1 / Z I"),
        ])
        .await;
    for client in &mut waiting {
        assert!(client.until(b'Z').await.ends_with("C SELECT 1\nZ I"));
    }
    first.check_all(&[("select count(*) from t", "T count:20 / D 0 / C SELECT 1 / Z I")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_transaction_gathers_is_bounded_and_allowed() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for (sql, end) in [
        (
            "select count(pg_notify('c', i || repeat('x', 7900))) from generate_series(1, 10000) i",
            "E 54000 too many effects in one transaction\nZ I",
        ),
        (
            "select set_config('transaction_isolation', 'serializable', false)",
            "E 0A000 parameter \"transaction_isolation\" other than by SET TRANSACTION is not supported\nZ I",
        ),
        (
            "reset transaction_read_only",
            "E 0A000 parameter \"transaction_read_only\" other than by SET TRANSACTION is not supported\nZ I",
        ),
        (
            "select count(set_config('my.own', repeat('x', 60000) || i, false)) from generate_series(1, 1000) i",
            "E 54000 too many settings are changed in one transaction\nZ I",
        ),
    ] {
        let said = client.query(sql).await;
        assert!(said.ends_with(end), "{sql}: {said}");
    }
    server.service.set_effects_policy(Box::new(|user, service, _| user != "bole" || service != "keyspace"));
    let said = client.query("select bole.cache_del('k')").await;
    assert!(said.ends_with("E 42501 permission denied for keyspace 0\nZ I"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_cursors_are_bounded_in_memory_and_in_files() {
    let bounds = Bounds { cursor_bytes: 100_000, spill_bytes: 4 << 20, ..Bounds::default() };
    let server = Server::with_bounds(Config::default(), bounds).await;
    let mut client = server.client().await;
    let spill = server.service.databases.spill();
    let declare =
        "declare N scroll cursor with hold for select i, repeat('x', 1000) from generate_series(1, 2000) i";
    client
        .check_all(&[
            ("begin", "C BEGIN / Z T"),
            (&declare.replace('N', "a"), "C DECLARE CURSOR / Z T"),
            ("commit", "C COMMIT / Z I"),
            ("move absolute 1999 in a", "C MOVE 1 / Z I"),
        ])
        .await;
    assert!(spill.used().files == 1 && spill.used().bytes > 2_000_000, "{:?}", spill.used());
    assert!(spill.memory() <= 100_000, "{}", spill.memory());
    let said = client.query("fetch backward 3 from a").await;
    for row in ["1998", "1997", "1996"] {
        assert!(said.contains(&format!("D {row}|x")), "{said}");
    }
    client
        .check_all(&[(
            &declare.replace('N', "b").replace("2000", "4000"),
            "E 53400 what statements have set aside takes 4194304 bytes of files; 4194304 are allowed / Z I",
        )])
        .await;
    assert_eq!(spill.used().files, 1, "nothing is left of what was refused");
    client
        .check_all(&[
            ("close a", "C CLOSE CURSOR / Z I"),
            ("select 1", "T ?column?:23 / D 1 / C SELECT 1 / Z I"),
        ])
        .await;
    assert_eq!((spill.used().bytes, spill.used().files, spill.memory()), (0, 0, 0));
    // Sorts are among what is bounded, and leave nothing behind.
    let said = client.query("select count(*) from (select repeat('x', 1000) || i from generate_series(1, 30000) i order by 1 desc offset 1) t").await;
    assert!(said.contains("E 53400 what statements have set aside takes"), "{said}");
    assert_eq!(spill.used().bytes, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_what_is_set_aside_and_no_commit() {
    let bounds = Bounds { cursor_bytes: 1_000, keep_free: u64::MAX, ..Bounds::default() };
    let server = Server::with_bounds(Config::default(), bounds).await;
    let mut client = server.client().await;
    client
        .check_all(&[("create table t (a int, b text)", "C CREATE TABLE / Z I"), ("begin", "C BEGIN / Z T")])
        .await;
    let said =
        client.query("declare c cursor for select repeat('x', 1000) from generate_series(1, 20)").await;
    assert!(said.starts_with("E 53100 ") && said.ends_with(" are kept for the journal\nZ E"), "{said}");
    client
        .check_all(&[
            ("rollback", "C ROLLBACK / Z I"),
            ("insert into t values (1, 'x')", "C INSERT 0 1 / Z I"),
            ("begin; create temp table own (a text)", "C BEGIN / C CREATE TABLE / Z T"),
        ])
        .await;
    // What SQLite keeps of a temporary table in memory needs no disk.
    let said =
        client.query("insert into own select repeat('x', 1000) || i from generate_series(1, 20000) i").await;
    assert!(said.starts_with("E 53100 ") && said.ends_with(" are kept for the journal\nZ E"), "{said}");
    client
        .check_all(&[
            ("rollback", "C ROLLBACK / Z I"),
            ("select a from t", "T a:23 / D 1 / C SELECT 1 / Z I"),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_of_portals_are_bounded() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let long = "x".repeat(40 << 20);
    client.check_all(&[("begin", "C BEGIN / Z T")]).await;
    client
        .send(&[
            Send::Parse("s", "select length($1::text)", &[]),
            Send::Bind("one", "s", &[Some(&long)]),
            Send::Bind("two", "s", &[Some(&long)]),
            Send::Sync,
        ])
        .await;
    let said = client.until(b'Z').await;
    assert!(
        said.contains(
            "E 53200 the parameters of this session's portals take 41943040 bytes and 41943040 more"
        ),
        "{said}"
    );
}

/// Rows of a table so that the `-wal` grows by more than `bytes`; some of each commit.
async fn write(client: &mut Client, bytes: usize) {
    for _ in 0..bytes / 100_000 {
        client.check_all(&[("insert into t values (1, repeat('x', 100000))", "C INSERT 0 1 / Z I")]).await;
    }
}

/// Writes a little until the `-wal` has started over.
async fn start_over(server: &Server, client: &mut Client, bytes: u64) {
    let database = server.service.databases.get("bole").unwrap();
    let began = Instant::now();
    while database.wal_bytes() > bytes {
        let (snapshots, wal) = (database.snapshots(), database.wal_bytes());
        assert!(began.elapsed() < Duration::from_mins(1), "{snapshots:?}, {wal} bytes");
        client.check_all(&[("insert into t values (2, '')", "C INSERT 0 1 / Z I")]).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_that_keep_the_overlay_from_starting_over_are_ended() {
    let bounds = Bounds { wal_bytes: 1 << 20, overlay_bytes: 4 << 20, ..Bounds::default() };
    let server = Server::with_bounds(Config::default(), bounds).await;
    tokio::spawn(Arc::clone(&server.service).look_after());
    let (mut writer, mut idle, mut running, mut blocked) =
        (server.client().await, server.client().await, server.client().await, server.client().await);
    writer.check_all(&[("create table t (a int, b text)", "C CREATE TABLE / Z I")]).await;
    let begin = "begin isolation level repeatable read; select count(*) from t";
    idle.check_all(&[
        (begin, "C BEGIN / T count:20 / D 0 / C SELECT 1 / Z T"),
        ("savepoint s", "C SAVEPOINT / Z T"),
    ])
    .await;
    running.send(&[Send::Query(LONG)]).await;
    blocked.send(&[Send::Query("select repeat('x', 100000) from generate_series(1, 100000)")]).await;
    assert_eq!(blocked.until(b'T').await.lines().count(), 1);
    let database = server.service.databases.get("bole").unwrap();
    while database.snapshots().count < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    write(&mut writer, 3 << 20).await;
    assert_eq!(database.snapshots().ended, 0, "the bound is not reached");
    write(&mut writer, 2 << 20).await;
    // One that is short is in nobody's way.
    writer.check_all(&[("select count(*) from t", "T count:20 / D 51 / C SELECT 1 / Z I")]).await;
    let old = "E 72000 the snapshot is too old: it kept the file of recent changes from starting over, which has reached its bound";
    assert_eq!(running.until(b'Z').await.lines().skip(1).collect::<Vec<_>>(), [old, "Z I"]);
    idle.check_all(&[
        ("select count(*) from t", &format!("{old} / Z E")),
        // Not even there does it get another snapshot.
        ("rollback to s", "C ROLLBACK / Z T"),
        ("select count(*) from t", &format!("{old} / Z E")),
        ("rollback to s; insert into t values (1, '')", &format!("C ROLLBACK / {old} / Z E")),
        ("rollback", "C ROLLBACK / Z I"),
    ])
    .await;
    while database.snapshots().count > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(database.snapshots().ended, 3);
    start_over(&server, &mut writer, 1 << 20).await;
    idle.check_all(&[
        (&begin.replace("from t", "from t where a = 1"), "C BEGIN / T count:20 / D 51 / C SELECT 1 / Z T"),
        ("commit", "C COMMIT / Z I"),
    ])
    .await;
    // What had left of the rows arrives, and then why there are no more.
    let said = blocked.until(b'Z').await;
    assert!(said.ends_with(&format!("{old}\nZ I")), "{}", &said[said.len() - 300..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_whose_client_takes_nothing_is_stopped() {
    let server = Server::start().await;
    let (mut first, mut second) = (server.client().await, server.client().await);
    second.check_all(&[("create table t (a int)", "C CREATE TABLE / Z I")]).await;
    let database = server.service.databases.get("bole").unwrap();
    let large = "select repeat('x', 100000) from generate_series(1, 100000)";
    let by_user = "E 57014 canceling statement due to user request";
    let by_time = "E 57014 canceling statement due to statement timeout";
    for (sql, heads, cancels, end) in [
        (large.to_owned(), 1, true, format!("{by_user}\nZ I")),
        (format!("begin; insert into t values (1); {large}"), 3, true, format!("{by_user}\nZ E")),
        ("rollback; set statement_timeout = 300".to_owned(), 0, false, "C SET\nZ I".to_owned()),
        (format!("begin; insert into t values (1); {large}"), 3, false, format!("{by_time}\nZ E")),
    ] {
        first.send(&[Send::Query(&sql)]).await;
        if heads > 0 {
            assert_eq!(first.until(b'T').await.lines().count(), heads);
        }
        let (process_id, key) = first.key;
        if cancels {
            // Nothing shows that the statement waits for its client; where it does not yet, that is the easier case.
            tokio::time::sleep(Duration::from_millis(200)).await;
            cancel(&server, (process_id, key)).await;
        }
        // Nobody has read a row, and what the statement held is free.
        second.check_all(&[("insert into t values (2)", "C INSERT 0 1 / Z I")]).await;
        while database.snapshots().count > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let said = first.until(b'Z').await;
        assert!(said.ends_with(&end), "{sql}: {}", &said[said.len().saturating_sub(200)..]);
    }
    first
        .check_all(&[(
            "rollback; select count(*) from t where a = 1",
            "C ROLLBACK / T count:20 / D 0 / C SELECT 1 / Z I",
        )])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sleep_with_the_ticket_is_stopped() {
    let server = Server::start().await;
    let (mut first, mut second) = (server.client().await, server.client().await);
    second.check_all(&[("create table t (a int)", "C CREATE TABLE / Z I")]).await;
    let sleep = "begin; insert into t values (1); select pg_sleep(1000)";
    let timeout = "E 57014 canceling statement due to statement timeout";
    first
        .check_all(&[(
            "set statement_timeout = 100; set idle_in_transaction_session_timeout = 50",
            "C SET / C SET / Z I",
        )])
        .await;
    first.send(&[Send::Query(sleep)]).await;
    assert!(first.until(b'Z').await.ends_with(&format!("{timeout}\nZ E")));
    second.check_all(&[("insert into t values (2)", "C INSERT 0 1 / Z I")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_the_ticket_is_bounded_and_runs_once() {
    let server = Server::start().await;
    let (mut first, mut second) = (server.client().await, server.client().await);
    second
        .check_all(&[
            ("create table t (a int); create sequence s", "C CREATE TABLE / C CREATE SEQUENCE / Z I"),
            ("select nextval('s')", "T nextval:20 / D 1 / C SELECT 1 / Z I"),
            ("prepare p(int) as insert into t values ($1)", "C PREPARE / Z I"),
            ("set lock_timeout = 50", "C SET / Z I"),
        ])
        .await;
    first.check_all(&[("begin; insert into t values (0)", "C BEGIN / C INSERT 0 1 / Z T")]).await;
    let timeout = "E 55P03 canceling statement due to lock timeout";
    second
        .check_all(&[
            ("checkpoint", &format!("{timeout} / Z I")),
            ("execute p(random() * 0)", &format!("{timeout} / Z I")),
            ("set lock_timeout = 0", "C SET / Z I"),
        ])
        .await;
    // The argument is computed before the wait, and not again after it: the lock was taken once.
    second.check_all(&[("prepare q(int) as insert into t values ($1)", "C PREPARE / Z I")]).await;
    second.send(&[Send::Query("execute q(pg_try_advisory_lock(7)::int)")]).await;
    let mut third = server.client().await;
    while !third.query("select pg_try_advisory_xact_lock(7)").await.contains("D f") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    first.check_all(&[("commit", "C COMMIT / Z I")]).await;
    assert_eq!(second.until(b'Z').await, "C INSERT 0 1\nZ I");
    let said = second.query("select pg_advisory_unlock(7), pg_advisory_unlock(7)").await;
    assert!(said.contains("D t|f"), "{said}");
    second.check_all(&[("checkpoint", "C CHECKPOINT / Z I")]).await;
}
