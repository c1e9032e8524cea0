//! Bounds, each with its reason.

/// Bytes of a zone's text. Larger zones come from files.
pub const TEXT_BYTES_MAX: usize = 900 << 10;

/// Bytes of a zone as it is logged, its line breaks and quotes written as two bytes: a batch of the journal holds 1 MiB.
pub const ENTRY_BYTES_MAX: usize = 1_000 << 10;

/// Zones that are given.
pub const ZONES_MAX: usize = 10_000;

/// Bytes of all their texts: they are in memory, and in each checkpoint.
pub const TOTAL_BYTES_MAX: usize = 64 << 20;
