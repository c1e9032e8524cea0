//! Certificates that a gateway gets by itself, from authorities that speak ACME (RFC 8555).
//!
//! For each certificate that is [`Wanted`] one loop orders it, proves that its hosts lead here, keeps it, shows it, and orders the next one in time.
//! The messages are the library's (`instant-acme`); when something is asked, what is kept, what is shown and what becomes of failures is decided here.
//!
//! Left to others, through traits: sockets ([`Ask`]), what is kept durably ([`Keeper`]), and who answers proofs: the gateway looks them up in
//! [`Proofs`], and takes certificates from a [`Slot`].
//!
//! Invariants: a key is durable before anything is asked for with it, so that a crash at any point loses no account and no certificate; nothing is
//! shown that is not kept; the last certificate stays until the next one is there; no host is ever answered with another host's certificate;
//! failures are told and waited after, and never tried again sooner than the authority allows; no key is in a log line, an error or a status.
//!
//! Reading order: [`limits`] → [`wanted`] → [`kept`] → [`slot`] → [`proof`] → [`plan`] → [`ask`] → `order` → [`tend`] → [`status`].

pub mod ask;
mod error;
pub mod kept;
pub mod limits;
mod order;
pub mod plan;
pub mod proof;
pub mod slot;
pub mod status;
pub mod tend;
pub mod wanted;

pub use ask::Ask;
pub use error::{Failure, Result};
pub use kept::Keeper;
pub use proof::Proofs;
pub use slot::Slot;
pub use status::Status;
pub use tend::{Acme, Parts};
pub use wanted::Wanted;
