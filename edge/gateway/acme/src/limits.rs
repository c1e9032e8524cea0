//! Bounds, each with its reason.

use std::time::Duration;

/// Orders at a time. Authorities bound how fast an account may ask, and each order is a dozen requests.
pub const ORDERS_AT_ONCE_MAX: usize = 4;

/// From the first request of an order to its certificate. What is not done then goes on with the next try, where it stopped.
pub const ORDER_TIMEOUT: Duration = Duration::from_mins(5);

/// How long an authority is asked again and again how its look at the proofs went, and then how the certificate is doing.
pub const POLL_TIMEOUT: Duration = Duration::from_mins(2);

/// Proofs that can be asked for at a time: those of all orders that may run, with as many hosts as a certificate may have.
pub const PROOFS_MAX: usize = ORDERS_AT_ONCE_MAX * bole_gateway_document::limits::HOSTS_MAX;

/// Bytes of a chain of certificates as PEM. Usual ones have 3 to 8 KiB.
pub const CHAIN_BYTES_MAX: usize = 48 << 10;

/// Bytes of a text of an authority that are told to people.
pub const TOLD_BYTES_MAX: usize = 500;

/// The longest that is waited because an authority says so: what it cannot mean is not believed.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(24 * 8);

/// At least so often it is looked how late it is: clocks are set, machines sleep.
pub const LOOK_INTERVAL: Duration = Duration::from_hours(1);

/// How often an authority is asked when it wants a certificate renewed (RFC 9773, section 4.3.3), at most and at least.
pub const SUGGESTION_INTERVAL_MIN: Duration = Duration::from_mins(1);
/// See [`SUGGESTION_INTERVAL_MIN`].
pub const SUGGESTION_INTERVAL_MAX: Duration = Duration::from_hours(24);
/// It is not asked before a new certificate is so old, or has lived a quarter of its life: an authority that wants each one renewed at once would be
/// asked for one after the other.
pub const SUGGESTION_AGE_MIN: Duration = Duration::from_hours(24);
/// When it did not say.
pub const SUGGESTION_INTERVAL: Duration = Duration::from_hours(6);
