//! Transactions: records in many partitions and offsets of many groups that count together or not at all.
//!
//! A transactional id belongs to one shard of coordinators, chosen by the hash of the id. What it keeps is small: the producer that holds the id now,
//! and what is in its open transaction. Partitions, groups and coordinators share one journal; so the end of a transaction is one batch, and there is
//! nothing between "open" and "ended". `docs/internals/transactions.md` gives the argument.
//!
//! Reading order: [`state`] (what is durable) → [`effect`] (how it changes) → [`decide`] (the rules, without I/O) → [`run`] (one decision about one id)
//! → [`append`] and [`offsets`] (what a transaction does) → [`end`] (its end, in one batch) → [`timers`] (when nobody asks).
//!
//! Invariants: a partition has an open transaction of a producer only while the coordinator's entry is ongoing and names the partition; a group has pending
//! offsets of a producer only while the entry is ongoing and names the group. Whatever opens, extends or ends a transaction holds the lock of the
//! coordinator's shard until its batch is appended.

pub mod append;
pub mod decide;
pub mod effect;
pub mod end;
pub mod offsets;
pub mod run;
pub mod state;
#[cfg(test)]
mod tests;
pub mod timers;

use std::sync::Arc;

use bole_shard::Shard;

use crate::Error;
use crate::protocol::ErrorCode;
pub use effect::Effect;
pub use state::{Entry, Identity, Place, State, Status};

/// The coordinators of a node: the shards of transactional ids.
pub struct Coordinator {
    shards: Box<[Arc<Shard<State>>]>,
}

impl Coordinator {
    /// A coordinator over recovered shards, at least one, in order of log ids. How many there are never changes: it decides which id belongs to which.
    pub fn new(shards: Vec<Arc<Shard<State>>>) -> Self {
        assert!(!shards.is_empty(), "transactions need a shard");
        assert!(shards.is_sorted_by_key(|shard| shard.id()), "shards are locked in order of their log ids");
        Self { shards: shards.into() }
    }

    /// The shards, in order of log ids.
    pub fn shards(&self) -> &[Arc<Shard<State>>] {
        &self.shards
    }

    /// The shard that a transactional id belongs to.
    pub fn shard_of(&self, id: &str) -> &Arc<Shard<State>> {
        &self.shards[(state::hash(id) % self.shards.len() as u64) as usize]
    }
}

/// What clients are told of a shard that does not serve, or a disk that is full: they ask again, which is right until the restart, or until there is room.
fn stopped(error: Error) -> Error {
    match error {
        Error::Storage(_) | Error::Full(_) => {
            Error::refused(ErrorCode::CoordinatorNotAvailable, error.to_string())
        }
        other @ Error::Refused { .. } => other,
    }
}
