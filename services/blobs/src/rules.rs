//! What is judged without state. One file a family of rules; a family that keeps a document on disk has it as a [`setting`].
//!
//! Reading order: [`names`] for what objects are called, [`policy`] and [`acl`] for who may do what.

pub mod acl;
pub mod calendar;
pub mod names;
pub mod policy;
pub mod setting;
