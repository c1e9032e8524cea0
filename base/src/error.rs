//! The small set of error kinds that all crates share, so that every boundary answers the same three questions:
//! what kind of error, may it be retried, may the write have happened all the same.

/// What a caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request is wrong; the same request fails again.
    InvalidInput,
    /// What the request names does not exist.
    NotFound,
    /// What the request would create exists, or a condition did not hold.
    Conflict,
    /// The caller is not who it says, or may not do this.
    Denied,
    /// A named limit (memory, connections, queue) is reached; retry later.
    Limit,
    /// The disk, or the space that the journal may use, is full; writes are refused, reads go on.
    Full,
    /// Not now: starting, stopping, moving, quarantined. Retry later or elsewhere.
    Unavailable,
    /// Stored bytes are not what was written.
    Corrupt,
    /// The disk or the network failed.
    Io,
    /// A defect of Bole.
    Internal,
}

impl Kind {
    /// Whether the same request may succeed later without a change.
    pub const fn retryable(self) -> bool {
        matches!(self, Self::Limit | Self::Full | Self::Unavailable)
    }

    /// Whether a write that failed with this kind may have happened all the same.
    pub const fn maybe_written(self) -> bool {
        matches!(self, Self::Io | Self::Internal)
    }
}
