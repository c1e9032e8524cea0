//! What keeps a server from being used against others, and its answers from being forged.
//!
//! Reading order: [`rate`] → [`cookies`] → [`tsig`] → [`transfer`] → [`dnssec`].

pub mod cookies;
pub mod dnssec;
pub mod rate;
pub mod transfer;
pub mod tsig;
