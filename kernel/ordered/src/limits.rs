//! Bounds that no setting moves.

/// Bytes of a key. The tree takes 65,535, the partition's byte among them.
pub const KEY_BYTES_MAX: usize = 32 << 10;

/// Bytes of a value: no more than a batch of the log could bring. What is larger is an attachment or a blob.
pub const VALUE_BYTES_MAX: usize = 1 << 20;

/// Entries of a page, which is read under the shard's lock. Longer scans go on from the last key, or from a frozen view.
pub const PAGE_ENTRIES_MAX: usize = 1_000;

/// Bytes of a page's keys and values, beyond its first entry.
pub const PAGE_BYTES_MAX: usize = 1 << 20;
