//! Gives back the space of chunks that no body names any more, and of those that a crash left.
//!
//! A chunk's file goes when the entry that took its last name is fsynced, which it is when the store itself has the row of garbage, and when nobody reads it. Then it is
//! logged that it is gone; a crash in between removes it again.
//!
//! Everything comes in steps, which a thread or a scheduler drives. Removing blocks on the chunk store.

use bole_base::Epoch;
use bole_ordered::{Direction, PageLimits, Range, View};

use crate::chunks::ChunkId;
use crate::chunks::sweep::{Swept, sweep_place};
use crate::entry::Kind;
use crate::limits::RECLAIM_CHUNKS_MAX;
use crate::rows::keys::{self, CHUNKS, GARBAGE};
use crate::state::{Blobs, Error, Result};

/// Where a look for garbage goes on.
#[derive(Clone, Debug, Default)]
pub struct Place(Option<bytes::Bytes>);

impl Blobs {
    /// The next chunks of garbage that may go. `place` moves, and begins anew when this returns nothing.
    pub fn garbage(&self, place: &mut Place) -> Result<Vec<ChunkId>> {
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
                let id = ChunkId::from_bytes(row)
                    .ok_or_else(|| Error::Row(format!("\"{}\" is no name of a chunk", row.escape_ascii())))?;
                if view.get(GARBAGE, row)?.is_some() && !self.holds().is_held(id) {
                    garbage.push(id);
                }
            }
            place.0 = page.entries.last().filter(|_| page.more).map(|(row, _)| row.clone());
            if !garbage.is_empty() || place.0.is_none() {
                return Ok(garbage);
            }
        }
    }

    /// Removes chunks that [`Blobs::garbage`] named. Blocks. Those that are removed: what cannot be removed now is tried again later.
    pub fn remove(&self, garbage: Vec<ChunkId>) -> Vec<ChunkId> {
        let is_removed = |id: &ChunkId| match self.home().remove(*id) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(chunk = %id, %error, "a chunk of garbage stays until it can be removed");
                false
            }
        };
        garbage.into_iter().filter(is_removed).collect()
    }

    /// Logs that chunks are gone.
    pub async fn gone(&self, removed: &[ChunkId]) -> Result<()> {
        if removed.is_empty() {
            return Ok(());
        }
        self.change(None, removed.len() * 32, |plan| {
            removed.iter().for_each(|id| plan.delete(GARBAGE, keys::chunk(*id)));
            plan.happened(Kind::Housekeeping, "", "");
            Ok(())
        })
        .await
    }

    /// One step of the three above: how many chunks are gone.
    pub async fn reclaim(&self, place: &mut Place) -> Result<usize> {
        let removed = self.remove(self.garbage(place)?);
        self.gone(&removed).await?;
        Ok(removed.len())
    }

    /// Removes what openings before this one left in one of the 256 places of the chunk store: chunks that no row names. Blocks.
    /// After recovery; concurrently with everything else.
    pub fn sweep(&self, place: u8) -> Result<Swept> {
        let epoch: Epoch = self.shard().lock()?.epoch();
        let is_named = |id: ChunkId| -> Result<bool> {
            let key = keys::chunk(id);
            let named = self
                .look(|plan| Ok(plan.get(CHUNKS, &key)?.is_some() || plan.get(GARBAGE, &key)?.is_some()))?;
            Ok(named.value)
        };
        sweep_place::<Error>(&**self.home(), place, epoch, is_named)
    }

    /// Every chunk that there is, with whether a row names it: for checks.
    pub fn named_chunks(&self) -> Result<Vec<(ChunkId, bool)>> {
        let mut chunks = Vec::new();
        for place in 0..=u8::MAX {
            for id in self.home().list(place)? {
                let named = self.look(|plan| Ok(plan.get(CHUNKS, &keys::chunk(id))?.is_some()))?;
                chunks.push((id, named.value));
            }
        }
        Ok(chunks)
    }
}
