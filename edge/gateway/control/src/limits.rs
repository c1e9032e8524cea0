//! Bounds, each with its reason.

use std::time::Duration;

/// Bytes of one object as JSON. A route with a body of its own has 64 KiB of it.
pub const OBJECT_BYTES_MAX: usize = 256 << 10;

/// Bytes of all objects that one request may change: they are one batch of the journal, which holds 1 MiB.
pub const CHANGE_BYTES_MAX: usize = 900 << 10;

/// Registered instances of one service; as many as a balancer takes.
pub const INSTANCES_MAX: usize = 10_000;

/// Registered instances of all services.
pub const INSTANCES_TOTAL_MAX: usize = 100_000;

/// Bytes of what an instance says of itself.
pub const METADATA_BYTES_MAX: usize = 4 << 10;

/// The shortest lease: below it a pause of the network takes instances out.
pub const LEASE_LEAST: Duration = Duration::from_secs(2);

/// The longest.
pub const LEASE_MOST: Duration = Duration::from_hours(1);

/// Logged changes of one instance a minute. A client that flaps faster is refused, and stays as it was.
pub const CHANGES_PER_MINUTE: u32 = 30;

/// Bytes of a secret text that is kept for the gateway: a certificate with its chain and key, and an order under way.
pub const KEPT_BYTES_MAX: usize = 128 << 10;

/// Secret texts: a certificate for each that a document may have, as many that ended with documents of before, and accounts.
pub const KEPT_MAX: usize = 2_500;
