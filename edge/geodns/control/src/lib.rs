//! The zones that a DNS server is given by requests: kept on a log of their own, served from the moment that they are durable,
//! and there again after a restart. And the HTTP API for them.
//!
//! Invariants: a zone is taken whole or not at all; what is answered is fsynced; what is served of a given zone is what is kept,
//! unless the status says why not; the serial number of a zone that changes rises.
//!
//! Left to others: what a zone means and how it is served (`bole_geodns`), who may ask ([`door::Admission`]), zones from files.
//!
//! Reading order: [`entry`] → [`state`] → [`control`] → [`door`].

pub mod control;
pub mod door;
pub mod entry;
pub mod error;
pub mod limits;
pub mod state;

pub use control::Control;
pub use error::{Error, Result};
