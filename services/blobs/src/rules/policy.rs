//! Bucket policies, in the language of AWS's policies, and how they meet what else decides: the policies of users, ACLs, blocks of
//! public access. Session policies are the same language without principals.
//!
//! A policy is kept as the text that the client sent; [`Policy::parse`] reads it into what [`Policy::decide`] evaluates. What is not
//! known (a field, an action, an operator, a condition's key) is refused when the policy is put, with S3's `MalformedPolicy`.
//!
//! Reading order: [`document`] → [`principal`], [`action`], [`pattern`], [`condition`] → [`evaluate`] → [`public`] → [`operation`] → [`access`].

pub mod access;
pub mod action;
pub mod condition;
pub mod document;
pub mod evaluate;
mod json;
pub mod key;
pub mod model;
mod network;
pub mod operation;
pub mod pattern;
pub mod principal;
pub mod public;
#[cfg(test)]
mod tests;

pub use document::{Effect, Kind, Policy, Statement, Stored};
pub use evaluate::{Decision, Request, Verdict};
pub use key::Context;
pub use principal::Requester;

use crate::error::{Code, Error, shown};

fn malformed(message: impl Into<String>) -> Error {
    Error::new(Code::MalformedPolicy, message)
}
