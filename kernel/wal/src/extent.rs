//! Extents: bytes that an entry names instead of holding, in files of a service's own. Stream data is written once that way.
//!
//! An extent is written before the entry that names it is appended, but neither is fsynced then. What makes this safe:
//!
//! - Before each fsync of the journal, the extents that entries so far name are fsynced ([`Extents::sync`]). So an fsynced entry's
//!   extents are durable, and a reply of class `sync` may leave.
//! - Above the fsynced position a power cut may have kept an entry and lost its extent. Recovery asks [`Extents::hold`] for each such entry
//!   and cuts the tail where one is missing, as it does at a torn frame (promise P3). What it keeps it has made durable.

use std::io;
use std::sync::Arc;

use crate::entry::{Entries, EntryRef, FLAG_EXTENT};

/// A service's files of extents.
pub trait Extents: Send + Sync {
    /// Makes durable what was written to extents before the call. Errors are final (promise P4).
    fn sync(&self) -> io::Result<()>;

    /// Whether the bytes that `entry` names are there, by their checksum; `true` for an entry of another service. The bytes may be in the page cache
    /// only, and a failed fsync may have marked them clean: with `rewrite` they are written again, for the [`Extents::sync`] that follows.
    fn hold(&self, entry: &EntryRef<'_>, rewrite: bool) -> io::Result<bool>;
}

/// The extents of all services of a node.
#[derive(Clone, Default)]
pub struct ExtentSets(Vec<Arc<dyn Extents>>);

impl std::fmt::Debug for ExtentSets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ExtentSets({})", self.0.len())
    }
}

impl ExtentSets {
    /// Adds a service's files.
    pub fn add(&mut self, extents: Arc<dyn Extents>) {
        self.0.push(extents);
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.0.iter().try_for_each(|extents| extents.sync())
    }

    /// Whether every extent is there that the entries of a frame's body name.
    pub(crate) fn hold(&self, body: &[u8], rewrite: bool) -> io::Result<bool> {
        for entry in Entries::new(body).map_while(Result::ok) {
            if entry.header.flags & FLAG_EXTENT == 0 {
                continue;
            }
            for extents in &self.0 {
                if !extents.hold(&entry, rewrite)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}
