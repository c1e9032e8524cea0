//! What Bole's tests stand on: a disk that fails on purpose, a scheduler that a seed drives, a harness that crashes a
//! system and compares what it recovers with a model, and the tools for real processes around them. For tests and
//! `cargo xtask soak` only; nothing that ships depends on it.
//!
//! It knows the seams of `bole-base` and no kernel crate and no service: a system under test supplies a workload and a
//! model (see [`harness`]). Whatever is random here comes from one seed through [`Rng`], whose stream for a seed never
//! changes, so a seed in a report means the same run for ever.
//!
//! Reading order: [`random`] → [`trace`] → [`fault_disk`] → [`scheduler`] → [`harness`] → [`recorder`] → [`process`] →
//! [`history`] → [`logs`] → [`storm`]. The idea on one page: `docs/internals/testing.md`.

pub mod fault_disk;
pub mod harness;
pub mod history;
pub mod logs;
pub mod process;
pub mod random;
pub mod recorder;
pub mod scheduler;
pub mod storm;
pub mod trace;

pub use fault_disk::{FaultDisk, Faults};
pub use random::Rng;
pub use scheduler::{Scheduler, SimClock};
pub use trace::Trace;
