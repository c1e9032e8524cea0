//! Who may do what: users with password verifiers and access keys, roles made of policies, and one answer to "may this
//! user do that" for all protocols.
//!
//! Passwords are kept only as verifiers; secrets that a protocol must know in clear are encrypted under a key file
//! outside the data directory. This crate knows no protocol: it offers what their handshakes compute with.
//!
//! Invariants: a directory changes only by applying an [`entry::Entry`]; applying reads no clock, no randomness and no
//! key; a deny wins over every allow, and what nothing allows is denied.
//!
//! Reading order: [`verifier`] → [`secret`] → [`user`] → [`policy`] → [`entry`] → [`directory`] → [`cache`] → [`service`] →
//! [`session`], [`jwt`].

pub mod cache;
pub mod directory;
pub mod entry;
pub mod error;
mod hex;
pub mod jwt;
pub mod policy;
pub mod secret;
pub mod service;
pub mod session;
pub mod user;
pub mod verifier;

pub use cache::Authenticator;
pub use directory::Directory;
pub use entry::Entry;
pub use error::{Error, Result};
pub use policy::{Decision, Effect, Policy, Role, Statement};
pub use secret::{Key, Sealed};
pub use service::Identity;
pub use user::{AccessKey, User};
pub use verifier::{ClientProof, Cost, Scram, ScramHash, Verifiers};
