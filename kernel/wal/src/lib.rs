//! The node's write-ahead log: one journal in segment files, shared by many logs.
//!
//! `docs/internals/wal.md` draws the format and gives the crash arguments. The core is passive: [`Wal`] has no thread and reads
//! time only through its clock; [`Driver`] runs it, or a test does. What an entry means is the services' business; what a log or an
//! epoch is for, the layers' above.
//!
//! Reading order: [`entry`] (what a batch is made of) → `frame` and `segment` (the format) → `wal` (append, write, fsync, admission) →
//! `survey` and `recovery` (what a crash leaves) → `index` and `reader` (one log again) → [`driver`] (the threads).

mod admission;
pub mod check;
pub mod config;
pub mod driver;
pub mod entry;
pub mod error;
pub mod extent;
mod frame;
mod index;
pub mod metrics;
mod queue;
mod reader;
mod recovery;
mod scan;
mod segment;
mod survey;
mod waiters;
mod wal;

pub use config::Config;
pub use driver::Driver;
pub use entry::{Batch, EntryHeader, EntryRef, PayloadKind};
pub use error::Error;
pub use extent::{ExtentSets, Extents};
pub use index::LogInfo;
pub use queue::Before;
pub use reader::ReadEnd;
pub use wal::{Bounds, Hooks, Usage, Wal};
