//! The key-value service that speaks Redis's protocol.
//!
//! Reading order: [`state`] (what a shard keeps and how effects change it).

pub mod state;
