//! How long a decision takes: `cargo bench -p bole-edge-core --bench limits`. The fastest of seven
//! rounds (what else runs on the machine only adds), on one thread.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use bole_edge_core::limits::breaker::{self, Breaker};
use bole_edge_core::limits::concurrency::Concurrency;
use bole_edge_core::limits::retry::{self, Budget};
use bole_edge_core::limits::shed::{self, Shedder};
use bole_edge_core::limits::{Local, Rule};
use bole_edge_core::{Random, hash};
use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
const DECISIONS: u64 = 200_000;

/// Nanoseconds a decision; each gets its number and its time, ten microseconds after the one before.
fn measure(name: &str, mut decide: impl FnMut(u64, Duration)) {
    let mut number = 0;
    let mut round = || {
        let begun = Instant::now();
        for _ in 0..DECISIONS {
            number += 1;
            decide(black_box(number), Duration::from_micros(number * 10));
        }
        begun.elapsed().as_nanos() as f64 / DECISIONS as f64
    };
    let fastest = (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min);
    println!("| {name} | {fastest:.0} ns |");
}

fn rates(name: &str, rule: &Rule) {
    for keys in [1, 100_000] {
        let store = Local::new(200_000, 1);
        measure(&format!("{name}, {keys} keys"), |number, now| {
            let key = (hash::mix(number) % keys).to_be_bytes();
            black_box(store.take_now(&key, rule, 1, now).is_ok());
        });
    }
}

fn main() {
    println!("| decision | takes |\n|---|---|");
    let (Ok(bucket), Ok(window)) =
        (Rule::bucket(1_000, Duration::from_secs(1), 100), Rule::window(1_000, Duration::from_secs(1)))
    else {
        return;
    };
    rates("token bucket", &bucket);
    rates("sliding window", &window);
    let concurrency = Concurrency::new(100);
    measure("concurrency, in and out", |_, _| drop(black_box(concurrency.enter())));
    let (breaker, mut random) = (Breaker::new(breaker::Settings::default()), Random::new(1));
    measure("breaker, admitted and ended", |_, now| {
        if let Ok(pass) = breaker.admit(now) {
            pass.ended(true, now, &mut random);
        }
    });
    let mut budget = Budget::new(retry::Settings::default());
    measure("retry budget, a request", |_, now| budget.request(now));
    let mut shedder = Shedder::new(shed::Settings::default(), Duration::ZERO);
    measure("shedding", |number, now| {
        black_box(shedder.admit(number as u8 % 8, hash::mix(number), now));
    });
}
