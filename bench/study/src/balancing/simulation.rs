//! The simulator: arrivals, hosts, and the ends of requests in order of time. Nothing but the seed is random, and nothing
//! is read from a clock, so a run is a function of its arguments.

mod gateway;
mod host;

use crate::balancing::contender::Contender;
use crate::balancing::scenario::{MEAN_MS, Scenario, Trouble};
use bole_edge_core::Random;
use bole_edge_core::balance::Lease;
use bole_edge_core::health::outlier::Answer;
use gateway::{Gateway, Keys};
use host::{Host, Served};
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// The second at which the trouble begins; what ends before it is not counted.
pub(super) const TROUBLE_AT: u64 = 10;
/// Clients give up after this.
const TIMEOUT: u64 = 1_000_000_000;
const SECOND: u64 = 1_000_000_000;
/// Simulated time begins here, so that nothing is new at zero.
const EPOCH: u64 = 1_000 * SECOND;

/// What came of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Latencies of requests that went well, in microseconds, sorted.
    pub latencies: Vec<u32>,
    /// Requests that did not.
    pub failures: u64,
}

impl Outcome {
    /// A percentile of what clients waited, in milliseconds. A request that failed counts as if it had taken the whole of
    /// the clients' patience: whoever loses the slow ones must not look fast.
    pub fn percentile(&self, percent: f64) -> f64 {
        let all = self.latencies.len() as u64 + self.failures;
        let rank = (all as f64 * percent / 100.0).ceil() as usize;
        let found = self.latencies.get(rank.saturating_sub(1));
        found.map_or(TIMEOUT as f64 / 1e6, |micros| f64::from(*micros) / 1e3)
    }

    /// Failures in percent of all.
    pub fn failed(&self) -> f64 {
        let all = self.latencies.len() as u64 + self.failures;
        self.failures as f64 * 100.0 / all.max(1) as f64
    }
}

/// A request under way. Ordered by when it ends, the earliest as the greatest.
struct Pending {
    ends: u64,
    number: u64,
    lease: Lease,
    gateway: usize,
    begun: u64,
    answer: Answer,
}

impl PartialEq for Pending {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Pending {}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pending {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.ends, other.number).cmp(&(self.ends, self.number))
    }
}

struct Simulation<'a> {
    scenario: &'a Scenario,
    random: Random,
    hosts: Vec<Host>,
    /// Which host has a name.
    slots: HashMap<Arc<str>, usize>,
    gateways: Vec<Gateway>,
    keys: Keys,
    pending: BinaryHeap<Pending>,
    number: u64,
    replaced: u64,
    outcome: Outcome,
}

/// Runs one contender through a scenario for some simulated seconds.
pub fn simulate(scenario: &Scenario, contender: &Contender, seed: u64, seconds: u64) -> Outcome {
    let mut simulation = Simulation::new(scenario, contender, seed);
    let workers: usize = scenario.workers.iter().sum();
    let gap = MEAN_MS * 1e6 / (workers as f64 * scenario.load);
    let (end, mut arrival, mut second) = (EPOCH + seconds * SECOND, EPOCH as f64, EPOCH / SECOND);
    loop {
        arrival += -(1.0 - simulation.random.unit()).ln() * gap;
        let now = arrival as u64;
        if now >= end {
            break;
        }
        while (second + 1) * SECOND <= now {
            second += 1;
            simulation.end_until(second * SECOND);
            simulation.each_second(second - EPOCH / SECOND, second * SECOND);
        }
        simulation.end_until(now);
        simulation.arrive(now);
    }
    simulation.end_until(u64::MAX);
    simulation.outcome.latencies.sort_unstable();
    simulation.outcome
}

impl<'a> Simulation<'a> {
    fn new(scenario: &'a Scenario, contender: &Contender, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let hosts: Vec<Host> =
            scenario.workers.iter().enumerate().map(|(slot, n)| Host::new(slot, 0, *n)).collect();
        let mut simulation = Self {
            scenario,
            keys: Keys::new(),
            gateways: (0..scenario.gateways)
                .map(|_| Gateway::new(scenario, contender, EPOCH, random.bits()))
                .collect(),
            random,
            hosts,
            slots: HashMap::new(),
            pending: BinaryHeap::new(),
            number: 0,
            replaced: 0,
            outcome: Outcome::default(),
        };
        simulation.publish(EPOCH);
        simulation
    }

    /// Tells all gateways which hosts there are.
    fn publish(&mut self, now: u64) {
        self.slots = self.hosts.iter().enumerate().map(|(slot, host)| (host.name.clone(), slot)).collect();
        for gateway in &mut self.gateways {
            gateway.replace(&self.hosts, self.scenario.sized, now);
        }
    }

    fn arrive(&mut self, now: u64) {
        let gateway = self.random.below(self.gateways.len());
        let key = self.keys.draw(&mut self.random);
        let work = self.scenario.durations.draw(&mut self.random);
        let coin = self.random.chance(0.5);
        let Some(lease) = self.gateways[gateway].pick(key, now) else {
            self.outcome.failures += 1;
            return;
        };
        let host = &mut self.hosts[self.slots[lease.endpoint().name()]];
        let (ends, answer) = match host.serve(now, work, coin) {
            Served::Done(at) if at > now + TIMEOUT => (now + TIMEOUT, Answer::GatewayError),
            Served::Done(at) => (at, Answer::Good),
            Served::Failed(at) => (at, Answer::Failure),
            Served::Refused(at) => (at, Answer::GatewayError),
        };
        self.number += 1;
        self.pending.push(Pending { ends, number: self.number, lease, gateway, begun: now, answer });
    }

    /// Ends what ends until `now`.
    fn end_until(&mut self, now: u64) {
        while self.pending.peek().is_some_and(|pending| pending.ends <= now) {
            let Some(pending) = self.pending.pop() else { break };
            if pending.ends >= EPOCH + TROUBLE_AT * SECOND {
                let micros = ((pending.ends - pending.begun) / 1_000) as u32;
                match pending.answer {
                    Answer::Good => self.outcome.latencies.push(micros),
                    _ => self.outcome.failures += 1,
                }
            }
            self.gateways[pending.gateway].finish(pending.lease, pending.answer, pending.ends);
        }
    }

    fn each_second(&mut self, second: u64, now: u64) {
        if second == TROUBLE_AT {
            let troubled = self.hosts.iter_mut().take(self.scenario.troubled);
            troubled.for_each(|host| host.trouble = self.scenario.trouble);
        }
        if self.scenario.trouble == Trouble::Churn && second >= TROUBLE_AT && second.is_multiple_of(5) {
            self.replaced += 1;
            let slot = (self.replaced % self.hosts.len() as u64) as usize;
            let mut host = Host::new(slot, self.replaced, self.scenario.workers[slot]);
            host.cold_until = now + 5 * SECOND;
            self.hosts[slot] = host;
            self.publish(now);
        }
        let reports: Vec<_> = self.hosts.iter_mut().map(|host| (host.name.clone(), host.report())).collect();
        for gateway in &mut self.gateways {
            gateway.each_second(&reports, now);
        }
    }
}

fn time(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

#[cfg(test)]
mod tests;
