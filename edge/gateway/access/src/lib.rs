//! Who asks a gateway, and whether he may come in.
//!
//! [`Access::new`] compiles the part of a document that says so; [`Access::decide`] judges a request's head for the route that takes it: by networks, by the first of the
//! route's logins that finds its kind of credentials, by who is let in. What it gives is a [`Verdict`]; the gateway carries it out:
//! changes headers, applies the limits and the priority of who came in, checks the body against [`BodyCheck`].
//!
//! Left to others: which route takes a request, CORS preflights (they carry no credentials, and are answered before), sockets ([`Fetch`]),
//! the node's users ([`Users`], [`Policies`]), time and randomness.
//!
//! Invariants: what cannot be decided is refused; no secret and no credential is in an error, a log line, an answer or a `Debug`; a client
//! never chooses where something is fetched from; a header that a login of the route sets never comes from a client.
//!
//! Reading order: [`request`] → [`verdict`] → [`parts`] → `access` → `gate` → `login` → `token` → [`signature`] → `oidc`.

mod access;
mod consumers;
mod gate;
mod json;
pub mod limits;
pub mod link;
mod login;
mod memory;
mod oidc;
pub mod parts;
mod problem;
mod remembered;
pub mod request;
mod secret;
pub mod signature;
mod token;
pub mod verdict;

#[cfg(feature = "fuzzing")]
pub mod fuzzing;

pub use access::Access;
pub use bole_gateway_document::Problem;
pub use memory::{Counts, Memory};
pub use parts::{Fetch, FetchError, Parts, Policies, SessionKeys, Users};
pub use request::RequestFacts;
pub use secret::{Secrets, SystemSecrets};
pub use signature::digest::{BodyCheck, WrongBody};
pub use verdict::{Answer, Identity, Verdict};
