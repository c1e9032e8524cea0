//! The node's write-ahead log: one journal in segment files, shared by many logs.
//!
//! `docs/internals/wal.md` draws the format and gives the crash arguments.
//!
//! Reading order: [`entry`] (what a batch is made of).

pub mod entry;

pub use entry::{Batch, EntryHeader, EntryRef, PayloadKind};
