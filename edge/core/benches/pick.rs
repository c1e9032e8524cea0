//! How long a pick takes, with its lease and the end of the request, and how long a change of the set: `cargo bench -p
//! bole-edge-core --bench pick`. Each figure is that of the fastest of seven
//! rounds (what else runs on the machine only adds), on one thread and on two that share the balancer.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use bole_edge_core::balance::{ALGORITHMS, Balancer, Ending, Kind, Request, Settings, Spec};
use bole_edge_core::{Random, hash};
use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
const PICKS: u64 = 100_000;

fn specs(endpoints: usize) -> Vec<Spec> {
    let spec = |n: usize| Spec::new(&format!("10.0.{}.{}:80", n / 250, n % 250)).weight(1 + n as u32 % 3);
    (0..endpoints).map(spec).collect()
}

fn balancer(algorithm: Kind, endpoints: usize) -> Balancer {
    let balancer = Balancer::new(Settings { algorithm, ..Settings::default() });
    assert_eq!(balancer.replace(&specs(endpoints), Duration::ZERO), Ok(()));
    balancer
}

/// Microseconds for a set that lost one endpoint.
fn change(balancer: &Balancer, endpoints: usize) -> f64 {
    let less = specs(endpoints - 1);
    let begun = Instant::now();
    assert_eq!(balancer.replace(&less, Duration::ZERO), Ok(()));
    let took = begun.elapsed().as_nanos() as f64 / 1e3;
    assert_eq!(balancer.replace(&specs(endpoints), Duration::ZERO), Ok(()));
    took
}

/// Nanoseconds a pick.
fn picks(balancer: &Balancer, seed: u64, finish: bool) -> f64 {
    let mut random = Random::new(seed);
    let begun = Instant::now();
    for n in 0..PICKS {
        let now = Duration::from_micros(n + 1);
        let request = Request { key: Some(hash::mix(n)), ..Request::default() };
        let Some(lease) = balancer.pick(black_box(request), now, &mut random) else { continue };
        if finish {
            lease.finish(Ending::Success, now + Duration::from_micros(50));
        }
    }
    begun.elapsed().as_nanos() as f64 / PICKS as f64
}

fn on_two_threads(balancer: &Balancer, seed: u64) -> f64 {
    std::thread::scope(|scope| {
        let threads = [seed, !seed].map(|seed| scope.spawn(move || picks(balancer, seed, true)));
        let times = threads.map(|thread| thread.join().unwrap_or(f64::NAN));
        f64::midpoint(times[0], times[1])
    })
}

fn main() {
    println!(
        "| algorithm | endpoints | pick | pick and finish | the same on two threads | change of the set |"
    );
    println!("|---|---|---|---|---|---|");
    for endpoints in [10, 100, 1_000] {
        for row in ALGORITHMS {
            let balancer = balancer(row.kind, endpoints);
            let of = |run: &dyn Fn(u64) -> f64| (0..ROUNDS as u64).map(run).fold(f64::INFINITY, f64::min);
            let pick = of(&|seed| picks(&balancer, seed, false));
            let finish = of(&|seed| picks(&balancer, seed, true));
            let two = of(&|seed| on_two_threads(&balancer, seed));
            let set = of(&|_| change(&balancer, endpoints));
            println!(
                "| {} | {endpoints} | {pick:.0} ns | {finish:.0} ns | {two:.0} ns | {set:.0} µs |",
                row.name
            );
        }
    }
}
