//! Tests of the shard runtime on a journal in memory and on the local journal over a disk that fails on purpose.

mod checkpoints;
mod contracts;
mod crashes;
mod durable;
mod faults;
mod ranges;
mod world;
