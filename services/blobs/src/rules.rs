//! What is judged without state. One file a family of rules; a family that keeps a document on disk has it as a [`setting`].
//!
//! Reading order: [`names`] and [`list`] for what objects are called, [`policy`] and [`acl`] for who may do what, [`conditions`],
//! [`range`], [`checksums`] and [`encryption`] for one request, [`lifecycle`] and [`lock`] for how long a version stays, the rest in any
//! order.

pub mod acl;
pub mod bytes;
pub mod calendar;
pub mod checksums;
pub mod conditions;
pub mod cors;
pub mod encryption;
pub mod events;
pub mod lifecycle;
pub mod list;
pub mod lock;
pub mod logging;
pub mod names;
pub mod policy;
pub mod range;
pub mod setting;
pub mod tags;
pub mod website;
