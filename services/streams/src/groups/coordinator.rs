//! The coordinator at work: it finds the shard, takes journal space, locks, lets a decision be made, logs it as one batch, and answers when
//! that is durable.
//!
//! Reading order: this file (one decision) → [`timers`] (when nobody asks) → the operations: [`classic`], [`offsets`], [`admin`], [`participant`].
//!
//! Invariants: between lock and release nothing waits, and all of a decision happens; so dropping the future of an operation never leaves half
//! of one. Such a drop does not undo the operation either. A member that waits for its group waits without a lock and without a task.

pub mod admin;
pub mod classic;
pub mod consumer;
pub(crate) mod letters;
pub mod offsets;
pub mod participant;
pub mod share;
#[cfg(test)]
mod tests;
pub(crate) mod timers;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bole_base::{Durability, Position};
use bole_log::entry::ENTRY_HEADER_BYTES;
use bole_log::wait;
use bole_shard::{Locked, Runtime, Shard, Transaction};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::config::Config;
use super::decide::{Context, Now, Outcome, Reply, Token};
use super::error::{Code, Error};
use super::state::{self, State};
use super::topics::Topics;
use timers::Timers;

/// What is needed to open the coordinator.
pub struct Parts {
    /// The shards' runtime: journal, clock. The shards are hosted and recovered.
    pub runtime: Arc<Runtime>,
    /// At least one, in order of log ids. How many there are never changes: it decides which group belongs to which.
    pub shards: Vec<Arc<Shard<State>>>,
    /// What topics there are.
    pub topics: Arc<dyn Topics>,
    /// Settings.
    pub config: Config,
    /// How durable a change is before it is answered.
    pub class: Durability,
    /// Any number that differs from start to start: member ids are made of it.
    pub seed: u64,
}

type Waiters = Mutex<HashMap<Token, oneshot::Sender<(Reply, Position)>>>;

/// The coordinator of all groups of a node.
pub struct Coordinator {
    runtime: Arc<Runtime>,
    shards: Box<[Arc<Shard<State>>]>,
    topics: Arc<dyn Topics>,
    config: Config,
    class: Durability,
    seed: u64,
    ids: AtomicU64,
    /// Who waits for its group, by shard. At most one for each request that is under way.
    waiters: Box<[Waiters]>,
    timers: Timers,
    /// Where letters may wait to be written.
    pub(crate) condemned: letters::Condemned,
    /// Records of share groups that were seen before they were due, since the start.
    delayed: AtomicU64,
}

impl Coordinator {
    /// A coordinator over recovered shards. Every member that the log knows gets a full session. [`Coordinator::run_timers`] must be
    /// run as a task.
    pub fn open(parts: Parts) -> Arc<Self> {
        let Parts { runtime, shards, topics, config, class, seed } = parts;
        assert!(!shards.is_empty(), "groups need a shard");
        assert!(shards.is_sorted_by_key(|shard| shard.id()), "shards are locked in order of their log ids");
        let waiters = shards.iter().map(|_| Waiters::default()).collect();
        let coordinator = Arc::new(Self {
            runtime,
            shards: shards.into(),
            topics,
            config,
            class,
            seed,
            ids: AtomicU64::new(1),
            waiters,
            timers: Timers::default(),
            condemned: letters::Condemned::default(),
            delayed: AtomicU64::new(0),
        });
        coordinator.wake_members();
        coordinator.find_condemned();
        coordinator
    }

    /// The shards, in order of log ids: for batches of others, and for status.
    pub fn shards(&self) -> &[Arc<Shard<State>>] {
        &self.shards
    }

    /// The index of the shard that a group belongs to.
    pub fn shard_of(&self, group: &str) -> usize {
        (state::hash(group) % self.shards.len() as u64) as usize
    }

    /// The settings.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Records of share groups that were seen before they were due, since the start.
    pub fn delayed(&self) -> u64 {
        self.delayed.load(Ordering::Relaxed)
    }

    fn now(&self) -> Now {
        let clock = self.runtime.clock();
        Now { wall_ms: clock.now().0, monotonic_ms: clock.monotonic().as_millis() as u64 }
    }

    fn context(&self) -> Context<'_> {
        Context { config: &self.config, topics: &*self.topics, now: self.now() }
    }

    /// An id that no member of this or an earlier start has: `prefix-` and a UUID.
    pub fn new_member_id(&self, prefix: &str) -> Arc<str> {
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        let (high, low) = (mix(self.seed ^ mix(number)), mix(self.seed.wrapping_add(number)));
        let (time_low, time_mid, time_high) = (high >> 32, high >> 16 & 0xFFFF, high & 0x0FFF);
        let (clock, node) = (low >> 48 & 0x3FFF | 0x8000, low & 0xFFFF_FFFF_FFFF);
        format!("{prefix}-{time_low:08x}-{time_mid:04x}-4{time_high:03x}-{clock:04x}-{node:012x}").into()
    }

    /// Makes one decision about `group`. `space` says how many bytes its effects take at most if it changes what is beside the state as it
    /// goes; 0 for decisions that can be made again. Returns when what it shows is durable.
    async fn run<T>(
        &self,
        group: &str,
        space: impl Fn(&State) -> usize,
        mut decide: impl FnMut(&mut State, Context<'_>, &mut Outcome) -> T,
    ) -> Result<T, Error> {
        let index = self.shard_of(group);
        let mut transaction = self.runtime.transaction();
        let (value, position) = loop {
            match self.attempt(index, group, &mut transaction, &space, &mut decide) {
                Err(bole_shard::Error::Wait { bytes }) => transaction.admit(bytes as usize).await?,
                Err(error) => {
                    self.drop_waiters_if_quarantined(index);
                    return Err(error.into());
                }
                Ok(done) => break done,
            }
        };
        drop(transaction);
        self.reached(position).await?;
        Ok(value)
    }

    fn attempt<T>(
        &self,
        index: usize,
        group: &str,
        transaction: &mut Transaction,
        space: &impl Fn(&State) -> usize,
        decide: &mut impl FnMut(&mut State, Context<'_>, &mut Outcome) -> T,
    ) -> Result<(T, Position), bole_shard::Error> {
        transaction.set_time(self.runtime.tick());
        let mut locked = self.shards[index].lock()?;
        let space = space(locked.state());
        if space > 0 {
            transaction.reserve(space)?;
        }
        let mut out = Outcome::default();
        let value = decide(locked.state_mut(), self.context(), &mut out);
        if space == 0 && !out.effects.is_empty() {
            transaction.reserve(encoded_bytes(&out))?;
        }
        let position = self.commit(index, group, &mut locked, transaction, out)?;
        Ok((value, position))
    }

    /// Logs a decision and lets it take place. What an answer about the group must wait for.
    fn commit(
        &self,
        index: usize,
        group: &str,
        locked: &mut Locked<'_, State>,
        transaction: &mut Transaction,
        out: Outcome,
    ) -> Result<Position, bole_shard::Error> {
        let Outcome { effects, replies, wake_ms, after, looked, freed, delayed } = out;
        let condemned = letters::condemned(&effects);
        if !effects.is_empty() {
            for effect in &effects {
                locked.push(transaction, self.class, effect)?;
            }
            let position = transaction.append()?;
            locked.appended(position);
            if let Some(group) = locked.state_mut().group_mut(group) {
                group.position = position;
            }
        }
        let state = locked.state_mut();
        after.into_iter().for_each(|change| change(state));
        if freed && let Some(live) = state.live.groups.get_mut(group).and_then(|live| live.share.as_mut()) {
            live.watchers.wake();
        }
        self.delayed.fetch_add(delayed, Ordering::Relaxed);
        self.condemned.add(condemned);
        let next = if looked { timers::finish(state, group) } else { None };
        if let Some(at) = next.into_iter().chain(wake_ms).min() {
            self.wake(index, group, state, at);
        }
        let position = locked.state().group(group).map_or_else(|| locked.position(), |group| group.position);
        if !replies.is_empty() {
            let mut waiters = self.waiters[index].lock();
            for (token, reply) in replies {
                if let Some(waiter) = waiters.remove(&token) {
                    // Whoever is not there any more needs no answer.
                    let _gone = waiter.send((reply, position));
                }
            }
        }
        Ok(position)
    }

    fn wake(&self, index: usize, group: &str, state: &mut State, at: u64) {
        let live = match state.live.groups.get_mut(group) {
            Some(live) => live,
            None => state.live.groups.entry(group.into()).or_default(),
        };
        if live.wake_ms.is_none_or(|known| known > at) {
            live.wake_ms = Some(at);
            self.timers.add(at, index, group);
        }
    }

    /// Reads what a decision would look at, of one shard, and waits until it is durable.
    async fn read<T>(
        &self,
        index: usize,
        group: Option<&str>,
        read: impl FnOnce(&mut State, Now) -> T,
    ) -> Result<T, Error> {
        let (value, position) = {
            let mut locked = self.shards[index].lock()?;
            let value = read(locked.state_mut(), self.now());
            let own = group.and_then(|id| locked.state().group(id)).map(|group| group.position);
            (value, own.unwrap_or_else(|| locked.position()))
        };
        self.reached(position).await?;
        Ok(value)
    }

    async fn reached(&self, position: Position) -> Result<(), Error> {
        let journal = &**self.runtime.journal();
        let reached = match self.class {
            Durability::Sync => wait::synced(journal, position).await,
            class => wait::reached(journal, class, position).await,
        };
        reached.map_err(|error| Error::from(bole_shard::Error::from(error)))
    }

    /// Registers someone who will wait.
    fn waiter(&self, index: usize) -> Waiter<'_> {
        let token = Token(self.ids.fetch_add(1, Ordering::Relaxed));
        let (sender, receiver) = oneshot::channel();
        self.waiters[index].lock().insert(token, sender);
        Waiter { waiters: &self.waiters[index], token, receiver }
    }

    /// Nobody will answer for a shard that has stopped.
    fn drop_waiters_if_quarantined(&self, index: usize) {
        if self.shards[index].quarantined().is_some() {
            self.waiters[index].lock().clear();
        }
    }
}

/// Someone who waits for its group. Forgotten when dropped.
struct Waiter<'a> {
    waiters: &'a Waiters,
    token: Token,
    receiver: oneshot::Receiver<(Reply, Position)>,
}

impl Waiter<'_> {
    async fn answer(&mut self) -> Result<(Reply, Position), Error> {
        (&mut self.receiver).await.map_err(|_| {
            Code::CoordinatorNotAvailable
                .because("the group's shard has stopped; see the node's log, and try again")
        })
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.waiters.lock().remove(&self.token);
    }
}

fn encoded_bytes(out: &Outcome) -> usize {
    let mut bytes = Vec::new();
    out.effects.iter().for_each(|effect| effect.encode(&mut bytes));
    bytes.len() + out.effects.len() * ENTRY_HEADER_BYTES
}

/// The finalizer of `SplitMix64`.
const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
