//! Bounds of documents. A document beyond one is refused.

/// Bytes of a document's text.
pub const TEXT_BYTES_MAX: usize = 8 << 20;
/// Paths.
pub const PATHS_MAX: usize = 5_000;
/// Things that do not fit, of one request; more are not looked for.
pub const MISFITS_MAX: usize = 20;
/// Problems of a document that are told.
pub const PROBLEMS_MAX: usize = 100;
/// References that lead to one another.
pub const REFERENCES_MAX: usize = 32;
