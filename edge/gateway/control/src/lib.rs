//! The control plane of a gateway: it keeps the document of what the gateway does, object by object, and the instances that registered
//! themselves; both survive a restart, and whoever carries requests is told of each change.
//!
//! A change is taken if the whole document is right after it and the gateway could carry it out, else nothing changes and all that
//! is wrong is said. Registrations
//! are logged, heartbeats are not: after a restart each instance has one lease's time to be heard of again, so that a restart
//! loses nobody and one who is gone is soon forgotten.
//!
//! Invariants: what is answered is fsynced; a listener sees documents in the order of their revisions, perhaps not each of
//! them; an instance that has not been heard of for its lease is gone, and is logged as gone.
//!
//! Left to others: who may ask, what a document means (routes, access, gateway), connections.
//!
//! Reading order: [`entry`] → [`state`] → [`registry`] → [`vault`] → [`trial`] → [`control`] → [`door`].

mod checks;
pub mod control;
pub mod door;
pub mod entry;
pub mod error;
pub mod limits;
pub mod registry;
pub mod state;
pub mod trial;
pub mod vault;

pub use control::{Control, View};
pub use error::{Error, Result};
pub use trial::Trial;
