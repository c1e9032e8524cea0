//! Proves that keyspace and streams keep what they promise: [`system`] runs the keyspace under the crash harness against [`model`], [`streams`] does the same with
//! partitions, [`sql`] with databases, [`sink`] with a topic that writes to the keyspace or to a table, [`blobs`] with buckets of objects, [`kills`] kills the real binary under load, [`bank`] looks for deadlocks and lost sums under contention.
//!
//! `cargo xtask soak` runs hundreds of seeds and dozens of kills; the tests of this crate run a few of each. Nothing of the product depends on this crate.

pub mod bank;
pub mod blobs;
pub mod command;
pub mod dump;
pub mod fold;
pub mod kills;
pub mod model;
mod node;
pub mod registry;
mod runtime;
pub mod sink;
pub mod sql;
pub mod streams;
pub mod system;
pub mod wrap;

use bole_testing::harness::{Dangers, Options};

/// The size of a seed's run.
pub fn options() -> Options {
    Options {
        rounds: 5,
        clients: 6,
        operations_per_client: 200,
        crash_steps_max: 16_000,
        dangers: Dangers::default(),
        ..Options::default()
    }
}
