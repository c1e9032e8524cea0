//! A gateway: one balancer, one board if outliers are ejected, and where its clients were before.

use crate::balancing::contender::Contender;
use crate::balancing::scenario::Scenario;
use crate::balancing::simulation::host::Host;
use crate::balancing::simulation::time;
use bole_edge_core::balance::{Balancer, Ending, Lease, Report, Request, Settings, Spec, Token};
use bole_edge_core::health::board::{self, Board, Change};
use bole_edge_core::health::outlier::{self, Answer, Tally};
use bole_edge_core::{Random, hash};
use std::collections::HashMap;
use std::sync::Arc;

/// Keys of requests: ten thousand, the n-th asked for in proportion to 1/n.
pub(super) struct Keys {
    cumulative: Vec<f64>,
}

const KEYS: usize = 10_000;

impl Keys {
    pub(super) fn new() -> Self {
        let mut sum = 0.0;
        let mut add = |n: usize| {
            sum += 1.0 / n as f64;
            sum
        };
        let cumulative: Vec<f64> = (1..=KEYS).map(&mut add).collect();
        Self { cumulative }
    }

    pub(super) fn draw(&self, random: &mut Random) -> usize {
        let at = random.unit() * self.cumulative[KEYS - 1];
        self.cumulative.partition_point(|sum| *sum <= at).min(KEYS - 1)
    }
}

pub(super) struct Gateway {
    balancer: Balancer,
    outlier: outlier::Settings,
    board: Option<Board>,
    tallies: HashMap<Arc<str>, Arc<Tally>>,
    sticky: Vec<Option<Token>>,
    random: Random,
}

impl Gateway {
    pub(super) fn new(scenario: &Scenario, contender: &Contender, now: u64, seed: u64) -> Self {
        let settings = Settings { slow_start: scenario.slow_start, ..contender.settings.clone() };
        let outlier = outlier::Settings::default();
        let judged = board::Settings { active: None, outlier: Some(outlier.clone()) };
        Self {
            balancer: Balancer::new(settings),
            outlier,
            board: scenario.ejection.then(|| Board::new(judged, time(now))),
            tallies: HashMap::new(),
            sticky: vec![None; KEYS],
            random: Random::new(seed),
        }
    }

    pub(super) fn replace(&mut self, hosts: &[Host], sized: bool, now: u64) {
        let weight = |host: &Host| if sized { host.workers as u32 } else { 1 };
        let specs: Vec<Spec> = hosts.iter().map(|host| Spec::new(&host.name).weight(weight(host))).collect();
        let set = self.balancer.replace(&specs, time(now));
        assert!(set.is_ok(), "scenarios have good sets: {set:?}");
        if let Some(board) = &mut self.board {
            let names = hosts.iter().map(|host| host.name.clone());
            let changes = board.replace(names, time(now), &mut self.random);
            self.tallies = hosts
                .iter()
                .filter_map(|host| Some((host.name.clone(), board.tally(&host.name)?.clone())))
                .collect();
            self.tell(changes, now);
        }
    }

    pub(super) fn pick(&mut self, key: usize, now: u64) -> Option<Lease> {
        let hashed = hash::of(0, &key.to_le_bytes());
        let request = Request { key: Some(hashed), sticky: self.sticky[key], avoid: &[] };
        let lease = self.balancer.pick(request, time(now), &mut self.random)?;
        self.sticky[key] = Some(lease.endpoint().token());
        Some(lease)
    }

    pub(super) fn finish(&mut self, lease: Lease, answer: Answer, now: u64) {
        let name = lease.endpoint().name().clone();
        lease.finish(if answer == Answer::Good { Ending::Success } else { Ending::Failure }, time(now));
        let full = self.tallies.get(&name).is_some_and(|tally| tally.count(answer, &self.outlier));
        if full && let Some(board) = &mut self.board {
            let change = board.tripped(&name, time(now), &mut self.random);
            self.tell(change, now);
        }
    }

    pub(super) fn each_second(&mut self, reports: &[(Arc<str>, Report)], now: u64) {
        for (name, report) in reports {
            self.balancer.report(name, *report, time(now));
        }
        self.balancer.refresh(time(now));
        if let Some(board) = &mut self.board {
            let changes = board.sweep(time(now), &mut self.random);
            self.tell(changes, now);
        }
    }

    fn tell(&self, changes: impl IntoIterator<Item = Change>, now: u64) {
        for change in changes {
            self.balancer.set_condition(&change.name, change.condition, time(now));
        }
    }
}
