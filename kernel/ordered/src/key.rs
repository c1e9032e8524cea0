//! Partitions, ranges of keys, pages.
//!
//! A key of the tree is one byte for the partition and then the service's key, so partitions follow each other in one order
//! and a range never leaves its own. *Persisted.*

use std::ops::Bound;

use bytes::Bytes;

use crate::limits::{PAGE_BYTES_MAX, PAGE_ENTRIES_MAX};

/// A keyspace of its own within a store: what other stores call a table or a column family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(u8);

impl Partition {
    /// What the store itself keeps.
    pub(crate) const OWN: Self = Self(0);

    /// A partition by its number. Panics for 0, which is the store's own: numbers are constants of the service.
    pub const fn new(number: u8) -> Self {
        assert!(number != 0, "partition 0 belongs to the store itself");
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The key of the tree for a key of the partition.
    pub(crate) fn stored(self, key: &[u8]) -> Bytes {
        let mut stored = Vec::with_capacity(key.len() + 1);
        stored.push(self.0);
        stored.extend_from_slice(key);
        stored.into()
    }
}

/// Which way to go through a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the smallest key on.
    Forward,
    /// From the largest key on.
    Backward,
}

/// A range of keys of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The partition.
    pub partition: Partition,
    /// Where it begins.
    pub start: Bound<Bytes>,
    /// Where it ends.
    pub end: Bound<Bytes>,
}

impl Range {
    /// All keys of a partition.
    pub const fn all(partition: Partition) -> Self {
        Self { partition, start: Bound::Unbounded, end: Bound::Unbounded }
    }

    /// The keys that begin with `prefix`.
    pub fn prefix(partition: Partition, prefix: &[u8]) -> Self {
        let start = Bound::Included(Bytes::copy_from_slice(prefix));
        let end = successor(prefix).map_or(Bound::Unbounded, Bound::Excluded);
        Self { partition, start, end }
    }

    /// The part of the range that comes after `key`, in the direction in which it is read.
    #[must_use]
    pub fn rest(mut self, key: Bytes, direction: Direction) -> Self {
        match direction {
            Direction::Forward => self.start = Bound::Excluded(key),
            Direction::Backward => self.end = Bound::Excluded(key),
        }
        self
    }

    /// Whether no key can be in it.
    pub fn is_empty(&self) -> bool {
        use Bound::{Excluded, Included};
        match (&self.start, &self.end) {
            (Included(start), Included(end)) => start > end,
            (Included(start) | Excluded(start), Included(end) | Excluded(end)) => start >= end,
            _ => false,
        }
    }

    /// The same range in the order of the tree. Both ends are bounded.
    pub(crate) fn stored(&self) -> (Bound<Bytes>, Bound<Bytes>) {
        let Self { partition, start, end } = self;
        let start = match start {
            Bound::Unbounded => Bound::Included(partition.stored(&[])),
            bound => bound.as_ref().map(|key| partition.stored(key)),
        };
        let end = match end {
            Bound::Unbounded => successor(&[partition.0]).map_or(Bound::Unbounded, Bound::Excluded),
            bound => bound.as_ref().map(|key| partition.stored(key)),
        };
        (start, end)
    }
}

/// The smallest key above all that begin with `prefix`; `None` if there is none.
fn successor(prefix: &[u8]) -> Option<Bytes> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end.into())
}

/// How much of a range is read at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimits {
    /// Entries; at most [`PAGE_ENTRIES_MAX`] count.
    pub entries_max: usize,
    /// Bytes of keys and values, beyond the first entry; at most [`PAGE_BYTES_MAX`] count.
    pub bytes_max: usize,
}

impl PageLimits {
    /// So many entries, within the bounds of a page.
    pub const fn entries(entries_max: usize) -> Self {
        Self { entries_max, bytes_max: PAGE_BYTES_MAX }
    }
}

/// A piece of a range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Keys and values, in the order in which they were read.
    pub entries: Vec<(Bytes, Bytes)>,
    /// Whether the range goes on after the last entry.
    pub more: bool,
}

impl Page {
    /// Collects a page. Errors: the first of `entries`.
    pub(crate) fn collect<E>(
        limits: PageLimits,
        entries: impl Iterator<Item = Result<(Bytes, Bytes), E>>,
    ) -> Result<Self, E> {
        let entries_max = limits.entries_max.min(PAGE_ENTRIES_MAX);
        let bytes_max = limits.bytes_max.min(PAGE_BYTES_MAX);
        let mut page = Self::default();
        let mut bytes = 0;
        for entry in entries {
            let (key, value) = entry?;
            bytes += key.len() + value.len();
            let full = bytes > bytes_max && !page.entries.is_empty();
            if full || page.entries.len() >= entries_max {
                page.more = true;
                break;
            }
            page.entries.push((key, value));
        }
        Ok(page)
    }

    /// The range that is left after this page of `range`; `None` at its end.
    pub fn rest(&self, range: Range, direction: Direction) -> Option<Range> {
        let (last, _) = self.entries.last().filter(|_| self.more)?;
        Some(range.rest(last.clone(), direction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &'static [u8]) -> Bytes {
        Bytes::from_static(text)
    }

    #[test]
    fn prefixes_end_where_the_next_key_begins() {
        let rows: [(&[u8], Option<&[u8]>); 5] = [
            (b"ab", Some(b"ac")),
            (b"a\xff", Some(b"b")),
            (b"\xff\xff", None),
            (b"", None),
            (b"\x00", Some(b"\x01")),
        ];
        for (prefix, end) in rows {
            assert_eq!(successor(prefix).as_deref(), end, "{prefix:?}");
        }
    }

    #[test]
    fn ranges_stay_in_their_partition() {
        let partition = Partition::new(255);
        let (start, end) = Range::all(partition).stored();
        assert_eq!((start, end), (Bound::Included(bytes(b"\xff")), Bound::Unbounded));
        let (start, end) = Range::all(Partition::new(7)).stored();
        assert_eq!((start, end), (Bound::Included(bytes(b"\x07")), Bound::Excluded(bytes(b"\x08"))));
    }

    #[test]
    fn empty_ranges_are_known() {
        use Bound::{Excluded, Included, Unbounded};
        let partition = Partition::new(1);
        let range = |start, end| Range { partition, start, end };
        let rows = [
            (range(Included(bytes(b"b")), Included(bytes(b"b"))), false),
            (range(Included(bytes(b"b")), Excluded(bytes(b"b"))), true),
            (range(Excluded(bytes(b"b")), Included(bytes(b"b"))), true),
            (range(Included(bytes(b"c")), Included(bytes(b"b"))), true),
            (range(Unbounded, Excluded(bytes(b""))), false),
            (range(Included(bytes(b"a")), Unbounded), false),
        ];
        for (range, expected) in rows {
            assert_eq!(range.is_empty(), expected, "{range:?}");
        }
    }

    #[test]
    fn a_page_has_one_entry_at_least_and_says_whether_there_is_more() {
        let entry = |size| Ok::<_, ()>((bytes(b"k"), Bytes::from(vec![0; size])));
        let limits = |entries_max, bytes_max| PageLimits { entries_max, bytes_max };
        let rows = [
            (limits(2, 100), vec![1, 1], 2, false),
            (limits(2, 100), vec![1, 1, 1], 2, true),
            (limits(9, 10), vec![50, 1], 1, true),
            (limits(9, 10), vec![4, 4, 4], 2, true),
            (limits(9, 10), vec![], 0, false),
        ];
        for (limits, sizes, expected, more) in rows {
            let page = Page::collect(limits, sizes.iter().map(|size| entry(*size))).unwrap_or_default();
            assert_eq!((page.entries.len(), page.more), (expected, more), "{limits:?} {sizes:?}");
        }
    }
}
