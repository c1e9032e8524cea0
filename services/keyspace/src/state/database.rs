//! One shard's keys: what commands read, and what the shard runtime drives through [`State`].
//!
//! Reading order: this file (reads and marks) → `apply` (effects) → `checkpoint` (sections) → `usage` (what eviction goes by).
//!
//! Times are the caller's: `now` in milliseconds since the Unix epoch. A key whose deadline is `now` or earlier is absent
//! to every read, but stays until an `Expired` effect removes it; a command that writes to such a key logs that effect first.

mod apply;
mod checkpoint;
#[cfg(test)]
mod tests;
mod usage;

use bole_base::Offset;
use bole_shard::{ApplyError, Section, State, Step};

use super::effect::Effect;
use super::slot::{NEVER, Slot};
use super::table::{Element, Place, Seed, Table};
use super::value::{Kind, Limits, Random, Rules, Text, View};
use super::{IntegerBuffer, codec};
use usage::Stamp;

/// What a segment carries besides its keys.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// Effects with lower offsets are inside already.
    floor: u64,
    /// The offset after the last effect that touched the segment; 0 if none did.
    touched: u64,
    /// The journal position of the last change.
    position: u64,
    /// No key has an earlier deadline.
    deadline: u64,
}

impl Mark {
    const NEW: Self = Self { floor: 0, touched: 0, position: 0, deadline: NEVER };
}

/// What is known of all keys together.
#[derive(Debug, Default)]
struct Totals {
    /// Of slots' own allocations.
    bytes: usize,
    /// Keys with a deadline, and the sum of their deadlines.
    volatile: usize,
    deadlines: u128,
}

/// What the sum of all keys is told about one of them, before and after a change.
#[derive(Clone, Copy)]
struct Share {
    bytes: usize,
    deadline: u64,
}

impl Share {
    const NOTHING: Self = Self { bytes: 0, deadline: NEVER };

    #[inline]
    fn of(slot: &Slot) -> Self {
        Self { bytes: slot.heap_bytes(), deadline: slot.deadline() }
    }
}

impl Totals {
    #[inline]
    fn change(&mut self, before: Share, after: Share) {
        self.bytes = (self.bytes + after.bytes).saturating_sub(before.bytes);
        if before.deadline != NEVER {
            self.volatile -= 1;
            self.deadlines -= before.deadline as u128;
        }
        if after.deadline != NEVER {
            self.volatile += 1;
            self.deadlines += after.deadline as u128;
        }
    }
}

/// One shard's keys.
#[derive(Debug)]
pub struct Database {
    table: Table<Slot, Mark>,
    rules: Rules,
    totals: Totals,
    /// What uses are noted as.
    stamp: Stamp,
    /// The hash of the next effect's key, if the caller has it at hand.
    expected: Option<u64>,
    /// No segment's floor is higher.
    floor_max: u64,
    /// The segment that the search for expired keys comes to next.
    expiry_cursor: usize,
    old: Vec<Old>,
}

/// Keys that a flush removed, to be dropped where that delays nobody.
#[derive(Debug)]
#[expect(dead_code, reason = "kept to be dropped")]
pub struct Old(Table<Slot, Mark>);

/// What a look for a key gives.
#[derive(Clone, Copy, Debug)]
pub enum Found {
    /// It is there.
    Live(Place),
    /// Its deadline has come: log [`Effect::Expired`] before writing to it.
    Expired,
    /// It is not there.
    Absent,
}

/// A key that is there.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    slot: &'a Slot,
}

impl<'a> Entry<'a> {
    /// The key.
    pub fn key(&self) -> &'a [u8] {
        self.slot.key()
    }

    /// The type.
    pub fn kind(&self) -> Kind {
        self.slot.view().kind()
    }

    /// The value.
    #[inline]
    pub fn view(&self) -> View<'a> {
        self.slot.view()
    }

    /// The string, or `None` if this is none.
    #[inline]
    pub fn text(&self) -> Option<Text<'a>> {
        match self.slot.view() {
            View::Bytes(bytes) => Some(Text::Bytes(bytes)),
            View::Integer(integer) => Some(Text::Integer(integer)),
            _ => None,
        }
    }

    /// The string's bytes (an integer is spelled out into `buffer`), or `None` if this is none.
    #[inline]
    pub fn string<'b>(&self, buffer: &'b mut IntegerBuffer) -> Option<&'b [u8]>
    where
        'a: 'b,
    {
        self.text().map(|text| text.bytes(buffer))
    }

    /// The deadline in milliseconds since the Unix epoch.
    #[inline]
    pub fn deadline(&self) -> Option<u64> {
        Some(self.slot.deadline()).filter(|deadline| *deadline != NEVER)
    }

    /// When the key was last used, in seconds since the Unix epoch; see `usage` for what it is while uses are counted.
    pub fn accessed(&self) -> u32 {
        self.slot.accessed()
    }

    /// The name of the encoding, as Redis gives it.
    pub fn encoding(&self) -> &'static str {
        self.slot.encoding()
    }

    /// About how many bytes of memory the key takes, all included.
    pub fn memory_bytes(&self) -> usize {
        self.slot.heap_bytes() + BYTES_PER_KEY
    }

    /// Appends the value as [`Effect::Put`] takes it.
    pub fn put_value(&self, out: &mut Vec<u8>) {
        codec::put(out, self.slot.view());
    }
}

/// About what the table takes for each key.
const BYTES_PER_KEY: usize = 28;
/// How many segments one search for expired keys looks at.
const EXPIRY_SEGMENTS_MAX: usize = 4096;

impl Database {
    /// An empty database. The seed orders the keys, also in checkpoints: a database is restored under the seed that it was
    /// written under.
    pub fn new(seed: Seed, limits: Limits) -> Self {
        Self {
            table: Table::new(seed, Mark::NEW),
            rules: Rules { limits, seed },
            totals: Totals::default(),
            stamp: Stamp::default(),
            expected: None,
            floor_max: 0,
            expiry_cursor: 0,
            old: Vec::new(),
        }
    }

    /// A database without keys, with the same seed and limits.
    #[must_use]
    pub fn emptied(&self) -> Self {
        Self { stamp: self.stamp, ..Self::new(self.rules.seed, self.rules.limits) }
    }

    /// Changes the limits for changes to come.
    pub fn set_limits(&mut self, limits: Limits) {
        self.rules.limits = limits;
    }

    /// Tells the time of use of keys that later effects make or change, and the hash of the next effect's key, which is not hashed
    /// again then. No part of the state proper. An effect that is not applied after all: [`Self::forget_hash`].
    #[inline]
    pub fn expect(&mut self, now: u64, hash: u64) {
        self.stamp.set_now(now);
        self.expected = Some(hash);
    }

    /// Forgets what [`Self::expect`] said of the next effect's key.
    pub fn forget_hash(&mut self) {
        self.expected = None;
    }

    /// The hash that the other methods take.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.rules.seed.hash(key)
    }

    /// The key, if it is there and its deadline has not come.
    #[inline]
    pub fn lookup(&self, hash: u64, key: &[u8], now: u64) -> Option<Entry<'_>> {
        let slot = self.table.get(hash, key)?;
        (slot.deadline() > now).then_some(Entry { slot })
    }

    /// Looks a key up once; [`Self::entry`] and [`Self::used`] take it from there.
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8], now: u64) -> Found {
        match self.table.find(hash, key) {
            None => Found::Absent,
            Some(place) if self.table.at(place).is_some_and(|slot| slot.deadline() > now) => {
                Found::Live(place)
            }
            Some(_) => Found::Expired,
        }
    }

    /// The key at a place that [`Self::find`] gave, if no effect was applied since.
    #[inline]
    pub fn entry(&self, place: Place) -> Option<Entry<'_>> {
        self.table.at(place).map(|slot| Entry { slot })
    }

    /// As [`Self::entry`], and notes the use.
    #[inline]
    pub fn used(&mut self, place: Place, now: u64) -> Option<Entry<'_>> {
        self.stamp.set_now(now);
        let slot = self.table.at_mut(place)?;
        slot.touch(self.stamp.again(slot.accessed()));
        Some(Entry { slot })
    }

    /// Notes a use of a key at `seconds` since the Unix epoch; for `OBJECT IDLETIME` and eviction.
    pub fn touch(&mut self, hash: u64, key: &[u8], seconds: u32) {
        if let Some(slot) = self.table.get_mut(hash, key) {
            slot.touch(seconds);
        }
    }

    /// The number of keys, expired ones that nobody removed yet included.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The number of keys with a deadline.
    pub fn volatile_len(&self) -> usize {
        self.totals.volatile
    }

    /// The average time to live of the keys with a deadline, in milliseconds.
    pub fn average_ttl(&self, now: u64) -> u64 {
        let average = self.totals.deadlines.checked_div(self.totals.volatile as u128).unwrap_or(0);
        (average as u64).saturating_sub(now)
    }

    /// As [`Table::scan`], expired keys left out.
    pub fn scan(&self, cursor: u64, count: usize, now: u64, mut visit: impl FnMut(Entry<'_>)) -> u64 {
        self.table.scan(cursor, count, |slot| {
            if slot.deadline() > now {
                visit(Entry { slot });
            }
        })
    }

    /// A key at random, expired or not: see [`Entry::deadline`].
    pub fn random(&self, random: Random<'_>) -> Option<Entry<'_>> {
        self.table.random(random).map(|slot| Entry { slot })
    }

    /// The journal position of the last change near a key: what a reply that shows the key, or shows that it is absent, waits for.
    #[inline]
    pub fn position(&self, hash: u64) -> u64 {
        self.table.segment(hash).meta.position
    }

    /// The highest of all positions: what a reply about the whole database waits for.
    pub fn position_max(&self) -> u64 {
        self.table.segments().iter().map(|segment| segment.meta.position).max().unwrap_or(0)
    }

    /// Notes the journal position of a change to a key.
    #[inline]
    pub fn set_position(&mut self, hash: u64, position: u64) {
        self.table.meta_mut(hash).position = position;
    }

    /// Notes the journal position of a flush.
    pub fn set_position_all(&mut self, position: u64) {
        for index in 0..self.table.segments().len() {
            self.table.segment_mut(index).meta.position = position;
        }
    }

    /// Hands up to about `limit` keys whose deadline has come to `visit`; they stay until effects remove them. Returns whether there
    /// may be more, so that another call is worth while. Looks only into segments where a deadline has come.
    pub fn expired(&mut self, now: u64, limit: usize, mut visit: impl FnMut(&[u8])) -> bool {
        let mut found = 0;
        let segments = self.table.segments().len();
        for _ in 0..segments.min(EXPIRY_SEGMENTS_MAX) {
            if found >= limit {
                return true;
            }
            self.expiry_cursor = (self.expiry_cursor + 1) % segments;
            let segment = self.table.segment_mut(self.expiry_cursor);
            if segment.meta.deadline > now {
                continue;
            }
            let mut first = NEVER;
            for slot in segment.iter() {
                let deadline = slot.deadline();
                first = first.min(deadline);
                if deadline <= now {
                    visit(slot.key());
                    found += 1;
                }
            }
            segment.meta.deadline = first;
        }
        found >= limit || segments > EXPIRY_SEGMENTS_MAX
    }

    /// What flushes removed and what was not taken yet; drop it where that delays nobody.
    pub fn take_old(&mut self) -> Vec<Old> {
        std::mem::take(&mut self.old)
    }
}

impl State for Database {
    type Effect<'a> = Effect<'a>;

    fn kind(effect: &Effect<'_>) -> (bole_log::PayloadKind, u8) {
        effect.kind()
    }

    #[inline]
    fn encode(effect: &Effect<'_>, out: &mut Vec<u8>) {
        effect.encode(out);
    }

    fn decode(
        kind: bole_log::PayloadKind,
        version: u8,
        payload: &[u8],
    ) -> Result<Self::Effect<'_>, ApplyError> {
        Effect::decode(kind, version, payload)
    }

    #[inline]
    fn apply(&mut self, offset: Offset, effect: &Effect<'_>) {
        match effect.key() {
            Some(key) => {
                let hash = self.expected.take().unwrap_or_else(|| self.hash(key));
                debug_assert_eq!(hash, self.hash(key), "the hash is that of the effect's key");
                self.apply_hashed(offset, hash, effect);
            }
            None => self.flush(offset),
        }
    }

    fn next_section(&mut self, cursor: u64, since: Offset, out: &mut Vec<u8>) -> Step {
        self.find_section(cursor, since.0, out)
    }

    fn restore(&mut self, section: Section, bytes: &[u8]) -> Result<(), ApplyError> {
        self.restore_section(section, bytes)
    }

    fn memory_bytes(&self) -> u64 {
        (self.totals.bytes + self.table.len() * BYTES_PER_KEY + self.table.segments().len() * 128) as u64
    }
}
