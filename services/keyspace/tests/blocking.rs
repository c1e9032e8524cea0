//! How a wait ends other than by being served: somebody ends it, the client is cut off, or it leaves. What is pushed afterwards
//! belongs to others.

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bole_keyspace::client::{Client, Unblock};
use bole_keyspace::service::Service;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Waits until a condition holds.
async fn until(condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), holds).await.expect("the condition comes to hold");
}

/// Sends `command`, and reads as many bytes as `expected` has.
async fn exchange(stream: &mut TcpStream, command: &str, expected: &str) {
    stream.write_all(format!("{command}\r\n").as_bytes()).await.expect("the server reads");
    receive(stream, expected).await;
}

async fn receive(stream: &mut TcpStream, expected: &str) {
    let mut reply = vec![0; expected.len()];
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut reply)).await;
    read.expect("a reply in time").expect("a reply");
    assert_eq!(String::from_utf8_lossy(&reply), expected);
}

/// A connection whose `command` has begun to wait, and the client behind it.
async fn waiting(address: SocketAddr, service: &Service, command: &str) -> (TcpStream, Arc<Client>) {
    let mut stream = TcpStream::connect(address).await.expect("the server accepts");
    stream.write_all(format!("{command}\r\n").as_bytes()).await.expect("the server reads");
    let own = stream.local_addr().expect("it is connected");
    let find = || service.clients.all().into_iter().find(|client| client.peer == own);
    until(|| find().is_some_and(|client| client.blocked.load(Ordering::Acquire))).await;
    (stream, find().expect("it was there"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_ends_a_wait() {
    let (address, service) = support::start().await;
    for (how, command, expected) in [
        (Unblock::Timeout, "BLPOP a b 0", "*-1\r\n"),
        (Unblock::Timeout, "BLMOVE a b LEFT RIGHT 100", "*-1\r\n"),
        (Unblock::Error, "BZPOPMIN a 0", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"),
    ] {
        let (mut stream, client) = waiting(address, &service, command).await;
        assert!(client.unblock(how), "{command}");
        receive(&mut stream, expected).await;
        exchange(&mut stream, "RPUSH a x", ":1\r\n").await;
        exchange(&mut stream, "LPOP a", "$1\r\nx\r\n").await;
        assert!(!client.unblock(how), "{command}: it does not wait any more");
        exchange(&mut stream, "PING", "+PONG\r\n").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_gone_takes_nothing() {
    let (address, service) = support::start().await;
    let mut other = TcpStream::connect(address).await.expect("the server accepts");
    for (kill, command) in [(false, "BLPOP a b 0"), (true, "BLPOP a 0"), (false, "BLMOVE a b LEFT LEFT 0")] {
        let (mut stream, client) = waiting(address, &service, command).await;
        let id = client.id;
        if kill {
            client.kill();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.expect("the server closes");
            assert!(rest.is_empty());
        } else {
            drop(stream);
        }
        until(|| service.clients.get(id).is_none()).await;
        exchange(&mut other, "RPUSH a x", ":1\r\n").await;
        exchange(&mut other, "LLEN a", ":1\r\n").await;
        exchange(&mut other, "LPOP a", "$1\r\nx\r\n").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_that_is_waited_in_counts() {
    let (address, service) = support::start().await;
    let (mut stream, _client) = waiting(address, &service, "BLPOP k 0").await;
    let mut other = TcpStream::connect(address).await.expect("the server accepts");
    exchange(&mut other, "SELECT 1", "+OK\r\n").await;
    exchange(&mut other, "RPUSH k elsewhere", ":1\r\n").await;
    exchange(&mut other, "LLEN k", ":1\r\n").await;
    exchange(&mut other, "SELECT 0", "+OK\r\n").await;
    exchange(&mut other, "RPUSH k here", ":1\r\n").await;
    receive(&mut stream, "*2\r\n$1\r\nk\r\n$4\r\nhere\r\n").await;
}
