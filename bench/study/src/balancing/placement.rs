//! How algorithms that go by key place keys: how even, and how many move when a host leaves.

use bole_edge_core::balance::{ALGORITHMS, Balancer, Kind, Request, Settings, Spec, Token};
use bole_edge_core::{Random, hash};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

const KEYS: u64 = 1_000_000;

/// What was found for one algorithm and number of hosts; shares in percent.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Which algorithm.
    pub name: &'static str,
    /// How many hosts.
    pub hosts: usize,
    /// How many keys the busiest host has, as a part of the mean.
    pub busiest: f64,
    /// Keys that moved when one host left.
    pub moved: f64,
    /// Of all keys, those that moved though both hosts were there before and after.
    pub needless: f64,
}

/// All figures.
pub fn figures() -> Vec<Figure> {
    let keyed = ALGORITHMS.iter().filter(|row| row.keyed);
    keyed.flat_map(|row| [5, 10, 50, 200].map(|hosts| figure(row.kind, row.name, hosts))).collect()
}

fn figure(algorithm: Kind, name: &'static str, hosts: usize) -> Figure {
    let specs: Vec<Spec> =
        (0..hosts).map(|n| Spec::new(&format!("10.1.{}.{}:80", n / 200, n % 200))).collect();
    let before = places(algorithm, &specs);
    let after = places(algorithm, &specs[1..]);
    let left = Token::of(&specs[0].name);
    let mut counts: HashMap<Token, u64> = HashMap::new();
    before.iter().for_each(|place| *counts.entry(*place).or_default() += 1);
    let busiest = counts.values().max().copied().unwrap_or(0) as f64 * hosts as f64 / KEYS as f64;
    let moved = before.iter().zip(&after).filter(|(before, after)| before != after);
    let needless = moved.clone().filter(|(before, _)| **before != left).count();
    let percent = |count: usize| count as f64 * 100.0 / KEYS as f64;
    Figure {
        name,
        hosts,
        busiest: busiest * 100.0,
        moved: percent(moved.count()),
        needless: percent(needless),
    }
}

fn places(algorithm: Kind, specs: &[Spec]) -> Vec<Token> {
    let balancer = Balancer::new(Settings { algorithm, ..Settings::default() });
    let set = balancer.replace(specs, Duration::ZERO);
    assert!(set.is_ok(), "the names differ: {set:?}");
    let mut random = Random::new(1);
    let place = |key: u64| {
        let request = Request { key: Some(hash::of(0, &key.to_le_bytes())), ..Request::default() };
        balancer.pick(request, Duration::ZERO, &mut random).map_or(Token(0), |lease| lease.endpoint().token())
    };
    (0..KEYS).map(place).collect()
}

/// The figures as a section of a page.
pub fn markdown(figures: &[Figure]) -> String {
    let mut text = String::from(
        "### Where keys go\n\nA million keys, equal hosts, nothing in flight. One host leaves.\n\n",
    );
    text.push_str("| algorithm | hosts | busiest host, % of the mean | moved % (ideal) | moved needlessly % |\n|---|---|---|---|---|\n");
    for Figure { name, hosts, busiest, moved, needless } in figures {
        let ideal = 100.0 / *hosts as f64;
        let _ =
            writeln!(text, "| {name} | {hosts} | {busiest:.0} | {moved:.2} ({ideal:.2}) | {needless:.2} |");
    }
    text.push('\n');
    text
}
