//! How much is let in: by rate, by concurrency, by health of what is behind, by importance.
//!
//! | question | answer |
//! |---|---|
//! | how often may this client ask? | [`rule`] (token bucket, sliding window), kept in a [`store`], told in [`headers`] |
//! | how many requests at a time? | [`concurrency`], its limit fixed or found by [`adaptive`] |
//! | is it worth asking at all? | [`breaker`] |
//! | may this be tried again? | [`retry`] |
//! | who goes first under overload? | [`shed`] |
//! | how long do nearly all answers take? | [`quantile`] |
//!
//! All are pure: time and randomness are arguments. A rate's arithmetic is in whole numbers, so that a limit that
//! several nodes share through the keyspace gives the numbers that a local one gives.

pub mod adaptive;
pub mod breaker;
pub mod concurrency;
pub mod headers;
pub mod quantile;
pub mod retry;
mod rolling;
pub mod rule;
pub mod shed;
pub mod store;

pub use rule::{Decision, Rule};
pub use store::{Local, Shared, Store};
