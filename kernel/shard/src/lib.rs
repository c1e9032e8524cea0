//! The shard runtime: one log plus the state that it builds.
//!
//! Reading order: [`state`] (what a service supplies).

pub mod state;

pub use state::{ApplyError, Section, State, Step};
