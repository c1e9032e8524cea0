//! An HTTP cache around any origin, as a library: a request head with a body stream goes in, a response head with a body stream comes out.
//!
//! What may be stored and reused is decided by `bole-cdn-policy`. Here are the keys ([`key`]), the tier in memory ([`memory`]) and on
//! disk ([`disk`]), fetches that many readers follow while they run ([`fill`]), one exchange for many who want the same ([`flight`]), purges
//! ([`purge`]) and the course of a request ([`cache`]).
//!
//! Left to others: connections, TLS, routing, who may purge, how an origin is reached (the caller implements [`Origin`]), compression.
//!
//! Invariants: bodies are never held whole, but in slices of 1 MiB under the bounds of [`limits`]; bytes of two representations never mix in
//! one answer; an answer that broke off is broken off for the client too; what was purged is not answered again.
//!
//! Reading order: [`message`] → [`limits`] → [`key`] → [`shared`] → [`object`] → [`fill`] → [`flight`] → [`memory`] → [`admission`] → [`disk`] → [`purge`] → [`cache`].

pub mod admission;
pub mod cache;
pub mod counters;
pub mod disk;
pub mod fill;
pub mod flight;
pub mod key;
pub mod limits;
pub mod memory;
pub mod message;
pub mod object;
pub mod purge;
pub mod shared;

pub use admission::Admission;
pub use cache::Cache;
pub use limits::{Config, DiskConfig};
pub use message::{
    Body, BodyError, ForCache, FreshAtMost, Manner, Origin, OriginError, Request, Response, Unanswered,
};
