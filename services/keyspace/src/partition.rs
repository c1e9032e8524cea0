//! What stands under one shard's lock: its keys, who watches them, and who waits for them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bole_base::Offset;
use bole_log::PayloadKind;
use bole_shard::{ApplyError, Section, State, Step};

use crate::blocking::Waiter;
use crate::memory::{Memory, Share};
use crate::state::{Database, Effect};

/// A shard's state, and the clients that care about its keys. Only `data` is durable.
pub struct Partition {
    /// The keys.
    pub data: Database,
    /// Transactions that a change of a key makes fail.
    pub watched: HashMap<Box<[u8]>, Vec<Arc<AtomicBool>>>,
    /// Clients that block on a key, in the order in which they came.
    pub blocked: HashMap<Box<[u8]>, VecDeque<Arc<Waiter>>>,
    /// Whether the keys are logged. If not (class `memory`), a checkpoint holds none of them.
    pub logged: bool,
    /// Where it tells of its memory.
    share: Option<Share>,
}

impl Partition {
    /// A partition without keys.
    pub fn new(data: Database) -> Self {
        Self { data, watched: HashMap::new(), blocked: HashMap::new(), logged: true, share: None }
    }

    /// About how many bytes of memory the keys take.
    pub fn data_bytes(&self) -> u64 {
        self.data.memory_bytes()
    }

    /// From now on it tells of its memory as part `index` of `memory`.
    pub fn account(&mut self, memory: &Arc<Memory>, index: usize) {
        self.share = Some(Share::new(Arc::clone(memory), index));
        self.tell(true);
    }

    /// Tells of its memory, unless it changed by little and not `exactly` that is wanted.
    #[inline]
    pub fn tell(&mut self, exactly: bool) {
        if let Some(share) = &mut self.share {
            share.tell(self.data.memory_bytes(), self.data.len(), self.data.volatile_len(), exactly);
        }
    }

    /// Makes the transactions fail that watch `key`.
    pub fn touch(&self, key: &[u8]) {
        if let Some(watchers) = self.watched.get(key) {
            watchers.iter().for_each(|dirty| dirty.store(true, Ordering::Release));
        }
    }

    /// Makes the transactions fail that watch any key that exists.
    pub fn touch_all(&self) {
        self.watched.values().flatten().for_each(|dirty| dirty.store(true, Ordering::Release));
    }

    /// Adds a watcher of `key`.
    pub fn watch(&mut self, key: &[u8], dirty: &Arc<AtomicBool>) {
        self.watched.entry(key.into()).or_default().push(Arc::clone(dirty));
    }

    /// Removes a watcher of `key`.
    pub fn unwatch(&mut self, key: &[u8], dirty: &Arc<AtomicBool>) {
        if let Some(watchers) = self.watched.get_mut(key) {
            watchers.retain(|other| !Arc::ptr_eq(other, dirty));
            if watchers.is_empty() {
                self.watched.remove(key);
            }
        }
    }

    /// Adds a client that blocks on `key`.
    pub fn block(&mut self, key: &[u8], waiter: &Arc<Waiter>) {
        self.blocked.entry(key.into()).or_default().push_back(Arc::clone(waiter));
    }

    /// Removes a client that blocks on `key`.
    pub fn unblock(&mut self, key: &[u8], waiter: &Arc<Waiter>) {
        if let Some(waiters) = self.blocked.get_mut(key) {
            // Who leaves has mostly been served, and stands near the front.
            if let Some(place) = waiters.iter().position(|other| Arc::ptr_eq(other, waiter)) {
                waiters.remove(place);
            }
            if waiters.is_empty() {
                self.blocked.remove(key);
            }
        }
    }
}

impl State for Partition {
    type Effect<'a> = Effect<'a>;

    fn kind(effect: &Effect<'_>) -> (PayloadKind, u8) {
        effect.kind()
    }

    fn encode(effect: &Effect<'_>, out: &mut Vec<u8>) {
        effect.encode(out);
    }

    fn decode(kind: PayloadKind, version: u8, payload: &[u8]) -> Result<Effect<'_>, ApplyError> {
        Effect::decode(kind, version, payload)
    }

    fn apply(&mut self, offset: Offset, effect: &Effect<'_>) {
        self.data.apply(offset, effect);
        self.tell(false);
    }

    fn next_section(&mut self, cursor: u64, since: Offset, out: &mut Vec<u8>) -> Step {
        if self.logged {
            self.data.next_section(cursor, since, out)
        } else {
            self.data.emptied().next_section(cursor, Offset::ZERO, out)
        }
    }

    fn restore(&mut self, section: Section, bytes: &[u8]) -> Result<(), ApplyError> {
        self.data.restore(section, bytes)
    }

    fn memory_bytes(&self) -> u64 {
        self.data.memory_bytes()
    }
}
