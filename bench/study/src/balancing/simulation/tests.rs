//! The simulator against queueing theory.

use super::*;
use crate::balancing::{contenders, scenarios};

/// Erlang's C: the probability that a request waits, of `workers` at this load each.
fn erlang_c(workers: usize, load: f64) -> f64 {
    let offered = workers as f64 * load;
    let mut term = 1.0;
    let mut sum = 1.0;
    for n in 1..workers {
        term *= offered / n as f64;
        sum += term;
    }
    let waits = term * offered / workers as f64 / (1.0 - load);
    waits / (sum + waits)
}

#[test]
fn one_host_waits_as_erlang_says() {
    let contender = &contenders()[0];
    for (workers, load) in [(&[1][..], 0.5), (&[4], 0.8), (&[16], 0.9)] {
        let scenario = Scenario { workers, load, ..scenarios()[0].clone() };
        let outcomes: Vec<Outcome> = (0..4).map(|seed| simulate(&scenario, contender, seed, 200)).collect();
        let all = outcomes.iter().flat_map(|outcome| &outcome.latencies);
        let mean = all.clone().map(|micros| f64::from(*micros)).sum::<f64>() / all.count() as f64 / 1e3;
        let count = workers[0] as f64;
        let expected = MEAN_MS + erlang_c(workers[0], load) * MEAN_MS / (count * (1.0 - load));
        assert!((mean / expected - 1.0).abs() < 0.08, "{workers:?} at {load}: {mean} ms, not {expected}");
        assert!(outcomes.iter().all(|outcome| outcome.failed() < 0.01));
    }
}

#[test]
fn who_fails_waits_longest() {
    let outcome = Outcome { latencies: (1..=900).map(|n| n * 1_000).collect(), failures: 100 };
    let near =
        |value: f64, expected: f64| assert!((value - expected).abs() < 1e-9, "{value}, not {expected}");
    near(outcome.percentile(50.0), 500.0);
    near(outcome.percentile(90.0), 900.0);
    near(outcome.percentile(91.0), 1_000.0);
    near(outcome.failed(), 10.0);
}
