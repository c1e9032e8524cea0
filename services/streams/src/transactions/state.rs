//! What a shard of coordinators keeps: for each transactional id its producer and its transaction. Ids are in buckets of the hash space, which are the sections
//! of a checkpoint.
//!
//! # Layout of a section (*persisted*)
//! A version byte, 1; then to the end of the section for each id of the bucket: the id (`text`) and
//!
//! | piece | bytes |
//! |-|-|
//! | `identity` | producer id i64, epoch i32 |
//! | `entry` | `identity`, `option` previous `identity`, timeout u64 (ms), status u8, start u64, update u64 (both in ms since the Unix epoch), `list` of `place`, `list` of group `text` |
//! | `place` | topic id (16 bytes), partition i32 |
//!
//! See [`crate::groups::layout`] for the other pieces. A section begins at a multiple of 2^56.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bole_base::Offset;
use bole_log::PayloadKind;
use bole_shard::{ApplyError, Section, Step};

use super::effect::Effect;
use crate::groups::TopicId;
use crate::groups::layout::{Reader, Writer};
pub use crate::groups::state::hash;
use crate::limits::TRANSACTIONAL_ID_IDLE_MS;

const VERSION: u8 = 1;
/// Bits of the hash that choose the bucket.
const BUCKET_BITS: u32 = 8;

/// A partition of a topic.
pub type Place = (TopicId, i32);

/// Who writes: a producer's id and how often it was taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The producer's id.
    pub producer_id: i64,
    /// Rises whenever the id is taken over, and at the end of a transaction of newer clients.
    pub epoch: i16,
}

/// What a transactional id is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// A producer has come and has begun nothing.
    Empty,
    /// A transaction is open.
    Ongoing,
    /// The last one was committed.
    Committed,
    /// The last one was aborted.
    Aborted,
}

impl Status {
    const ALL: [Self; 4] = [Self::Empty, Self::Ongoing, Self::Committed, Self::Aborted];

    /// Kafka's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::Committed => "CompleteCommit",
            Self::Aborted => "CompleteAbort",
        }
    }

    /// Appends its byte.
    pub(super) fn encode(self, writer: &mut Writer<'_>) {
        writer.byte(self as u8);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, ApplyError> {
        let byte = reader.byte()?;
        let found = Self::ALL.get(usize::from(byte)).copied();
        found.ok_or_else(|| ApplyError::Malformed(format!("{byte} is no status of a transaction")))
    }
}

/// A transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The producer that may write now.
    pub identity: Identity,
    /// What the same producer was before, where it may not have got the answer that says what it is now.
    pub previous: Option<Identity>,
    /// A transaction that is open for longer is aborted, in milliseconds.
    pub timeout_ms: u64,
    /// What it is doing.
    pub status: Status,
    /// When its open transaction began, in milliseconds since the Unix epoch; 0: none is open.
    pub start_ms: u64,
    /// Its last change, in milliseconds since the Unix epoch.
    pub updated_ms: u64,
    /// The partitions in its open transaction.
    pub partitions: BTreeSet<Place>,
    /// The groups in its open transaction.
    pub groups: BTreeSet<Arc<str>>,
}

impl Entry {
    /// When somebody has to look at it if nothing happens: its transaction is aborted then, or the id is forgotten.
    pub const fn due_ms(&self) -> u64 {
        match self.status {
            Status::Ongoing => self.start_ms.saturating_add(self.timeout_ms),
            _ => self.updated_ms.saturating_add(TRANSACTIONAL_ID_IDLE_MS),
        }
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        put_identity(writer, self.identity);
        writer.option(self.previous, put_identity);
        writer.u64(self.timeout_ms);
        self.status.encode(writer);
        writer.u64(self.start_ms);
        writer.u64(self.updated_ms);
        writer.list(self.partitions.iter(), |writer, place| put_place(writer, *place));
        writer.list(self.groups.iter(), |writer, group| writer.text(group));
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, ApplyError> {
        Ok(Self {
            identity: identity(reader)?,
            previous: reader.option(identity)?,
            timeout_ms: reader.u64()?,
            status: Status::decode(reader)?,
            start_ms: reader.u64()?,
            updated_ms: reader.u64()?,
            partitions: reader.list(place)?,
            groups: reader.list(Reader::text)?,
        })
    }

    fn memory_bytes(&self, id: &str) -> usize {
        const PER_PLACE: usize = 48;
        const PER_NAME: usize = 64;
        let groups: usize = self.groups.iter().map(|group| group.len() + PER_NAME).sum();
        size_of::<Self>() + 2 * id.len() + PER_NAME + self.partitions.len() * PER_PLACE + groups
    }
}

pub(super) fn put_identity(writer: &mut Writer<'_>, identity: Identity) {
    writer.i64(identity.producer_id);
    writer.i32(i32::from(identity.epoch));
}

pub(super) fn identity(reader: &mut Reader<'_>) -> Result<Identity, ApplyError> {
    let (producer_id, epoch) = (reader.i64()?, reader.i32()?);
    let epoch =
        i16::try_from(epoch).map_err(|_| ApplyError::Malformed(format!("{epoch} is no producer epoch")))?;
    Ok(Identity { producer_id, epoch })
}

pub(super) fn put_place(writer: &mut Writer<'_>, place: Place) {
    writer.topic_id(place.0);
    writer.i32(place.1);
}

pub(super) fn place(reader: &mut Reader<'_>) -> Result<Place, ApplyError> {
    Ok((reader.topic_id()?, reader.i32()?))
}

#[derive(Debug, Default)]
struct Bucket {
    /// Effects with lower offsets are inside already.
    floor: u64,
    /// The offset after the last effect that touched the bucket; 0 if none did.
    touched: u64,
    entries: BTreeMap<Arc<str>, Entry>,
}

/// One shard of coordinators.
#[derive(Debug)]
pub struct State {
    buckets: Box<[Bucket]>,
    count: usize,
    /// All entries by the time at which they are due. Derived.
    due: BTreeSet<(u64, Arc<str>)>,
}

impl Default for State {
    fn default() -> Self {
        let buckets = (0..1 << BUCKET_BITS).map(|_| Bucket::default()).collect();
        Self { buckets, count: 0, due: BTreeSet::new() }
    }
}

const fn bucket_of(hash: u64) -> usize {
    (hash >> (u64::BITS - BUCKET_BITS)) as usize
}

/// The hashes of one bucket.
const fn range(bucket: usize) -> (u64, u64) {
    let shift = u64::BITS - BUCKET_BITS;
    let start = (bucket as u64) << shift;
    (start, start + ((1 << shift) - 1))
}

impl State {
    /// What is known of a transactional id.
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.buckets[bucket_of(hash(id))].entries.get(id)
    }

    /// All ids, in an order that restarts keep.
    pub fn entries(&self) -> impl Iterator<Item = (&Arc<str>, &Entry)> {
        self.buckets.iter().flat_map(|bucket| &bucket.entries)
    }

    /// How many ids are known.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether none is.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Up to `count` ids that are due at `now_ms`, those that are due longest first.
    pub fn due(&self, now_ms: u64, count: usize) -> Vec<Arc<str>> {
        let due = self.due.iter().take_while(|(at, _)| *at <= now_ms);
        due.take(count).map(|(_, id)| Arc::clone(id)).collect()
    }

    fn restore_section(&mut self, section: Section, bytes: &[u8]) -> Result<(), ApplyError> {
        let index = bucket_of(section.start);
        if range(index) != (section.start, section.end) {
            let Section { start, end, .. } = section;
            return Err(ApplyError::Malformed(format!("no section ranges from {start:#x} to {end:#x}")));
        }
        let mut reader = Reader::new(bytes);
        let version = reader.byte()?;
        if version != VERSION {
            let text = format!("section layout {version} is not known to this version");
            return Err(ApplyError::Malformed(text));
        }
        while !reader.is_empty() {
            let id = reader.text()?;
            let entry = Entry::decode(&mut reader)?;
            if bucket_of(hash(&id)) != index {
                return Err(ApplyError::Malformed(format!("{id:?} is outside of its section")));
            }
            self.due.insert((entry.due_ms(), Arc::clone(&id)));
            if self.buckets[index].entries.insert(Arc::clone(&id), entry).is_some() {
                return Err(ApplyError::Malformed(format!("{id:?} is there twice")));
            }
            self.count += 1;
        }
        let bucket = &mut self.buckets[index];
        (bucket.floor, bucket.touched) = (section.offset.0, section.offset.0);
        Ok(())
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
        let id = effect.id();
        let bucket = &mut self.buckets[bucket_of(hash(id))];
        if offset.0 < bucket.floor {
            return;
        }
        bucket.touched = offset.0 + 1;
        let before = bucket.entries.get(id).map(Entry::due_ms);
        effect.apply(&mut bucket.entries);
        let after = bucket.entries.get(id).map(Entry::due_ms);
        if before != after {
            before.map(|at| self.due.remove(&(at, Arc::clone(id))));
            after.map(|at| self.due.insert((at, Arc::clone(id))));
        }
        self.count = self.count + usize::from(after.is_some()) - usize::from(before.is_some());
    }

    /// `since` 0 finds every bucket, touched or not, so that the sections tile the space.
    fn next_section(&mut self, cursor: u64, since: Offset, out: &mut Vec<u8>) -> Step {
        for index in bucket_of(cursor)..self.buckets.len() {
            let bucket = &self.buckets[index];
            if bucket.touched <= since.0 && since != Offset::ZERO {
                continue;
            }
            out.push(VERSION);
            let mut writer = Writer(out);
            for (id, entry) in &bucket.entries {
                writer.text(id);
                entry.encode(&mut writer);
            }
            let (start, end) = range(index);
            return Step { section: Some((start, end)), next: end.checked_add(1) };
        }
        Step { section: None, next: None }
    }

    fn restore(&mut self, section: Section, bytes: &[u8]) -> Result<(), ApplyError> {
        self.restore_section(section, bytes)
    }

    fn memory_bytes(&self) -> u64 {
        let entries: usize = self.entries().map(|(id, entry)| entry.memory_bytes(id)).sum();
        (entries + self.buckets.len() * size_of::<Bucket>()) as u64
    }
}
