//! What a store holds at a moment, and which moments are still looked at.

use std::collections::BTreeMap;

use bytes::Bytes;
use lsm_tree::{AbstractTree, Guard, SeqNo};
use parking_lot::Mutex;

use super::Store;
use crate::{Direction, Error, Page, PageLimits, Partition, Range};

/// The end of the last whole batch, and the snapshots that are open.
pub(super) struct Snapshots(Mutex<Open>);

struct Open {
    /// Reads see what has a lower number.
    visible: SeqNo,
    /// How many look at each moment.
    open: BTreeMap<SeqNo, usize>,
}

impl Snapshots {
    pub(super) fn new(visible: SeqNo) -> Self {
        Self(Mutex::new(Open { visible, open: BTreeMap::new() }))
    }

    /// Shows everything below `visible`.
    pub(super) fn publish(&self, visible: SeqNo) {
        let mut snapshots = self.0.lock();
        snapshots.visible = snapshots.visible.max(visible);
    }

    /// What nobody looks at any more has a lower number.
    pub(super) fn watermark(&self) -> SeqNo {
        let snapshots = self.0.lock();
        snapshots.open.keys().next().copied().unwrap_or(snapshots.visible)
    }

    pub(super) fn count(&self) -> usize {
        self.0.lock().open.values().sum()
    }

    fn open(&self) -> SeqNo {
        let mut snapshots = self.0.lock();
        let visible = snapshots.visible;
        *snapshots.open.entry(visible).or_default() += 1;
        visible
    }

    fn close(&self, number: SeqNo) {
        let mut snapshots = self.0.lock();
        if let Some(count) = snapshots.open.get_mut(&number) {
            *count -= 1;
            if *count == 0 {
                snapshots.open.remove(&number);
            }
        }
    }
}

/// What a store held when this was made. Tables and memtables that it sees stay until it is dropped, so it is for one look or one scan.
pub struct Snapshot {
    store: Store,
    number: SeqNo,
}

/// An entry of a scan, or why there is none.
type Entry = Result<(Bytes, Bytes), Error>;

/// Entries of a range, in the order asked for.
pub struct Scan<'a> {
    _snapshot: &'a Snapshot,
    entries: Box<dyn Iterator<Item = Entry> + Send + 'a>,
}

impl Iterator for Scan<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        self.entries.next()
    }
}

impl Snapshot {
    pub(super) fn open(store: Store) -> Self {
        let number = store.0.snapshots.open();
        Self { store, number }
    }

    /// The value under a key. Errors: `Damaged`, `Io`.
    pub fn get(&self, partition: Partition, key: &[u8]) -> Result<Option<Bytes>, Error> {
        let inner = &self.store.0;
        let found = inner.tree.get(partition.stored(key), self.number);
        Ok(found.map_err(|error| Error::tree(&inner.folder, &error))?.map(Bytes::from))
    }

    /// The entries of a range. Errors, in its items: `Damaged`, `Io`.
    pub fn scan(&self, range: &Range, direction: Direction) -> Scan<'_> {
        if range.is_empty() {
            return Scan { _snapshot: self, entries: Box::new(std::iter::empty()) };
        }
        let inner = &self.store.0;
        let entries = inner.tree.range::<Bytes, _>(range.stored(), self.number, None);
        let entry = move |guard: lsm_tree::IterGuardImpl| {
            let (key, value) = guard.into_inner().map_err(|error| Error::tree(&inner.folder, &error))?;
            Ok((Bytes::from(key).slice(1..), Bytes::from(value)))
        };
        let entries: Box<dyn Iterator<Item = Entry> + Send + '_> = match direction {
            Direction::Forward => Box::new(entries.map(entry)),
            Direction::Backward => Box::new(entries.rev().map(entry)),
        };
        Scan { _snapshot: self, entries }
    }

    /// The first entries of a range. Errors: `Damaged`, `Io`.
    pub fn page(&self, range: &Range, direction: Direction, limits: PageLimits) -> Result<Page, Error> {
        Page::collect(limits, self.scan(range, direction))
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.store.0.snapshots.close(self.number);
    }
}
