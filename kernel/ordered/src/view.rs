//! Reads of a state: the store with the overlay over it, as the shard's lock shows them.

use std::cell::Cell;

use bole_shard::durable::DurableLocked;
use bytes::Bytes;

use crate::overlay::Merge;
use crate::{Direction, Effects, Error, OrderedState, Overlay, Page, PageLimits, Partition, Range, Snapshot};

/// What a locked shard holds. Each look is bounded, because others wait: a key, or a page. Longer scans take the next page under the
/// next lock, and see what changed in between, or [`View::freeze`] what they go through.
pub struct View<'a> {
    snapshot: Snapshot,
    overlay: &'a Overlay,
    saw_pending: Cell<bool>,
}

impl<'a> View<'a> {
    /// What `locked` holds now; effects that are pushed later need another view.
    pub fn of<E: Effects>(locked: &'a DurableLocked<'_, OrderedState<E>>) -> Result<Self, Error> {
        Ok(Self {
            snapshot: locked.store().store()?.snapshot(),
            overlay: locked.overlay(),
            saw_pending: Cell::new(false),
        })
    }

    /// The value under a key. Errors: `Damaged`, `Io`.
    pub fn get(&self, partition: Partition, key: &[u8]) -> Result<Option<Bytes>, Error> {
        match self.overlay.get(partition, key) {
            Some(value) => {
                self.saw_pending.set(true);
                Ok(value)
            }
            None => self.snapshot.get(partition, key),
        }
    }

    /// The first entries of a range; go on with [`Page::rest`]. Errors: `Damaged`, `Io`.
    pub fn page(&self, range: &Range, direction: Direction, limits: PageLimits) -> Result<Page, Error> {
        if !self.saw_pending.get() && self.overlay.scan(range, direction).next().is_some() {
            self.saw_pending.set(true);
        }
        page(&self.snapshot, self.overlay, range, direction, limits)
    }

    /// Whether anything that was read so far, or that is in a range of which a page was read, may not be fsynced yet. If not, what was read is durable whatever else
    /// the shard did: the store has fsynced effects alone, and what it does not have the overlay names.
    pub const fn saw_pending(&self) -> bool {
        self.saw_pending.get()
    }

    /// Keeps a range as it is now, to be read without the lock. Copies what the overlay says of it, and keeps the store's tables from
    /// going, so it is for one scan.
    pub fn freeze(self, range: Range) -> Frozen {
        Frozen { overlay: self.overlay.part(&range), snapshot: self.snapshot, range }
    }
}

/// A range as it was at one moment.
pub struct Frozen {
    snapshot: Snapshot,
    overlay: Overlay,
    range: Range,
}

impl Frozen {
    /// All of its entries, in the order asked for. Errors, in its items: `Damaged`, `Io`.
    pub fn scan(&self, direction: Direction) -> impl Iterator<Item = Result<(Bytes, Bytes), Error>> + '_ {
        let over = self.overlay.scan(&self.range, direction);
        Merge::new(self.snapshot.scan(&self.range, direction), over, direction)
    }
}

fn page(
    snapshot: &Snapshot,
    overlay: &Overlay,
    range: &Range,
    direction: Direction,
    limits: PageLimits,
) -> Result<Page, Error> {
    let over = overlay.scan(range, direction);
    Page::collect(limits, Merge::new(snapshot.scan(range, direction), over, direction))
}
