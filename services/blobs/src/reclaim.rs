//! Gives back the space of chunks that no body names any more, and of those that a crash left.
//!
//! A chunk's file goes when the entry that took its last name is fsynced, which it is when the store itself has the row of garbage, and when nobody reads it. Then it is
//! logged that it is gone; a crash in between removes it again.
//!
//! After a start, nothing is moved to another home before the sweep is through: it would take a chunk that was copied and is not named there yet for what a crash left.
//!
//! Everything comes in steps, which a thread or a scheduler drives. Removing blocks on the chunk store.

use bole_base::Epoch;
use bole_ordered::{Direction, PageLimits, Range, View};

use crate::chunks::ChunkId;
use crate::chunks::homes::Stored;
use crate::chunks::sweep::{Swept, sweep_place};
use crate::entry::Kind;
use crate::limits::RECLAIM_CHUNKS_MAX;
use crate::rows::Kept;
use crate::rows::keys::{self, CHUNKS, GARBAGE};
use crate::state::{Blobs, Error, Plan, Result};

/// Where a look for garbage goes on.
#[derive(Clone, Debug, Default)]
pub struct Place(Option<bytes::Bytes>);

impl Blobs {
    /// The next chunks of garbage that may go. `place` moves, and begins anew when this returns nothing.
    pub fn garbage(&self, place: &mut Place) -> Result<Vec<Stored>> {
        self.shard().settle(&**self.runtime().journal())?;
        let mut garbage = Vec::new();
        loop {
            let locked = self.shard().lock()?;
            let mut range = Range::all(GARBAGE);
            if let Some(after) = place.0.take() {
                range = range.rest(after, Direction::Forward);
            }
            let limits = PageLimits::entries(RECLAIM_CHUNKS_MAX);
            let page = locked.store().store()?.snapshot().page(&range, Direction::Forward, limits)?;
            let view = View::of(&locked)?;
            for (row, _) in &page.entries {
                let stored = keys::read_garbage(row).ok_or_else(|| {
                    Error::Row(format!("\"{}\" is no name of a chunk in a home", row.escape_ascii()))
                })?;
                if view.get(GARBAGE, row)?.is_some() && !self.holds().is_held(stored.id) {
                    garbage.push(stored);
                }
            }
            place.0 = page.entries.last().filter(|_| page.more).map(|(row, _)| row.clone());
            if !garbage.is_empty() || place.0.is_none() {
                return Ok(garbage);
            }
        }
    }

    /// Removes chunks that [`Blobs::garbage`] named. Blocks. Those that are removed: what cannot be removed now is tried again later.
    pub fn remove(&self, garbage: Vec<Stored>) -> Vec<Stored> {
        let remove = |stored: &Stored| self.homes().get(stored.home)?.remove(stored.id);
        let is_removed = |stored: &Stored| match remove(stored) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(chunk = %stored.id, home = %stored.home, %error, "a chunk of garbage stays until it can be removed");
                false
            }
        };
        garbage.into_iter().filter(is_removed).collect()
    }

    /// Logs that chunks are gone.
    pub async fn gone(&self, removed: &[Stored]) -> Result<()> {
        if removed.is_empty() {
            return Ok(());
        }
        self.change(None, removed.len() * 32, |plan| {
            removed.iter().for_each(|stored| plan.delete(GARBAGE, keys::garbage(*stored)));
            plan.happened(Kind::Housekeeping, "", "");
            Ok(())
        })
        .await
    }

    /// One step of the three above: how many chunks are gone. Not where a home waits for the network, which must not be done within a task of the runtime: there the caller makes the steps.
    pub async fn reclaim(&self, place: &mut Place) -> Result<usize> {
        let removed = self.remove(self.garbage(place)?);
        self.gone(&removed).await?;
        Ok(removed.len())
    }

    /// Removes what openings before this one left in one of the 256 places of the chunk store: chunks that no row names. Blocks.
    /// After recovery; concurrently with everything else.
    pub fn sweep(&self, place: u8) -> Result<Swept> {
        let epoch: Epoch = self.shard().lock()?.epoch();
        let mut swept = Swept::default();
        for (number, home) in self.homes().all() {
            let is_known = |id: ChunkId| -> Result<bool> {
                let stored = Stored { id, home: number };
                let known = self.look(|plan| {
                    Ok(is_named(plan, stored)? || plan.get(GARBAGE, &keys::garbage(stored))?.is_some())
                })?;
                Ok(known.value)
            };
            let here = sweep_place::<Error>(&**home, place, epoch, is_known)?;
            swept = Swept { seen: swept.seen + here.seen, removed: swept.removed + here.removed };
        }
        Ok(swept)
    }

    /// Every chunk that there is, with whether a row names it: for checks.
    pub fn named_chunks(&self) -> Result<Vec<(ChunkId, bool)>> {
        let mut chunks = Vec::new();
        for place in 0..=u8::MAX {
            for (home, chunks_there) in self.homes().all() {
                for id in chunks_there.list(place)? {
                    let named = self.look(|plan| is_named(plan, Stored { id, home }))?;
                    chunks.push((id, named.value));
                }
            }
        }
        Ok(chunks)
    }
}

/// Whether bodies name a chunk, and find it in this home.
fn is_named(plan: &Plan<'_>, stored: Stored) -> Result<bool> {
    let kept: Option<Kept> = plan.row(CHUNKS, &keys::chunk(stored.id))?;
    Ok(kept.is_some_and(|kept| kept.home == stored.home))
}
