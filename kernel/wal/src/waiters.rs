//! Wakers that wait for a position, for the tail of a log, or for space.
//!
//! A waiter registers first and looks again afterwards; who publishes does it in the other order. So no wake-up is lost. Wakers
//! of dropped futures stay until the next publication; a list that reaches its bound wakes everybody.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;

use parking_lot::Mutex;

use crate::index::LogMap;

const WAITERS_MAX: usize = 1 << 16;

/// Wakers in order of the position that they wait for.
#[derive(Default)]
pub(crate) struct Positions {
    waiting: Mutex<VecDeque<(u64, Waker)>>,
}

impl Positions {
    pub(crate) fn register(&self, position: u64, waker: &Waker) {
        let mut waiting = self.waiting.lock();
        let end = waiting.partition_point(|(other, _)| *other <= position);
        let same = waiting.range(..end).rev().take_while(|(other, _)| *other == position);
        if same.into_iter().any(|(_, other)| other.will_wake(waker)) {
            return;
        }
        waiting.insert(end, (position, waker.clone()));
        if waiting.len() >= WAITERS_MAX {
            let all = std::mem::take(&mut *waiting);
            drop(waiting);
            for (_, waker) in all {
                waker.wake();
            }
        }
    }

    /// Wakes those that wait for `reached` or less.
    pub(crate) fn wake(&self, reached: u64) {
        let mut waiting = self.waiting.lock();
        let end = waiting.partition_point(|(position, _)| *position <= reached);
        if end == 0 {
            return;
        }
        let woken: Vec<_> = waiting.drain(..end).collect();
        drop(waiting);
        for (_, waker) in woken {
            waker.wake();
        }
    }
}

/// Wakers that wait for the next entries of a log.
#[derive(Default)]
pub(crate) struct Tails {
    waiting: Mutex<LogMap<Vec<Waker>>>,
}

impl Tails {
    pub(crate) fn register(&self, log: u64, waker: &Waker) {
        let mut waiting = self.waiting.lock();
        let list = waiting.entry(log).or_default();
        if list.iter().any(|other| other.will_wake(waker)) {
            return;
        }
        list.push(waker.clone());
        if list.len() >= WAITERS_MAX {
            let all = std::mem::take(list);
            drop(waiting);
            all.into_iter().for_each(Waker::wake);
        }
    }

    pub(crate) fn wake(&self, logs: &[u64]) {
        let mut waiting = self.waiting.lock();
        if waiting.is_empty() {
            return;
        }
        let woken: Vec<_> = logs.iter().filter_map(|log| waiting.remove(log)).flatten().collect();
        drop(waiting);
        woken.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn wake_all(&self) {
        let woken = std::mem::take(&mut *self.waiting.lock());
        woken.into_values().flatten().for_each(Waker::wake);
    }
}

/// Wakers that wait for space.
#[derive(Default)]
pub(crate) struct Space {
    waiting: Mutex<Vec<Waker>>,
    count: AtomicUsize,
}

impl Space {
    pub(crate) fn register(&self, waker: &Waker) {
        let mut waiting = self.waiting.lock();
        if !waiting.iter().any(|other| other.will_wake(waker)) {
            waiting.push(waker.clone());
        }
        self.count.store(waiting.len(), Ordering::SeqCst);
        if waiting.len() >= WAITERS_MAX {
            drop(waiting);
            self.wake();
        }
    }

    /// Wakes everybody. Costs one atomic read when nobody waits.
    pub(crate) fn wake(&self) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut waiting = self.waiting.lock();
        let woken = std::mem::take(&mut *waiting);
        self.count.store(0, Ordering::SeqCst);
        drop(waiting);
        woken.into_iter().for_each(Waker::wake);
    }
}
