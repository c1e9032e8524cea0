//! Objects in buckets, for clients that speak S3's protocol.
//!
//! Reading order: [`chunks`] (where the bytes of large bodies are).

pub mod chunks;
