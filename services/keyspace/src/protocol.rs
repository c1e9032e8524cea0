//! RESP2 and RESP3: bytes to commands and replies to bytes. No I/O.

pub mod reply;
pub mod request;

pub use reply::Reply;
pub use request::{Parser, ProtocolError};
