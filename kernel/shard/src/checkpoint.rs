//! Checkpoints of memory states: incremental, without a fork, without a pause that grows with the state.
//!
//! `docs/internals/checkpoints.md` gives the argument. A *pass* over a shard writes the sections that changed since the last pass started,
//! each taken under the shard's lock at its own offset, into a new file; waits until the log is fsynced as far as the pass
//! saw; and replaces the manifest, which names for each section of the space the file and place where its newest bytes stand.
//!
//! # Invariants
//! - The sections of a manifest tile `0..=u64::MAX`.
//! - No section is ahead of the fsynced log.
//! - Entries at or above the manifest's `from` are not trimmed.

mod manifest;
mod pass;
mod store;

pub use manifest::{Manifest, SectionPlace};
pub use pass::{PassReport, run as run_pass};
pub use store::{Store, StoreReport};
