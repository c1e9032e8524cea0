//! An extendible hash table: a directory over the upper bits of the *ordering hash* leads to segments, each one
//! `hashbrown` table of up to a few hundred elements. No operation moves more than one segment, except that the directory
//! doubles now and then (4 bytes an entry, at most 2^24 entries, and at most 32 for each segment).
//!
//! The ordering hash is `SipHash-1-3` of the key, rotated left by 7: `hashbrown` takes its tags from the upper 7 bits and
//! its buckets from the low ones, so the bits that choose the segment are others. `SipHash` is stable over versions, and
//! ordering hashes are *persisted* (as bounds of checkpoint sections): neither it nor the rotation may change.
//!
//! A segment carries metadata `M` for its owner; both halves of a split inherit it.

mod segment;
#[cfg(test)]
mod tests;

pub use segment::Segment;

use siphasher::sip::SipHasher13;

/// What stands in a table: bytes that begin with or contain their key.
pub trait Element {
    /// The key, unique in its table.
    fn key(&self) -> &[u8];
}

/// The secret of a table's hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64, pub u64);

impl Seed {
    /// The ordering hash of a key.
    #[inline]
    pub fn hash(self, key: &[u8]) -> u64 {
        SipHasher13::new_with_keys(self.0, self.1).hash(key).rotate_left(TAG_BITS)
    }
}

/// The bits that `hashbrown` takes from the top of a hash.
const TAG_BITS: u32 = 7;
/// No segment splits below this depth; it grows instead.
pub(super) const DEPTH_MAX: u32 = 24;
/// The directory has at most this many entries for each segment (twice that right after doubling), so that equal hash prefixes cannot blow it up.
const DIRECTORY_PER_SEGMENT: usize = 16;
/// Scan cursors are multiples of two to this power, so that a caller can put something of its own below.
pub const CURSOR_BITS: u32 = 16;

/// The hash as `hashbrown` wants it.
#[inline]
pub(super) const fn bucket_hash(hash: u64) -> u64 {
    hash.rotate_right(TAG_BITS)
}

/// Where an element stands, until the next insertion or removal.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    segment: usize,
    bucket: usize,
}

/// See the module's documentation. All hashes are ordering hashes under the table's seed.
#[derive(Debug)]
pub struct Table<E, M = ()> {
    seed: Seed,
    depth: u32,
    len: usize,
    directory: Vec<u32>,
    segments: Vec<Segment<E, M>>,
}

impl<E: Element, M: Clone> Table<E, M> {
    /// An empty table of one segment.
    pub fn new(seed: Seed, meta: M) -> Self {
        Self { seed, depth: 0, len: 0, directory: vec![0], segments: vec![Segment::new(meta)] }
    }

    /// The seed given at construction.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The segments, in no particular order.
    pub fn segments(&self) -> &[Segment<E, M>] {
        &self.segments
    }

    /// The segment at an index below `segments().len()`. Its length may not be changed through this.
    pub(super) fn segment_mut(&mut self, index: usize) -> &mut Segment<E, M> {
        &mut self.segments[index]
    }

    /// The index of the segment that a hash falls into; valid until the next insertion.
    #[inline]
    pub fn index(&self, hash: u64) -> usize {
        // Two shifts, because a depth of 0 would need one by 64.
        self.directory[(hash >> 1 >> (63 - self.depth)) as usize] as usize
    }

    /// The segment that a hash falls into.
    #[inline]
    pub fn segment(&self, hash: u64) -> &Segment<E, M> {
        &self.segments[self.index(hash)]
    }

    /// The metadata of the segment that a hash falls into.
    #[inline]
    pub fn meta_mut(&mut self, hash: u64) -> &mut M {
        let index = self.index(hash);
        &mut self.segments[index].meta
    }

    /// The element with a key.
    #[inline]
    pub fn get(&self, hash: u64, key: &[u8]) -> Option<&E> {
        self.segment(hash).table.find(bucket_hash(hash), |element| element.key() == key)
    }

    /// Where the element with a key stands.
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<Place> {
        let segment = self.index(hash);
        let table = &self.segments[segment].table;
        let bucket = table.find_bucket_index(bucket_hash(hash), |element| element.key() == key)?;
        Some(Place { segment, bucket })
    }

    /// The element at a place that [`Table::find`] gave, if nothing was put in or taken out since.
    #[inline]
    pub fn at(&self, place: Place) -> Option<&E> {
        self.segments.get(place.segment)?.table.get_bucket(place.bucket)
    }

    /// As [`Table::at`], to be changed without changing its key.
    #[inline]
    pub fn at_mut(&mut self, place: Place) -> Option<&mut E> {
        self.segments.get_mut(place.segment)?.table.get_bucket_mut(place.bucket)
    }

    /// The element with a key, to be changed without changing its key.
    #[inline]
    pub fn get_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut E> {
        let index = self.index(hash);
        self.segments[index].table.find_mut(bucket_hash(hash), |element| element.key() == key)
    }

    /// Puts in an element whose key is known to be absent.
    #[inline]
    pub fn insert_new(&mut self, hash: u64, element: E) {
        let mut index = self.index(hash);
        if self.segments[index].is_full() {
            index = self.make_room(hash);
        }
        let seed = self.seed;
        let rehash = |element: &E| bucket_hash(seed.hash(element.key()));
        self.segments[index].table.insert_unique(bucket_hash(hash), element, rehash);
        self.len += 1;
    }

    /// Puts in an element, in place of the one with its key if there is one.
    pub fn insert(&mut self, hash: u64, element: E) -> Option<E> {
        if let Some(old) = self.get_mut(hash, element.key()) {
            return Some(std::mem::replace(old, element));
        }
        self.insert_new(hash, element);
        None
    }

    /// Takes the element with a key out.
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> Option<E> {
        let index = self.index(hash);
        let segment = &mut self.segments[index];
        let found = segment.table.find_entry(bucket_hash(hash), |element| element.key() == key).ok()?;
        let (element, _) = found.remove();
        segment.shrink(self.seed);
        self.len -= 1;
        Some(element)
    }

    /// Visits every element, segment by segment.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.segments.iter().flat_map(|segment| segment.table.iter())
    }

    /// Empties one segment and hands out its elements' table.
    pub(super) fn clear_segment(&mut self, index: usize) -> hashbrown::HashTable<E> {
        let table = std::mem::take(&mut self.segments[index].table);
        self.len -= table.len();
        table
    }

    /// Visits about `count` elements from `cursor` on, which is 0 or the result of an earlier call, and returns the
    /// cursor to go on with, 0 at the end. An element that is there during a whole scan is visited exactly once,
    /// whatever happens to the others meanwhile. Cursors are multiples of 2^16.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&E)) -> u64 {
        let count = count.max(1);
        let mut from = cursor >> CURSOR_BITS << CURSOR_BITS;
        let mut visited = 0;
        // Empty segments cost something, too.
        for _ in 0..count.max(16) {
            let segment = self.segment(from);
            let left = count - visited;
            if from == segment.start && segment.table.len() <= left {
                segment.table.iter().for_each(&mut visit);
                visited += segment.table.len();
            } else if let Some(next) = self.scan_part(segment, from, left, &mut visited, &mut visit) {
                return next;
            }
            match segment.end().checked_add(1) {
                None => return 0,
                Some(next) => from = next,
            }
            if visited >= count {
                return from;
            }
        }
        from
    }

    /// Visits `left` elements of a segment in the order of their hashes, from `from` on, and returns where to go on if
    /// that was not the rest of it. Elements with the same cursor stay together.
    fn scan_part(
        &self,
        segment: &Segment<E, M>,
        from: u64,
        left: usize,
        visited: &mut usize,
        visit: &mut impl FnMut(&E),
    ) -> Option<u64> {
        let mut rest: Vec<(u64, &E)> = segment
            .table
            .iter()
            .map(|element| (self.seed.hash(element.key()) >> CURSOR_BITS, element))
            .filter(|(order, _)| *order >= from >> CURSOR_BITS)
            .collect();
        rest.sort_unstable_by_key(|(order, _)| *order);
        for (nth, (order, element)) in rest.iter().enumerate() {
            if nth >= left && *order != rest[nth - 1].0 {
                return Some(order << CURSOR_BITS);
            }
            visit(element);
            *visited += 1;
        }
        None
    }

    /// An element at random: a segment by the share of its range, then any of its elements. Uniform but for the
    /// few percent by which the segments' densities differ.
    pub fn random(&self, random: &mut dyn FnMut() -> u64) -> Option<&E> {
        if self.is_empty() {
            return None;
        }
        let mut segment = self.segment(random());
        while segment.table.is_empty() {
            segment = self.segment(segment.end().wrapping_add(1));
        }
        let buckets = segment.table.num_buckets();
        for _ in 0..64 {
            if let Some(element) = segment.table.get_bucket((random() % buckets as u64) as usize) {
                return Some(element);
            }
        }
        segment.table.iter().nth((random() % segment.table.len() as u64) as usize)
    }

    /// About how many bytes the directory and the segments' arrays take, without what the elements own.
    pub fn own_bytes(&self) -> usize {
        self.directory.capacity() * 4
            + self.segments.capacity() * size_of::<Segment<E, M>>()
            + self.segments.iter().map(|segment| segment.table.allocation_size()).sum::<usize>()
    }

    /// Splits segments until one begins exactly at `start`. Refuses what would need a split below the greatest depth.
    pub(super) fn split_at(&mut self, start: u64) -> bool {
        if start.trailing_zeros() < 64 - DEPTH_MAX {
            return false;
        }
        while self.segment(start).start != start {
            self.split(self.index(start));
        }
        true
    }

    /// Makes the segment of a hash ready for one more element and returns its index.
    #[cold]
    fn make_room(&mut self, hash: u64) -> usize {
        loop {
            let index = self.index(hash);
            let segment = &self.segments[index];
            if !segment.is_full() {
                return index;
            }
            if segment.is_worn() {
                let seed = self.seed;
                self.segments[index].rebuild(seed);
                return index;
            }
            if !segment.is_large() {
                return index;
            }
            let deepest = segment.depth == self.depth;
            let wide = self.directory.len() > DIRECTORY_PER_SEGMENT * self.segments.len();
            if segment.depth >= DEPTH_MAX || (deepest && wide) {
                return index;
            }
            self.split(index);
        }
    }

    fn split(&mut self, index: usize) {
        if self.segments[index].depth == self.depth {
            self.directory = self.directory.iter().flat_map(|&entry| [entry, entry]).collect();
            self.depth += 1;
        }
        let upper = self.segments[index].split(self.seed);
        let first = (upper.start >> 1 >> (63 - self.depth)) as usize;
        let entries = 1 << (self.depth - upper.depth);
        self.directory[first..first + entries].fill(self.segments.len() as u32);
        self.segments.push(upper);
    }
}
