//! Removes what a crash left: chunks that no row names and none ever will.
//!
//! A chunk's id holds the epoch of the opening that wrote it, and entries are appended in the newest epoch alone. So a chunk of an older epoch that has no row
//! once that epoch was announced is garbage for good. Chunks of the running epoch are passed over: their writers are alive.

use bole_base::Epoch;

use super::{ChunkId, Error, Home};

/// What a sweep found in one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Chunks that were looked at.
    pub seen: u64,
    /// Chunks that were removed.
    pub removed: u64,
}

/// Sweeps one of the 256 places, as of the running `epoch`. `is_named` says whether a row names a chunk, garbage rows included: those are the reclaimer's.
/// Errors: the home's, and those of `is_named`; a later sweep begins anew.
pub fn sweep_place<E: From<Error>>(
    home: &dyn Home,
    place: u8,
    epoch: Epoch,
    mut is_named: impl FnMut(ChunkId) -> Result<bool, E>,
) -> Result<Swept, E> {
    let mut swept = Swept::default();
    for id in home.list(place)? {
        swept.seen += 1;
        if id.epoch < epoch && !is_named(id)? {
            home.remove(id)?;
            swept.removed += 1;
        }
    }
    Ok(swept)
}
