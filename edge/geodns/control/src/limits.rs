//! Bounds, each with its reason.

/// Bytes of a zone's text: it is one entry of the journal, whose batches hold 1 MiB. Larger zones come from files.
pub const TEXT_BYTES_MAX: usize = 900 << 10;

/// Zones that are given.
pub const ZONES_MAX: usize = 10_000;

/// Bytes of all their texts: they are in memory, and in each checkpoint.
pub const TOTAL_BYTES_MAX: usize = 256 << 20;
