//! Checks the service's folder while no node runs on it: all rows with their checksums, and which chunk files there are.
//!
//! The bytes of chunks are verified at each read of an object. Not here: only rows say how long a chunk is, and whether one that a crash cut short is anybody's.

use std::path::Path;
use std::sync::Arc;

use bole_base::RealDisk;

use crate::chunks::local::Local;
use crate::chunks::{self, Home as _};

/// The folder of the rows in the service's folder.
pub const ROWS_DIR: &str = "rows";
/// The folder of the chunks.
pub const CHUNKS_DIR: &str = "chunks";

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Entries of the ordered store.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Chunk files.
    pub chunks: u64,
    /// What is damaged.
    pub damage: Option<String>,
}

/// Why it could not be checked, for the operator.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The rows.
    #[error(transparent)]
    Rows(#[from] bole_ordered::Error),
    /// The chunks.
    #[error(transparent)]
    Chunks(#[from] chunks::Error),
}

/// Reads what is in `dir`. A folder in which nothing was kept yet is sound. Blocks on the disk.
pub fn check(dir: &Path) -> Result<Checked, Error> {
    let mut checked = Checked::default();
    let rows = dir.join(ROWS_DIR);
    if rows.is_dir() {
        let found = bole_ordered::check(&rows)?;
        (checked.rows, checked.bytes) = (found.entries, found.bytes);
        checked.damage = found.damage.map(|damage| format!("{}: {damage}", rows.display()));
    }
    let chunks = dir.join(CHUNKS_DIR);
    if chunks.join("version").is_file() {
        let local = Local::open(Arc::new(RealDisk), &chunks, 0)?;
        for place in 0..=u8::MAX {
            checked.chunks += local.list(place)?.len() as u64;
        }
    }
    Ok(checked)
}
