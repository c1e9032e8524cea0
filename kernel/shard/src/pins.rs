//! Pins: offsets of logs that a feed or a follower still wants to read, which therefore hold back trim. A log that is *kept* is held back
//! whoever reads it, so that there is something to read for who comes later.
//!
//! # Invariants
//! - Pins are bounded in number ([`Pins::PINS_MAX`]) and, by the runtime, in the bytes that they hold back; a pin that holds back too
//!   much is *broken*: the log is trimmed past it, and its reader sees the gap. A kept log gives up its oldest stretch instead and holds the rest.
//! - Pins are not durable. After a restart a reader pins again, and sees a gap if it came too late. Who wants to find after a restart what
//!   was there before it keeps the log before it is recovered, since recovery may trim.

use std::collections::BTreeMap;
use std::sync::Arc;

use bole_base::{LogId, Offset};
use parking_lot::Mutex;

use crate::Error;

/// The pins of one journal. Clones share them.
#[derive(Clone, Default)]
pub struct Pins {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    next: u64,
    held: BTreeMap<(LogId, u64), Held>,
    /// Below these offsets kept logs gave up their entries.
    kept: BTreeMap<LogId, Offset>,
}

/// What gave way when a log was trimmed past what held it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GaveWay {
    /// Pins that were broken.
    pub(crate) pins: usize,
    /// Whether the log is kept and lost its oldest entries.
    pub(crate) kept: bool,
}

struct Held {
    offset: Offset,
    broken: bool,
}

/// One reader's pin. Dropping it lets trim go on.
pub struct Pin {
    pins: Pins,
    key: (LogId, u64),
    /// How many low bits of its reader's offsets are below the log's.
    part_bits: u32,
}

impl Pins {
    /// The most pins at a time.
    pub const PINS_MAX: usize = 4_096;

    /// Pins `log` at `from`: entries at and above stay, if they are still there.
    /// Errors: `Refused` when there are [`Pins::PINS_MAX`] already.
    pub fn pin(&self, log: LogId, from: Offset) -> Result<Pin, Error> {
        let mut inner = self.inner.lock();
        if inner.held.len() >= Self::PINS_MAX {
            return Err(Error::Refused(format!(
                "{} readers pin logs of this journal already; end one of them",
                Self::PINS_MAX
            )));
        }
        let key = (log, inner.next);
        inner.next += 1;
        inner.held.insert(key, Held { offset: from, broken: false });
        Ok(Pin { pins: self.clone(), key, part_bits: 0 })
    }

    /// Keeps all that is there of `log`, until it is released or holds back too much.
    pub fn keep(&self, log: LogId) {
        self.inner.lock().kept.entry(log).or_insert(Offset::ZERO);
    }

    /// Keeps `log` no longer.
    pub fn release(&self, log: LogId) {
        self.inner.lock().kept.remove(&log);
    }

    /// The lowest offset of `log` that is pinned or kept and not given up.
    pub fn lowest(&self, log: LogId) -> Option<Offset> {
        let inner = self.inner.lock();
        let held = inner.held.range((log, 0)..=(log, u64::MAX)).map(|(_, held)| held);
        let pinned = held.filter(|held| !held.broken).map(|held| held.offset).min();
        pinned.into_iter().chain(inner.kept.get(&log).copied()).min()
    }

    /// Gives up what holds `log` below `below`.
    pub(crate) fn break_below(&self, log: LogId, below: Offset) -> GaveWay {
        let mut inner = self.inner.lock();
        let held = inner.held.range_mut((log, 0)..=(log, u64::MAX)).map(|(_, held)| held);
        let mut gave_way = GaveWay::default();
        for held in held.filter(|held| !held.broken && held.offset < below) {
            held.broken = true;
            gave_way.pins += 1;
        }
        if let Some(kept) = inner.kept.get_mut(&log).filter(|kept| **kept < below) {
            *kept = below;
            gave_way.kept = true;
        }
        gave_way
    }
}

impl Pin {
    /// The same for a reader of a feed whose offsets are split: it holds the entry that it stands in.
    pub(crate) fn split(mut self, part_bits: u32) -> Self {
        self.part_bits = part_bits;
        self
    }

    /// Lets entries below `to` go. Going backwards has no effect. A broken pin holds again from `to` on.
    pub fn advance(&self, to: Offset) {
        let to = Offset(to.0 >> self.part_bits);
        if let Some(held) = self.pins.inner.lock().held.get_mut(&self.key)
            && to > held.offset
        {
            *held = Held { offset: to, broken: false };
        }
    }

    /// Where the pin stands.
    pub fn offset(&self) -> Offset {
        let held = self.pins.inner.lock().held.get(&self.key).map_or(Offset::ZERO, |held| held.offset);
        Offset(held.0 << self.part_bits)
    }

    /// Whether the pin held back too much and was given up: the next read shows a gap.
    pub fn is_broken(&self) -> bool {
        self.pins.inner.lock().held.get(&self.key).is_some_and(|held| held.broken)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.pins.inner.lock().held.remove(&self.key);
    }
}
