//! The journal as shards see it: append a batch, learn how durable it is, read a log, tail it, trim it, seal the
//! journal, keep attachments. Nothing in the trait assumes a local disk.
//!
//! Reading order: [`journal`] (the trait and its promises) → [`error`] → [`local`] and [`memory`] (who keeps them) → [`wait`]
//! (the same for async code).

pub mod error;
pub mod journal;
pub mod local;
pub mod memory;
#[cfg(feature = "suite")]
pub mod suite;
pub mod wait;

pub use bole_wal::{Batch, EntryHeader, EntryRef, ExtentSets, Extents, PayloadKind, entry};
pub use error::Error;
pub use journal::{AttachmentId, Gap, Journal, Read, StoredEntry};
pub use local::LocalJournal;
pub use memory::MemoryJournal;
