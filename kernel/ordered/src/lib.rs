//! Ordered keyspaces on disk: bytes under bytes, in a few partitions, as the base of states that are larger than memory.
//!
//! A service says how its effects become puts and deletes ([`Effects`]); [`OrderedState`] makes of that a state which a
//! `DurableShard` hosts. It reads through a [`View`]: the store with the overlay of effects that are not fsynced yet over it.
//!
//! Below is [`Store`], a log-structured merge tree without a log of its own: the shard's log has everything that its memtables hold. What is
//! left to others: the log, locks, replay (`bole-shard`); what keys and values mean (the services).
//!
//! # Invariants
//! - One tree holds all partitions and the stand, so that they become durable together or not at all.
//! - What is on disk is the state at one stand: a prefix of the log, all of it fsynced there.
//! - A write is a few insertions into memory; whoever would have to wait for a flush is told so before (`Store::ready`).
//! - A memtable that is not flushed always finds room on the disk: the reserve is as large as all of them.
//!
//! Reading order: [`key`] → [`store`] → [`overlay`] → [`view`] → [`state`]. The idea on one page: `docs/internals/ordered.md`.

pub mod config;
pub mod error;
pub mod key;
pub mod limits;
pub mod mutation;
pub mod overlay;
pub mod state;
pub mod store;
pub mod view;

pub use config::Config;
pub use error::Error;
pub use key::{Direction, Page, PageLimits, Partition, Range};
pub use mutation::{Mutation, Mutations};
pub use overlay::Overlay;
pub use state::{Effects, OrderedState};
pub use store::{Checked, Maintenance, Show, Snapshot, Status, Store, check, walk};
pub use view::{Frozen, View};
