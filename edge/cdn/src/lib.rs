//! An HTTP cache.
