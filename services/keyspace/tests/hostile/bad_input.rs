//! Bad input over sockets (promise P6): a clear error, bounded memory, and nobody else harmed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bole_keyspace::service::Service;
use bole_keyspace::{Config, connection};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::support;

/// Nothing here takes longer, if it works.
const PATIENCE: Duration = Duration::from_mins(1);

async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"))
}

async fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    BufReader::new(TcpStream::connect(address).await.expect("a connection"))
}

/// Sends bytes and reads a line of the reply; empty at the end of the connection.
async fn line(client: &mut BufReader<TcpStream>, bytes: &[u8]) -> String {
    client.get_mut().write_all(bytes).await.expect("bytes are taken");
    let mut line = String::new();
    patiently("a reply", client.read_line(&mut line)).await.expect("a reply");
    line.trim_end().to_owned()
}

/// Somebody else is answered.
async fn check_other(other: &mut BufReader<TcpStream>) {
    assert_eq!(line(other, b"PING\r\n").await, "+PONG");
}

fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[tokio::test]
async fn bad_requests_get_their_error_and_only_broken_frames_end_the_connection() {
    let (address, _service) = support::start().await;
    let mut other = connect(address).await;
    assert_eq!(line(&mut other, b"SET text x\r\n").await, "+OK");
    let deep = b"*1\r\n".repeat(10_000);
    let endless = vec![b'a'; 64 << 10];
    let rows: &[(&[u8], &str, bool)] = &[
        (b"*1\r\n$536870913\r\n", "-ERR Protocol error: invalid bulk length", false),
        (b"*1\r\n$99999999999999999999\r\n", "-ERR Protocol error: invalid bulk length", false),
        (b"*1\r\n$-5\r\n", "-ERR Protocol error: invalid bulk length", false),
        (b"*1048577\r\n", "-ERR Protocol error: invalid multibulk length", false),
        (b"*one\r\n", "-ERR Protocol error: invalid multibulk length", false),
        (b"*1\r\n:1\r\n", "-ERR Protocol error: expected '$', got ':'", false),
        (&deep, "-ERR Protocol error: expected '$', got '*'", false),
        (&endless, "-ERR Protocol error: too big inline request", false),
        (b"GET \"open\r\n", "-ERR Protocol error: unbalanced quotes in request", false),
        (b"FOO bar\r\n", "-ERR unknown command 'FOO', with args beginning with: 'bar' ", true),
        (b"GET\r\n", "-ERR wrong number of arguments for 'get' command", true),
        (b"GETDEL text x\r\n", "-ERR wrong number of arguments for 'getdel' command", true),
        (b"INCR text\r\n", "-ERR value is not an integer or out of range", true),
        (b"HGET text f\r\n", "-WRONGTYPE Operation against a key holding the wrong kind of value", true),
        (b"SET k v EX ten\r\n", "-ERR value is not an integer or out of range", true),
        (b"SET k v EX\r\n", "-ERR syntax error", true),
        (
            b"SETRANGE k 536870912 x\r\n",
            "-ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            true,
        ),
        (b"SELECT 16\r\n", "-ERR DB index is out of range", true),
        (b"RESTORE k 0 nonsense\r\n", "-ERR DUMP payload version or checksum are wrong", true),
        (b"*0\r\n*-1\r\n\r\nPING\r\n", "+PONG", true),
    ];
    for (bytes, expected, stays) in rows {
        let mut client = connect(address).await;
        let shown = bytes[..bytes.len().min(60)].escape_ascii();
        assert_eq!(line(&mut client, bytes).await, expected.trim_end(), "{shown}");
        if *stays {
            check_other(&mut client).await;
        } else {
            // The rest may have been unread when the server closed, which resets the connection.
            let mut rest = Vec::new();
            let _reset = patiently("the end", client.read_to_end(&mut rest)).await;
            assert!(rest.is_empty(), "{shown}: {}", rest.escape_ascii());
        }
        check_other(&mut other).await;
    }
}

#[tokio::test]
async fn half_frames_and_slow_senders_hold_up_nobody() {
    let (address, _service) = support::start().await;
    let mut other = connect(address).await;
    let halves: [&[u8]; 5] = [
        b"*",
        b"*3\r\n$3\r\nSET",
        b"GE",
        b"*1048576\r\n$4\r\nMSET\r\n",
        b"*2\r\n$3\r\nGET\r\n$536870912\r\nabc",
    ];
    let mut held = Vec::new();
    for half in halves.iter().cycle().take(500) {
        let mut client = connect(address).await;
        client.get_mut().write_all(half).await.expect("bytes are taken");
        held.push(client);
    }
    check_other(&mut other).await;

    let mut slow = Vec::new();
    for _ in 0..20 {
        slow.push(connect(address).await);
    }
    for byte in command(&[b"SET", b"slow", b"value"]) {
        for client in &mut slow {
            client.get_mut().write_all(&[byte]).await.expect("bytes are taken");
        }
        check_other(&mut other).await;
    }
    for client in &mut slow {
        assert_eq!(line(client, b"").await, "+OK");
    }
    drop(held);
    check_other(&mut other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_commands_in_one_write_are_answered() {
    const COMMANDS: usize = 1_000_000;
    let (address, _service) = support::start().await;
    let mut other = connect(address).await;
    let (mut read, mut write) = TcpStream::connect(address).await.expect("a connection").into_split();
    let sending =
        tokio::spawn(async move { write.write_all(&b"PING\r\n".repeat(COMMANDS)).await.map(|()| write) });
    check_other(&mut other).await;
    let mut replies = vec![0; COMMANDS * b"+PONG\r\n".len()];
    patiently("a million replies", read.read_exact(&mut replies)).await.expect("replies");
    assert!(replies == b"+PONG\r\n".repeat(COMMANDS));
    check_other(&mut other).await;
    drop(sending.await.expect("no panic").expect("all was sent"));
}

/// Waits until `done` holds, letting others work.
async fn until(what: &str, mut done: impl FnMut() -> bool) {
    patiently(what, async {
        while !done() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_reads_holds_a_bounded_reply_and_can_be_killed() {
    const VALUE: usize = 1 << 20;
    let service = support::service(4, Config::default());
    let mut other = connect(support::listen(Arc::clone(&service)).await).await;
    assert_eq!(line(&mut other, &command(&[b"SET", b"big", &vec![b'x'; VALUE]])).await, "+OK");
    let sent_before = service.metrics.bytes_out.load(Ordering::SeqCst);

    let (client, server) = tokio::io::duplex(4 << 10);
    let (unread, mut write) = tokio::io::split(client);
    let nowhere: SocketAddr = "127.0.0.1:1".parse().expect("an address");
    let serving = tokio::spawn(connection::serve(Arc::clone(&service), server, nowhere, nowhere));
    let sending =
        tokio::spawn(async move { write.write_all(&command(&[b"GET", b"big"]).repeat(1_000)).await });
    let held = || service.metrics.bytes_out.load(Ordering::SeqCst) - sent_before;
    until("the first replies", || held() > 0).await;
    for _ in 0..100 {
        check_other(&mut other).await;
    }
    let bytes = held();
    // What was gathered before the first write that the client did not take: a flush's worth and one more value.
    assert!(bytes <= 2 * VALUE as u64 + 2_000, "{bytes} bytes are held for a client that does not read");
    assert!(!serving.is_finished() && !sending.is_finished());

    let victim =
        service.clients.all().into_iter().find(|client| client.peer == nowhere).expect("it is listed");
    victim.kill();
    patiently("the end of a killed client", serving).await.expect("no panic");
    assert!(service.clients.get(victim.id).is_none());
    drop(unread);
    let _broken = sending.await.expect("no panic");
}

#[tokio::test]
async fn replies_beyond_the_bound_cut_the_client_off() {
    let service = support::service(4, Config { output_bytes_max: 2 << 20, ..Config::default() });
    let address = support::listen(Arc::clone(&service)).await;
    let mut other = connect(address).await;
    assert_eq!(line(&mut other, &command(&[b"SET", b"big", &vec![b'x'; 1 << 20]])).await, "+OK");
    let many: Vec<&[u8]> =
        std::iter::once(&b"MGET"[..]).chain(std::iter::repeat_n(&b"big"[..], 100)).collect();
    let get = command(&[b"GET", b"big"]);
    let transaction = [command(&[b"MULTI"]), get.repeat(100), command(&[b"EXEC"])].concat();
    for (what, request, replies) in
        [("MGET", command(&many), 0), ("EXEC", transaction, b"+OK\r\n".len() + 100 * b"+QUEUED\r\n".len())]
    {
        let mut client = connect(address).await;
        client.get_mut().write_all(&request).await.expect("bytes are taken");
        let mut rest = Vec::new();
        patiently("the end", client.read_to_end(&mut rest)).await.expect("an orderly end");
        assert!(rest.len() <= replies, "{what}: {} bytes of replies", rest.len());
        check_other(&mut other).await;
    }
    // Any number of replies may follow one another.
    let mut client = connect(address).await;
    client.get_mut().write_all(&get.repeat(10)).await.expect("bytes are taken");
    let mut replies = vec![0; 10 * ((1 << 20) + b"$1048576\r\n\r\n".len())];
    patiently("ten values", client.read_exact(&mut replies)).await.expect("replies");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_never_reads_is_cut_off() {
    let config = Config { pubsub_hard_bytes: 1 << 20, ..Config::default() };
    let service: Arc<Service> = support::service(4, config);
    let address = support::listen(Arc::clone(&service)).await;
    let mut subscriber = connect(address).await;
    assert_eq!(line(&mut subscriber, b"SUBSCRIBE news\r\n").await, "*3");
    let mut publisher = connect(address).await;
    let publish = command(&[b"PUBLISH", b"news", &vec![b'n'; 64 << 10]]);
    let mut published = 0;
    while line(&mut publisher, &publish).await == ":1" {
        published += 1;
        let waiting = service.clients.all().iter().map(|client| client.outbox_bytes()).max();
        assert!(waiting < Some(2 << 20), "{waiting:?} bytes wait");
        assert!(published < 10_000, "it is never cut off");
    }
    until("the subscriber to be gone", || service.clients.len() == 1).await;
    assert_eq!(line(&mut publisher, &publish).await, ":0");
}
