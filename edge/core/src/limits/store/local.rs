//! States in memory: shards of keys, each behind a short lock. Bounded: when a shard is full of keys that are in use, new
//! keys are answered with [`Error::Full`]; keys whose quota is whole again are forgotten first.

use crate::hash;
use crate::limits::rule::{Decision, Rule, State};
use crate::limits::store::{Error, Store, Taking};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Duration;

const SHARDS: usize = 16;
/// A shard that is full is searched for forgettable keys at most so often.
const SWEEP_EVERY: Duration = Duration::from_millis(100);

/// A store in this process.
#[derive(Debug)]
pub struct Local {
    shards: Box<[Mutex<Shard>]>,
    seed: u64,
    shard_keys_max: usize,
}

#[derive(Debug, Default)]
struct Shard {
    keys: HashMap<Box<[u8]>, Kept>,
    swept_at: Option<Duration>,
}

#[derive(Debug)]
struct Kept {
    state: State,
    rule: u64,
    forget_at: Duration,
}

impl Local {
    /// A store of at most about `keys_max` keys. The seed keeps clients from choosing keys that meet in one shard.
    pub fn new(keys_max: usize, seed: u64) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, seed, shard_keys_max: keys_max.div_ceil(SHARDS).max(1) }
    }

    /// Decides at once.
    pub fn take_now(&self, key: &[u8], rule: &Rule, cost: u32, now: Duration) -> Result<Decision, Error> {
        let shard = &self.shards[hash::of(self.seed, key) as usize % SHARDS];
        shard.lock().take(key, rule, cost, now, self.shard_keys_max)
    }

    /// How many keys it holds.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().keys.len()).sum()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Shard {
    fn take(
        &mut self,
        key: &[u8],
        rule: &Rule,
        cost: u32,
        now: Duration,
        keys_max: usize,
    ) -> Result<Decision, Error> {
        let fingerprint = rule.fingerprint();
        if let Some(kept) = self.keys.get_mut(key) {
            let known = (kept.rule == fingerprint).then_some(&kept.state);
            let (decision, next) = rule.decide(known, cost, now);
            if let Some(state) = next {
                *kept = Kept { state, rule: fingerprint, forget_at: now + decision.full_after };
            }
            return Ok(decision);
        }
        let (decision, next) = rule.decide(None, cost, now);
        if let Some(state) = next {
            self.make_room(now, keys_max)?;
            let forget_at = now + decision.full_after;
            self.keys.insert(key.into(), Kept { state, rule: fingerprint, forget_at });
        }
        Ok(decision)
    }

    fn make_room(&mut self, now: Duration, keys_max: usize) -> Result<(), Error> {
        if self.keys.len() < keys_max {
            return Ok(());
        }
        if self.swept_at.is_none_or(|swept_at| now.saturating_sub(swept_at) >= SWEEP_EVERY) {
            self.swept_at = Some(now);
            self.keys.retain(|_, kept| kept.forget_at > now);
        }
        if self.keys.len() < keys_max { Ok(()) } else { Err(Error::Full(keys_max * SHARDS)) }
    }
}

impl Store for Local {
    fn take<'a>(&'a self, key: &'a [u8], rule: &'a Rule, cost: u32, now: Duration) -> Taking<'a> {
        Taking::Done(Some(self.take_now(key, rule, cost, now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_bounded_and_whole_ones_are_forgotten() {
        let store = Local::new(160, 1);
        let rule = Rule::bucket(1, Duration::from_secs(1), 1).unwrap();
        let take = |n: u32, now| store.take_now(&n.to_be_bytes(), &rule, 1, Duration::from_millis(now));
        let full = (0..1_000).filter(|n| take(*n, 0) == Err(Error::Full(160))).count();
        assert_eq!((store.len(), full), (160, 840));
        assert!(take(1, 1).is_ok(), "who is known is answered");
        let again = (2_000..3_000).filter(|n| take(*n, 1_001).is_ok()).count();
        assert_eq!((store.len(), again), (160, 160));
        assert!(!store.is_empty());
    }
}
