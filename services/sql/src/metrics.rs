//! Counters of the service.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters, each since the start.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Statements that were run, refused ones included.
    pub statements: AtomicU64,
    /// Simple statements that had a plan of their session's, kept for their shape.
    pub shapes_known: AtomicU64,
    /// Plans that were made for the shape of a simple statement.
    pub shapes_made: AtomicU64,
    /// Plans of shapes that made room for others.
    pub shapes_dropped: AtomicU64,
    /// Errors that clients were told.
    pub errors: AtomicU64,
    /// Transactions that were committed with changes.
    pub commits: AtomicU64,
    /// Transactions that were rolled back.
    pub rollbacks: AtomicU64,
    /// Rows that were sent.
    pub rows_out: AtomicU64,
    /// Rows that `COPY` took in.
    pub copied_rows: AtomicU64,
    /// Logins that failed.
    pub authentications_failed: AtomicU64,
    /// Statements that were cancelled: by a client or a timeout.
    pub cancelled: AtomicU64,
    /// Notifications that were handed to sessions.
    pub notifications: AtomicU64,
}

/// Adds to a counter.
pub fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}
