//! Bytes that no client should send: the fuzz corpus and thousands of mutations of it, through the parser and through whole connections.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bole_keyspace::protocol::request::check_bytes;
use bole_keyspace::service::Service;
use bole_keyspace::{Config, connection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support;

/// A generator of numbers below a bound; the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

fn corpus() -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/request");
    let mut paths: Vec<_> =
        std::fs::read_dir(dir).expect("the corpus").map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    let seeds: Vec<_> = paths.iter().map(|path| std::fs::read(path).expect("a seed")).collect();
    assert!(seeds.len() > 8, "the corpus is there");
    seeds
}

/// One to five changes of a seed: bytes hit, cut, doubled, or continued with another seed.
fn mutate(seeds: &[Vec<u8>], seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.extend_from_slice(&seeds[random.below(seeds.len())]),
            2 => bytes.splice(at..at, seeds[random.below(seeds.len())].clone()).for_each(drop),
            _ if bytes.is_empty() => {}
            3 => bytes[at] = b"*$\r\n-09\"' "[random.below(10)],
            4 => bytes[at] ^= 1 << random.below(8),
            _ => drop(bytes.remove(at)),
        }
    }
    bytes
}

#[test]
fn the_parser_survives_any_bytes() {
    let seeds = corpus();
    let mut random = Random(0x5EED);
    for seed in &seeds {
        check_bytes(seed);
        for _ in 0..3_000 {
            check_bytes(&mutate(&seeds, seed, &mut random));
        }
    }
}

/// Sends `bytes` and then nothing more: the connection must end by itself, without a panic.
async fn feed(service: &Arc<Service>, bytes: &[u8]) {
    let (mut client, server) = tokio::io::duplex(1 << 10);
    let nowhere = "127.0.0.1:1".parse().expect("an address");
    let serving = tokio::spawn(connection::serve(Arc::clone(service), server, nowhere, nowhere));
    let (mut read, mut write) = tokio::io::split(&mut client);
    let sending = async {
        // The server may have closed after an error.
        let _closed = write.write_all(bytes).await;
        let _closed = write.shutdown().await;
    };
    let mut replies = Vec::new();
    let whole = async { tokio::join!(sending, read.read_to_end(&mut replies)) };
    let shown = bytes.escape_ascii();
    let ((), end) = tokio::time::timeout(Duration::from_secs(30), whole)
        .await
        .unwrap_or_else(|_| panic!("no end: {shown}"));
    assert!(end.is_ok(), "{shown}");
    assert!(serving.await.is_ok(), "a handler panicked: {shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_bytes_panic_a_connection() {
    let service = support::service(4, Config::default());
    let seeds = corpus();
    let mut random = Random(0xB01E);
    for seed in &seeds {
        feed(&service, seed).await;
        for _ in 0..300 {
            feed(&service, &mutate(&seeds, seed, &mut random)).await;
        }
    }
    assert!(service.clients.is_empty(), "every connection has left");
    assert!(
        service
            .databases
            .datasets()
            .iter()
            .all(|dataset| dataset.shards.iter().all(|shard| shard.lock().is_ok()))
    );
}
