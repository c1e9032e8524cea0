//! What a shard keeps in memory, and how effects change it. No I/O, no clock, no protocol.
//!
//! Reading order: [`effect`] (what changes a database) → [`database`] (reads, apply, sections) → [`slot`] and [`value`] (what keys
//! hold) → [`table`] (where they stand) → [`codec`] (values in checkpoints),
//! [`dump`] (values as Redis writes them).

pub mod codec;
pub mod database;
pub mod dump;
pub mod effect;
pub mod layout;
pub mod slot;
pub mod table;
pub mod value;

pub use database::{Database, Entry};
pub use effect::{Effect, Indices, Items, Scored};
pub use layout::parse_integer;
pub use table::Seed;
pub use value::{Kind, Limits, Text, View};

/// Where an integer is spelled out without an allocation.
pub type IntegerBuffer = itoa::Buffer;
