//! Kafka's wire format: frames, messages by key and version, record batches. No I/O.
//!
//! Both directions of every message are here, because the command line and the tests are clients too. Reading order:
//! [`decoder`] and [`encoder`] (bytes with bounds) → [`wire`] (how each type looks on the wire) → [`rule`] (in which versions a
//! field exists) → [`messages`] (one file an API: its fields and version gates) → [`header`] (what stands before a body) →
//! [`api`] (the table of keys and version ranges) → [`batch`] (the format in which records travel and are kept).
//!
//! Invariants: a length or count in a frame is a claim that costs no memory before its bytes are there; what decoding builds is
//! charged against a budget; decoded strings and records share the frame's memory; no input panics.

pub mod api;
pub mod batch;
pub mod decoder;
pub mod encoder;
pub mod error_code;
pub mod header;
pub mod message;
pub mod messages;
pub mod records;
pub mod rule;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
pub mod text;
pub mod uuid;
pub mod wire;

pub use decoder::{DecodeError, Decoder, Problem};
pub use encoder::{EncodeError, Encoder, Frame};
pub use error_code::ErrorCode;
pub use header::{RequestHeader, ResponseHeader};
pub use message::{Message, Request};
pub use records::Records;
pub use rule::Versions;
pub use text::Text;
pub use uuid::Uuid;
pub use wire::Wire;
