//! S3's protocol: what the library for its HTTP surface parsed becomes the types of the rules, and what the rules and the state say becomes
//! what clients read. No I/O.
//!
//! Reading order: [`error`] → [`settings`] → [`chunked`] (a bound that the library lacks) → [`host`].

pub mod bytes;
pub mod chunked;
pub mod error;
pub mod host;
pub mod settings;
