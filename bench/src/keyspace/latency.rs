//! Latency at a fixed rate: GET and SET in turn over 50 connections, interleaved rounds.

use super::Args;
use super::class::{Class, Contender, Node};
use crate::open_loop::{self, Load};
use anyhow::Result;
use xtask::resp::encode;

const CONNECTIONS: usize = 50;
/// Different keys that are read and written.
const KEYS: u64 = 100_000;
/// A prime near 2^64 / golden ratio: consecutive numbers land far apart.
const SCATTER: u64 = 11_400_714_819_323_198_549;

/// One round of one contender.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    pub(super) contender: Contender,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) p999_ms: f64,
}

/// All rounds of one class.
#[derive(Debug)]
pub(super) struct Latency {
    pub(super) class: &'static str,
    pub(super) rate: u32,
    pub(super) rounds: Vec<Round>,
}

pub(super) fn measure(class: &'static Class, nodes: &[Node], args: &Args) -> Result<Latency> {
    let load = Load {
        rate: args.rate,
        connections: CONNECTIONS,
        warm_up: args.rate.into(),
        requests: u64::from(args.rate) * u64::from(args.seconds),
        request,
    };
    for node in nodes {
        node.fill(KEYS, |number| vec![b"SET".to_vec(), key_of(number, KEYS), vec![b'v'; 64]])?;
    }
    let mut rounds = Vec::new();
    for _ in 0..args.rounds {
        for node in nodes {
            let latencies = open_loop::run(node.address(), &load)?;
            let [p50_ms, p99_ms, p999_ms] = [0.5, 0.99, 0.999].map(|share| latencies.percentile_ms(share));
            println!(
                "{} {}: p99 {p99_ms:.3} ms at {} requests/s",
                class.name,
                node.contender.name(),
                args.rate
            );
            rounds.push(Round { contender: node.contender, p50_ms, p99_ms, p999_ms });
        }
    }
    Ok(Latency { class: class.name, rate: args.rate, rounds })
}

/// Key `number` of `keys` different ones.
pub(super) fn key_of(number: u64, keys: u64) -> Vec<u8> {
    format!("key:{:012}", number % keys).into_bytes()
}

/// Numbers far apart for requests in turn.
pub(super) const fn scattered(number: u64) -> u64 {
    number.wrapping_mul(SCATTER) >> 20
}

fn request(number: u64, buffer: &mut Vec<u8>) {
    let key = key_of(scattered(number), KEYS);
    // Connections take turns by number too: what a connection sends must not depend on the same remainder.
    if (number / CONNECTIONS as u64).is_multiple_of(2) {
        encode(&[&b"GET"[..], &key], buffer);
    } else {
        encode(&[&b"SET"[..], &key, &[b'v'; 64]], buffer);
    }
}

impl Latency {
    /// What the rounds of one contender gave, in order.
    pub(super) fn of(&self, contender: Contender, value: fn(&Round) -> f64) -> Vec<f64> {
        self.rounds.iter().filter(|round| round.contender == contender).map(value).collect()
    }
}
