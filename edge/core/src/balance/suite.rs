//! What every algorithm must do, checked for each row of the table, and what some promise beyond that.

use crate::Random;
use crate::balance::algorithm::{ALGORITHMS, Kind, Member, Row};
use crate::balance::{Balancer, Ending, Endpoint, Lease, Request, Settings, SlowStart, Spec, Token};
use crate::hash;
use crate::health::Condition;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

mod change;
mod every;
mod keys;
mod special;

/// Members `m0`, `m1`, … of these weights, warm.
pub(super) fn members(weights: &[u32]) -> Vec<Member> {
    let member = |(index, &weight): (usize, &u32)| Member {
        endpoint: Arc::new(Endpoint::new(&format!("m{index}").into())),
        configured: weight,
        weight: f64::from(weight),
        slow_start: SlowStart::OFF,
    };
    weights.iter().enumerate().map(member).collect()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn name(index: usize) -> String {
    format!("10.0.0.{index}:8080")
}

fn specs(weights: &[u32]) -> Vec<Spec> {
    weights.iter().enumerate().map(|(index, &weight)| Spec::new(&name(index)).weight(weight)).collect()
}

fn balancer(algorithm: Kind, weights: &[u32]) -> Balancer {
    let balancer = Balancer::new(Settings { algorithm, ..Settings::default() });
    balancer.replace(&specs(weights), Duration::ZERO).unwrap();
    balancer
}

/// Where requests went, by name.
type Counts = BTreeMap<String, usize>;

/// A load of `requests`, of which `standing` are in flight at any time and each takes as long as the others: request
/// n begins at n milliseconds and has key n.
fn load(balancer: &Balancer, requests: u64, standing: usize, from: Duration) -> Counts {
    let mut counts = Counts::new();
    let mut under_way: VecDeque<Lease> = VecDeque::new();
    let mut random = Random::new(99);
    for n in 0..requests {
        let now = from + ms(n);
        if under_way.len() > standing {
            under_way.pop_front().unwrap().finish(Ending::Success, now);
        }
        let request = Request { key: Some(hash::mix(n)), ..Request::default() };
        let lease = balancer.pick(request, now, &mut random).unwrap();
        *counts.entry(lease.endpoint().name().to_string()).or_default() += 1;
        under_way.push_back(lease);
    }
    counts
}

fn share(counts: &Counts, index: usize) -> f64 {
    let total: usize = counts.values().sum();
    counts.get(&name(index)).copied().unwrap_or(0) as f64 / total as f64
}
