//! The shard runtime: one log plus the state that it builds.
//!
//! Reading order: [`state`] (what a service supplies) → [`shard`] (lock, decide, push) → [`transaction`] (admit, append) →
//! [`runtime`] (recovery, epochs, when to checkpoint) → [`checkpoint`] → [`durable`] (states on disk) → [`participant`] (batches over
//! services) → [`changes`] and [`pins`] (feeds).

mod attached;
pub mod changes;
pub mod checkpoint;
pub mod durable;
pub mod error;
pub mod hosted;
mod large;
pub mod participant;
pub mod pins;
pub mod runtime;
pub mod shard;
pub mod state;
pub mod transaction;
pub mod whole;

pub use error::Error;
pub use hosted::{Hosted, ShardStatus};
pub use pins::{Pin, Pins};
pub use runtime::Runtime;
pub use shard::{Locked, Shard};
pub use state::{ApplyError, Section, State, Step};
pub use transaction::{Place, Transaction};
pub use whole::{Single, Whole};
