//! Partitions on a real journal and real files.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod amplification;
mod compaction;
mod node;
mod partition;
