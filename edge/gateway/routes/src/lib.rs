//! What is pure between a gateway's document and its proxy: which route takes a request, and what is changed on the way.
//!
//! Left to others: bytes on connections, what is refused before any route is looked for, instances, who asks (`access`), limits. Nothing here does I/O or reads a clock; what
//! is random is an argument.
//!
//! A request's way: [`table`] (the route) → [`cors`] → [`redirect`], or [`forwarded`], [`change`] and on to a service.
//!
//! Invariants: what is matched is what is sent; the order of routes is that of the document's `route`, and
//! [`Table::find`] gives what a scan in that order gives; a template never makes a header that is none; nothing that a client sends is
//! followed as a location of another host.

pub mod change;
pub mod cors;
pub mod forwarded;
pub mod limits;
pub mod redirect;
pub mod request;
pub mod split;
pub mod table;
mod trie;
pub mod values;

pub use request::Request;
pub use table::{Explanation, Found, Parts, Route, Table};
pub use values::Values;
