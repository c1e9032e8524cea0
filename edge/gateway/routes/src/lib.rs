//! What is pure between a gateway's document and its proxy: which route takes a request, what is changed on the way, and what
//! is refused before any route is looked for.
//!
//! Left to others: bytes on connections, instances, who asks (`access`), limits. Nothing here does I/O or reads a clock; what
//! is random is an argument.
//!
//! A request's way: [`raw`] (bytes, before a parser sees them) → [`strict`] (the parsed head: one host, one path, one length) →
//! [`table`] (the route) → [`cors`] → [`redirect`] or [`reply`], or [`hop`], [`forwarded`], [`trace`], [`change`] and on to a service.
//!
//! Invariants: what is matched is what is sent; the order of routes is that of the document's `route`, and
//! [`Table::find`] gives what a scan in that order gives; a template never makes a header that is none; nothing that a client sends is
//! followed as a location of another host.

pub mod change;
pub mod cors;
pub mod forwarded;
pub mod hop;
pub mod limits;
pub mod raw;
pub mod redirect;
pub mod refused;
pub mod reply;
pub mod request;
pub mod split;
pub mod strict;
pub mod table;
pub mod trace;
mod trie;
pub mod values;

pub use refused::Refused;
pub use request::Request;
pub use table::{Explanation, Found, Parts, Route, Table};
pub use values::Values;
