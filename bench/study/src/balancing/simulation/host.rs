//! A host: some workers and a queue. Because it is first come first served and durations are drawn on arrival, the end of a
//! request is known when it comes: the earliest free worker takes it.

use crate::balancing::scenario::Trouble;
use bole_edge_core::balance::Report;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

/// Requests that may wait; more are refused at once.
const QUEUE_MAX: usize = 200;
/// How long a refusal or an error takes.
const MILLISECOND: u64 = 1_000_000;

/// What becomes of a request, and when.
pub(super) enum Served {
    Done(u64),
    Failed(u64),
    Refused(u64),
}

pub(super) struct Host {
    pub(super) name: Arc<str>,
    pub(super) workers: usize,
    pub(super) trouble: Trouble,
    pub(super) cold_until: u64,
    /// When each worker is free.
    free_at: BinaryHeap<Reverse<u64>>,
    /// When those that wait begin.
    begins: VecDeque<u64>,
    /// Since the last report: work in nanoseconds, requests, errors.
    counted: (f64, u64, u64),
}

impl Host {
    pub(super) fn new(slot: usize, generation: u64, workers: usize) -> Self {
        Self {
            name: format!("host-{slot}-{generation}").into(),
            workers,
            trouble: Trouble::None,
            cold_until: 0,
            free_at: (0..workers).map(|_| Reverse(0)).collect(),
            begins: VecDeque::new(),
            counted: (0.0, 0, 0),
        }
    }

    pub(super) fn serve(&mut self, now: u64, work: f64, coin: bool) -> Served {
        self.counted.1 += 1;
        if self.trouble == Trouble::Failing || (self.trouble == Trouble::HalfFailing && coin) {
            self.counted.2 += 1;
            return Served::Failed(now + MILLISECOND);
        }
        while self.begins.front().is_some_and(|begins| *begins <= now) {
            self.begins.pop_front();
        }
        if self.begins.len() >= QUEUE_MAX {
            self.counted.2 += 1;
            return Served::Refused(now + MILLISECOND);
        }
        let slowness = if self.trouble == Trouble::Slow { 10.0 } else { 1.0 };
        let coldness = if now < self.cold_until { 4.0 } else { 1.0 };
        let takes = work * slowness * coldness;
        let Reverse(free) = self.free_at.pop().unwrap_or(Reverse(0));
        let begins = free.max(now);
        let ends = begins + takes as u64;
        self.free_at.push(Reverse(ends));
        if begins > now {
            self.begins.push_back(begins);
        }
        self.counted.0 += takes;
        Served::Done(ends)
    }

    /// The load of the last second. Work counts when it is taken on, so a queue shows as a utilisation above 1.
    pub(super) fn report(&mut self) -> Report {
        let (work, requests, errors) = std::mem::take(&mut self.counted);
        Report {
            utilisation: work / 1e9 / self.workers as f64,
            requests_per_second: requests as f64,
            errors_per_second: errors as f64,
        }
    }
}
