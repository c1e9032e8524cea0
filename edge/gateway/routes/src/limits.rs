//! How much of what others say is looked at.

/// Addresses of an `X-Forwarded-For` that are looked at.
pub const FORWARDED_MAX: usize = 32;
