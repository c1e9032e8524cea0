//! How large the head of a request may be.

/// Bytes of a request's target.
pub const TARGET_BYTES_MAX: usize = 16 << 10;

/// Bytes of a method's name.
pub const METHOD_BYTES_MAX: usize = 32;

/// Header fields, and trailer fields.
pub const FIELDS_MAX: usize = 100;

/// Bytes of all header fields, or of all trailer fields.
pub const FIELDS_BYTES_MAX: usize = 64 << 10;

/// Bytes of the extensions of one chunk.
pub const EXTENSION_BYTES_MAX: usize = 256;

/// Bytes of all lines with sizes of chunks beyond what their content allows: a body of single bytes is cut off.
pub const EXTENSIONS_BYTES_MAX: usize = 16 << 10;

/// Addresses of an `X-Forwarded-For` that are looked at.
pub const FORWARDED_MAX: usize = 32;

/// Bytes of a `tracestate` that is passed on (W3C Trace Context asks for at least 512).
pub const TRACESTATE_BYTES_MAX: usize = 2 << 10;
