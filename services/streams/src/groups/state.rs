//! What a shard of groups keeps. The durable part is what effects build: groups by id, in buckets of the hash space, which are the sections of a
//! checkpoint. The part beside it ([`Live`]) is what a restart forgets: who waits, and until when.
//!
//! Reading order: [`effect`] (what changes a shard) → [`group`] (what it changes) → [`sections`] (checkpoints).
//!
//! Invariants: only [`State::apply`] changes the durable part, and each effect changes one group; so every group has one floor, that of
//! its bucket.

pub mod classic;
pub mod effect;
pub mod group;
pub mod modern;
pub mod offsets;
mod sections;
pub mod share;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bole_base::Offset;
use bole_log::PayloadKind;
use bole_shard::{ApplyError, Section, Step};

pub use effect::Effect;
pub use group::{Body, Group};

use super::live::Live;

/// Bits of the hash that choose the bucket.
const BUCKET_BITS: u32 = 10;

/// The hash of a group's id (*persisted*: it chooses the shard and the section): FNV-1a of 64 bits, then the finalizer of
/// `SplitMix64`, because FNV alone leaves the upper bits of short ids alike.
pub fn hash(group: &str) -> u64 {
    let fnv = group.bytes().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    let mixed = (fnv ^ (fnv >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Groups whose hashes share their upper bits.
#[derive(Debug, Default)]
struct Bucket {
    /// Effects with lower offsets are inside already.
    floor: u64,
    /// The offset after the last effect that touched the bucket; 0 if none did.
    touched: u64,
    groups: BTreeMap<Arc<str>, Group>,
}

/// One shard of groups.
#[derive(Debug)]
pub struct State {
    buckets: Box<[Bucket]>,
    count: usize,
    /// The groups in which a transactional producer has pending offsets. Derived.
    producers: BTreeMap<i64, BTreeSet<Arc<str>>>,
    /// What a restart forgets.
    pub(crate) live: Live,
}

impl Default for State {
    fn default() -> Self {
        Self {
            buckets: (0..1 << BUCKET_BITS).map(|_| Bucket::default()).collect(),
            count: 0,
            producers: BTreeMap::new(),
            live: Live::default(),
        }
    }
}

const fn bucket_of(hash: u64) -> usize {
    (hash >> (u64::BITS - BUCKET_BITS)) as usize
}

impl State {
    /// The group, if any effect made it.
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.buckets[bucket_of(hash(id))].groups.get(id)
    }

    pub(crate) fn group_mut(&mut self, id: &str) -> Option<&mut Group> {
        self.buckets[bucket_of(hash(id))].groups.get_mut(id)
    }

    /// All groups, in an order that restarts keep.
    pub fn groups(&self) -> impl Iterator<Item = (&Arc<str>, &Group)> {
        self.buckets.iter().flat_map(|bucket| &bucket.groups)
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no group.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The groups in which the producer has pending offsets.
    pub fn groups_of_producer(&self, producer_id: i64) -> impl Iterator<Item = &Arc<str>> {
        self.producers.get(&producer_id).into_iter().flatten()
    }

    /// Up to `count` groups of the buckets from `cursor` on, whole buckets at a time, and where to go on.
    pub(crate) fn some_groups(&self, cursor: usize, count: usize) -> (Vec<Arc<str>>, Option<usize>) {
        let mut found = Vec::new();
        for (index, bucket) in self.buckets.iter().enumerate().skip(cursor) {
            found.extend(bucket.groups.keys().cloned());
            if found.len() >= count {
                return (found, Some(index + 1).filter(|next| *next < self.buckets.len()));
            }
        }
        (found, None)
    }

    fn note_producers(&mut self, id: &Arc<str>, before: &[i64]) {
        let after: Vec<i64> = self.group(id).map(Group::producers).unwrap_or_default();
        for gone in before.iter().filter(|producer| !after.contains(producer)) {
            if let Some(groups) = self.producers.get_mut(gone) {
                groups.remove(id);
                if groups.is_empty() {
                    self.producers.remove(gone);
                }
            }
        }
        for new in after.into_iter().filter(|producer| !before.contains(producer)) {
            self.producers.entry(new).or_default().insert(Arc::clone(id));
        }
    }
}

impl bole_shard::State for State {
    type Effect<'a> = Effect;

    fn kind(effect: &Effect) -> (PayloadKind, u8) {
        effect.kind()
    }

    fn encode(effect: &Effect, out: &mut Vec<u8>) {
        effect.encode(out);
    }

    fn decode(kind: PayloadKind, version: u8, payload: &[u8]) -> Result<Effect, ApplyError> {
        Effect::decode(kind, version, payload)
    }

    fn apply(&mut self, offset: Offset, effect: &Effect) {
        let id = effect.group();
        let bucket = &mut self.buckets[bucket_of(hash(id))];
        if offset.0 < bucket.floor {
            return;
        }
        bucket.touched = offset.0 + 1;
        let touches_producers = effect.touches_producers();
        let before =
            bucket.groups.get(id).filter(|_| touches_producers).map(Group::producers).unwrap_or_default();
        let known = bucket.groups.len();
        group::apply(&mut bucket.groups, effect);
        self.count = self.count + bucket.groups.len() - known;
        if touches_producers {
            self.note_producers(id, &before);
        }
    }

    fn next_section(&mut self, cursor: u64, since: Offset, out: &mut Vec<u8>) -> Step {
        self.find_section(cursor, since.0, out)
    }

    fn restore(&mut self, section: Section, bytes: &[u8]) -> Result<(), ApplyError> {
        self.restore_section(section, bytes)
    }

    fn memory_bytes(&self) -> u64 {
        let groups: usize = self.groups().map(|(id, group)| id.len() + group.memory_bytes()).sum();
        (groups + self.buckets.len() * size_of::<Bucket>()) as u64
    }
}
