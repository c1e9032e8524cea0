//! One segment: the elements of an aligned range of ordering hashes.

use hashbrown::HashTable;

use super::{Element, Seed, bucket_hash};

/// A full segment has this many buckets; `hashbrown` fills seven eighths of them.
const BUCKETS_MAX: usize = 512;
/// Below this many buckets `hashbrown` alone decides when to grow.
const BUCKETS_MIN: usize = 64;

/// The elements whose ordering hashes share their first `depth` bits.
#[derive(Debug)]
pub struct Segment<E, M> {
    pub(super) table: HashTable<E>,
    pub(super) start: u64,
    pub(super) depth: u32,
    /// What the table's owner keeps for the segment.
    pub meta: M,
}

impl<E: Element, M: Clone> Segment<E, M> {
    pub(super) fn new(meta: M) -> Self {
        Self { table: HashTable::new(), start: 0, depth: 0, meta }
    }

    /// The first hash of the segment's range.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// The last hash of the segment's range.
    pub fn end(&self) -> u64 {
        self.start | (u64::MAX >> self.depth)
    }

    /// The elements, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.table.iter()
    }

    /// What stands in a bucket that `random` chooses.
    pub fn bucket(&self, random: u64) -> Option<&E> {
        self.table.get_bucket(random.checked_rem(self.table.num_buckets() as u64)? as usize)
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Whether one more element would make `hashbrown` grow the array.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.table.len() == self.table.capacity() && self.table.num_buckets() >= BUCKETS_MIN
    }

    /// Whether the array is as large as a segment's should be.
    pub(super) fn is_large(&self) -> bool {
        self.table.num_buckets() >= BUCKETS_MAX
    }

    /// Whether it is removals that wore out the buckets of a full segment: a fifth of them or more hold nothing.
    pub(super) fn is_worn(&self) -> bool {
        self.table.len() < self.table.num_buckets().min(BUCKETS_MAX) * 7 / 10
    }

    /// Clears the marks that removals left.
    pub(super) fn rebuild(&mut self, seed: Seed) {
        let capacity = self.table.num_buckets().min(BUCKETS_MAX) * 7 / 8;
        let old = std::mem::replace(&mut self.table, HashTable::with_capacity(capacity));
        for element in old {
            Self::put(&mut self.table, seed, seed.hash(element.key()), element);
        }
    }

    /// Keeps the lower half and returns the upper one.
    pub(super) fn split(&mut self, seed: Seed) -> Self {
        let old = std::mem::take(&mut self.table);
        self.depth += 1;
        let bit = 1_u64 << (64 - self.depth);
        // A little over half, so that the halves of a full segment get arrays that need not grow soon.
        let capacity = old.len() / 2 + old.len() / 16;
        let mut upper = Self {
            table: HashTable::with_capacity(capacity),
            start: self.start | bit,
            depth: self.depth,
            meta: self.meta.clone(),
        };
        self.table = HashTable::with_capacity(capacity);
        for element in old {
            let hash = seed.hash(element.key());
            let table = if hash & bit == 0 { &mut self.table } else { &mut upper.table };
            Self::put(table, seed, hash, element);
        }
        upper
    }

    /// Gives memory back when most buckets are empty.
    #[inline]
    pub(super) fn shrink(&mut self, seed: Seed) {
        if self.table.num_buckets() > 16 && self.table.len() < self.table.num_buckets() / 8 {
            self.table.shrink_to(self.table.len() * 2, |element| bucket_hash(seed.hash(element.key())));
        }
    }

    fn put(table: &mut HashTable<E>, seed: Seed, hash: u64, element: E) {
        table.insert_unique(bucket_hash(hash), element, |element| bucket_hash(seed.hash(element.key())));
    }
}
