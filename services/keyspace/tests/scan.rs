//! SCAN over all shards of a database: whatever the step, every key that is there throughout is returned exactly once, though others come
//! and go meanwhile. Besides, what transcripts
//! cannot say: a client that was killed is cut off once it has its reply, and replies that nobody wants are not sent.

mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

struct Client(BufReader<TcpStream>);

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(address).await.expect("the server accepts")))
    }

    async fn send(&mut self, command: &str) {
        self.0.write_all(format!("{command}\r\n").as_bytes()).await.expect("the server reads");
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).await.expect("a line");
        line.trim_end().to_owned()
    }

    async fn bulk(&mut self) -> String {
        self.line().await;
        self.line().await
    }

    /// The next cursor and the keys.
    async fn scan(&mut self, cursor: &str, options: &str) -> (String, Vec<String>) {
        self.send(&format!("SCAN {cursor} {options}")).await;
        assert_eq!(self.line().await, "*2");
        let cursor = self.bulk().await;
        let count = self.line().await[1..].parse().expect("a count");
        let mut keys = Vec::new();
        for _ in 0..count {
            keys.push(self.bulk().await);
        }
        (cursor, keys)
    }
}

#[tokio::test]
async fn every_key_exactly_once() {
    const KEYS: usize = 3_000;
    let mut client = Client::connect(support::start().await.0).await;
    for key in 0..KEYS {
        client.send(&format!("SET key:{key} v")).await;
        assert_eq!(client.line().await, "+OK");
    }
    for options in ["", "COUNT 1", "COUNT 7", "COUNT 100", "COUNT 100000", "COUNT 50 MATCH key:* TYPE string"]
    {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut cursor = "0".to_owned();
        let mut rounds = 0;
        loop {
            let (next, keys) = client.scan(&cursor, options).await;
            for key in keys.into_iter().filter(|key| key.starts_with("key:")) {
                *seen.entry(key).or_default() += 1;
            }
            if next == "0" {
                break;
            }
            assert!(next.parse::<u64>().expect("a number") < 1 << 53, "exact as a double");
            cursor = next;
            rounds += 1;
            assert!(rounds < 10 * KEYS, "it ends");
            if rounds % 10 == 0 {
                client.send(&format!("SET other:{} v", rounds * 7)).await;
                client.line().await;
            }
        }
        assert_eq!(seen.len(), KEYS, "{options}");
        assert!(seen.values().all(|times| *times == 1), "{options}");
    }
}

#[tokio::test]
async fn a_killed_client_gets_its_reply_and_is_cut_off() {
    let mut client = Client::connect(support::start().await.0).await;
    client.send("CLIENT KILL TYPE normal SKIPME no").await;
    assert_eq!(client.line().await, ":1");
    let mut rest = Vec::new();
    assert_eq!(client.0.read_to_end(&mut rest).await.expect("the end"), 0);
}

#[tokio::test]
async fn replies_that_nobody_wants_are_not_sent() {
    let mut client = Client::connect(support::start().await.0).await;
    for command in [
        "CLIENT REPLY SKIP",
        "ECHO skipped",
        "PING",
        "CLIENT REPLY OFF",
        "ECHO off",
        "CLIENT REPLY SKIP",
        "ECHO off",
        "CLIENT REPLY ON",
    ] {
        client.send(command).await;
    }
    assert_eq!(client.line().await, "+PONG");
    assert_eq!(client.line().await, "+OK", "of CLIENT REPLY ON");
    client.send("PING").await;
    assert_eq!(client.line().await, "+PONG");
}
