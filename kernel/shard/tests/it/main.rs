//! Tests of the shard runtime on a journal in memory and on the local journal over a disk that fails on purpose.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod checkpoints;
mod contracts;
mod crashes;
mod durable;
mod faults;
mod ranges;
mod world;
