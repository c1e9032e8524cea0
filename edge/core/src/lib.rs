//! What the doors at the edge share: which endpoint gets a request, which endpoints are well, and how much is let in.
//!
//! Nothing here does I/O, reads a clock or draws from the system's randomness: time is an argument (a [`Duration`] on
//! any one monotonic clock), randomness is a [`Random`] that the caller seeds. So each decision can be replayed, and a
//! simulator can drive the same code that a gateway runs.
//!
//! Reading order: [`health`] (who is well) → [`balance`] (who gets the request) → [`limits`] (who gets in).
//!
//! [`Duration`]: std::time::Duration

pub mod balance;
pub mod hash;
pub mod health;
pub mod limits;
pub mod random;

pub use random::Random;

/// A point in time, or a span, in nanoseconds: what atomics hold.
fn nanos(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
