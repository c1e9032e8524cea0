//! What an HTTP cache may do: store an answer, use it again, ask whether it still holds, combine its parts, drop it.
//!
//! Everything here is a pure function of message heads (the types of the `http` crate) and of points in time that the caller
//! passes: no I/O, no clock, no state. Each rule names the section that it follows: RFC 9111 (caching), 9110 (conditions, ranges), 5861
//! (stale answers), 8246 (immutable), 9211 (Cache-Status), 9213 (CDN-Cache-Control), 8941 (structured fields). The cache is a shared
//! one. Where the sources leave a choice, the cautious side is taken and the place says so.
//!
//! Left to others: keys, storage, bodies, purges, connections (`bole-cdn`).
//!
//! Invariants: no function panics on any head; nothing is storable that a response did not allow; a decision depends on nothing but its
//! arguments.
//!
//! Reading order: [`time`] → [`field`] → [`directive`] → [`structured`] → [`target`] → [`terms`] (how long an answer is
//! good) → [`store`] → [`vary`] → [`reuse`] → [`condition`] → [`validate`] → [`range`] → [`partial`] → [`invalidate`] →
//! [`status`].

pub mod condition;
pub mod directive;
pub mod field;
pub mod invalidate;
pub mod partial;
pub mod range;
pub mod reuse;
pub mod status;
pub mod store;
pub mod structured;
pub mod target;
pub mod terms;
pub mod time;
pub mod validate;
pub mod vary;

pub use reuse::{Reuse, Wish};
pub use store::Refusal;
pub use terms::Terms;
pub use time::Time;

#[cfg(test)]
mod tests;
