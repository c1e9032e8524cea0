//! Moves chunks to the home where new ones go, while clients read and write.
//!
//! A chunk is copied block by block, each compared with its checksum, and read again from where it was copied to. Then one entry says that it is there, and that its old copy is garbage,
//! which the reclaimer removes when nobody reads it any more. What a crash leaves is a copy that no row names: the sweep after the next start removes it, and the move begins anew.
//!
//! # Invariants
//! - A chunk can be read at each moment: rows name one complete copy.
//! - Nothing is moved before the sweep that follows a start is through.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use crate::chunks::homes::{HomeNumber, Stored};
use crate::chunks::reader::{self, Reader};
use crate::chunks::writer::Writer;
use crate::chunks::{self, ChunkId};
use crate::rows::keys::{self, CHUNKS, GARBAGE, OWN};
use crate::rows::values::{self, Counter};
use crate::rows::{Garbage, Kept};
use crate::state::holds::Hold;
use crate::state::{Blobs, Error, Plan, Result};

/// Rows that are looked at under the lock at once.
const ROWS_MAX: usize = 256;

/// A number of chunks, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Chunks.
    pub chunks: u64,
    /// Bytes of bodies that are in them.
    pub bytes: u64,
}

impl Counted {
    const fn add(&mut self, bytes: u64) {
        self.chunks += 1;
        self.bytes += bytes;
    }
}

/// Where a look for chunks goes on.
#[derive(Clone, Debug, Default)]
pub struct Cursor(Option<Bytes>);

impl Cursor {
    /// Whether the next look begins with the first chunk.
    pub const fn is_at_start(&self) -> bool {
        self.0.is_none()
    }
}

/// A chunk that is not where new ones go. While this lives, it is not removed.
#[derive(Debug)]
pub struct Stray {
    /// The chunk, and where it is.
    pub stored: Stored,
    /// Bytes of the body that is in it.
    pub bytes: u64,
    _hold: Hold,
}

/// One page of the chunks that bodies name. The cursor moves, and begins anew after the last.
fn page(plan: &Plan<'_>, cursor: &mut Cursor) -> Result<Vec<(ChunkId, Kept)>> {
    let start = cursor.0.take().map_or(Bound::Unbounded, Bound::Excluded);
    let page = plan.page(CHUNKS, &[], start, ROWS_MAX)?;
    cursor.0 = page.entries.last().filter(|_| page.more).map(|(row, _)| row.clone());
    let read = |(row, value): &(Bytes, Bytes)| {
        let wrong = || Error::Row(format!("\"{}\" is no name of a chunk", row.escape_ascii()));
        let id = ChunkId::from_bytes(row).ok_or_else(wrong)?;
        Ok((id, values::decode::<Kept>(value).map_err(Error::Row)?))
    };
    page.entries.iter().map(read).collect()
}

impl Blobs {
    /// How many chunks are in a home, as rows say. Looks at the row of each chunk, a page at a time.
    pub fn count_in(&self, home: HomeNumber) -> Result<Counted> {
        self.count(|kept| kept.home == home)
    }

    /// How many chunks are not where new ones go.
    pub fn count_strays(&self) -> Result<Counted> {
        let current = self.homes().current();
        self.count(|kept| kept.home != current)
    }

    fn count(&self, counts: impl Fn(&Kept) -> bool) -> Result<Counted> {
        let (mut counted, mut cursor) = (Counted::default(), Cursor::default());
        loop {
            for (_, kept) in self.look(|plan| page(plan, &mut cursor))?.value {
                if counts(&kept) {
                    counted.add(kept.bytes);
                }
            }
            if cursor.0.is_none() {
                return Ok(counted);
            }
        }
    }

    /// The next chunks that are not where new ones go. The cursor moves, and is at the start again after the last. A chunk whose old copy there was not removed yet is
    /// passed over: a later look finds it.
    pub fn strays(&self, cursor: &mut Cursor) -> Result<Vec<Stray>> {
        let current = self.homes().current();
        loop {
            let found = self.look(|plan| {
                let mut strays = Vec::new();
                for (id, kept) in page(plan, cursor)? {
                    let there = keys::garbage(Stored { id, home: current });
                    if kept.home != current && plan.get(GARBAGE, &there)?.is_none() {
                        let stored = Stored { id, home: kept.home };
                        strays.push(Stray { stored, bytes: kept.bytes, _hold: plan.hold(vec![id]) });
                    }
                }
                Ok(strays)
            })?;
            if !found.value.is_empty() || cursor.0.is_none() {
                return Ok(found.value);
            }
        }
    }

    /// Copies a chunk to where new ones go, and reads it there. Blocks.
    /// Errors: those of both homes; nothing has changed then.
    pub fn copy(&self, stray: &Stray) -> Result<(), chunks::Error> {
        let Stray { stored: Stored { id, home }, bytes, .. } = *stray;
        let (from, to) = (self.homes().get(home)?, self.homes().get(self.homes().current())?);
        // What a move left that failed halfway.
        to.remove(id)?;
        let mut writer = Writer::create(&**to, id, bytes)?;
        for block in Reader::new(Arc::clone(from), id, bytes, 0..bytes) {
            writer.push(&block?)?;
        }
        writer.finish()?;
        let read = reader::verify(to, id, bytes);
        if read.is_err() {
            to.remove(id)?;
        }
        read.map(drop)
    }

    /// Says that chunks were copied: from now on they are read there. Those that were deleted meanwhile are removed there. What was moved.
    pub async fn moved(&self, strays: &[Stray]) -> Result<Counted> {
        let current = self.homes().current();
        self.change(None, strays.len() * 128, |plan| {
            let mut moved = Counted::default();
            for Stray { stored, bytes, .. } in strays {
                let key = keys::chunk(stored.id);
                let kept: Option<Kept> = plan.row(CHUNKS, &key)?;
                let leave = match kept {
                    Some(kept) if kept.home == current => continue,
                    Some(kept) => {
                        plan.put_row(CHUNKS, key, &Kept { home: current, ..kept });
                        moved.add(*bytes);
                        kept.home
                    }
                    None => current,
                };
                let garbage = keys::garbage(Stored { id: stored.id, home: leave });
                plan.put_row(GARBAGE, garbage, &Garbage { bytes: *bytes });
            }
            plan.housekeeping();
            Ok(moved)
        })
        .await
    }

    /// Whether this node ever took a cluster for its chunks, which then has its mark.
    pub fn knows_cluster(&self) -> Result<bool> {
        Ok(self.look(|plan| plan.get(OWN, keys::CLUSTER))?.value.is_some())
    }

    /// Remembers that it did, or that nothing is there any more.
    pub async fn remember_cluster(&self, is_there: bool) -> Result<()> {
        self.change(None, 64, |plan| {
            if is_there {
                plan.put_row(OWN, keys::CLUSTER, &Counter(1));
            } else {
                plan.delete(OWN, keys::CLUSTER);
            }
            plan.housekeeping();
            Ok(())
        })
        .await
    }

    /// Whether anything is in the cluster, garbage included.
    pub fn uses_cluster(&self) -> Result<bool> {
        let garbage = self.look(|plan| plan.all(GARBAGE, &[]))?.value;
        let mut stored = garbage.iter().filter_map(|(row, _)| keys::read_garbage(row));
        Ok(stored.any(|stored| stored.home == HomeNumber::CLUSTER)
            || self.count_in(HomeNumber::CLUSTER)?.chunks > 0)
    }
}
