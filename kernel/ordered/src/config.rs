//! What a store may take of memory, files and disk.

use crate::Error;

/// The smallest bound of memtables: below, each effect would be a table of its own.
const MEMTABLE_BYTES_MIN: u64 = 16 << 10;
/// The tree keeps files open in a table of at least so many.
const OPEN_FILES_MIN: usize = 10;
/// Room for the list of tables and for blocks that are padded.
const RESERVE_BYTES_MIN: u64 = 1 << 20;

/// Bounds of a store. Memory: [`Config::memory_bytes`], out of the service's budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Bytes of blocks that are kept in memory after they were read.
    pub cache_bytes: u64,
    /// Bytes that are not flushed yet, in two memtables: one takes writes while the other is flushed. When both are full, the store is not ready.
    pub memtable_bytes: u64,
    /// Tables that are kept open.
    pub open_files_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { cache_bytes: 32 << 20, memtable_bytes: 64 << 20, open_files_max: 256 }
    }
}

impl Config {
    /// Small bounds for tests, so that little data makes many tables.
    pub const fn small() -> Self {
        Self { cache_bytes: 64 << 10, memtable_bytes: MEMTABLE_BYTES_MIN, open_files_max: 16 }
    }

    /// What the store takes of memory at most, but for filters and indexes of tables that were just flushed, and what says where the parts of the others are.
    pub const fn memory_bytes(&self) -> u64 {
        self.cache_bytes + self.memtable_bytes
    }

    /// Bytes of disk that the store keeps free for itself: what a flush of all memtables takes, with filters, indexes and padding.
    pub const fn reserve_bytes(&self) -> u64 {
        self.memtable_bytes + self.memtable_bytes / 4 + RESERVE_BYTES_MIN
    }

    /// Refuses bounds that no store can work with.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.memtable_bytes < MEMTABLE_BYTES_MIN {
            let text = format!(
                "memtable_bytes is {}; an ordered store needs at least {MEMTABLE_BYTES_MIN}",
                self.memtable_bytes
            );
            return Err(Error::Refused(text));
        }
        if self.open_files_max < OPEN_FILES_MIN {
            let text = format!(
                "open_files_max is {}; an ordered store needs at least {OPEN_FILES_MIN}",
                self.open_files_max
            );
            return Err(Error::Refused(text));
        }
        Ok(())
    }
}
