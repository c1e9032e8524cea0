//! PostgreSQL's frontend/backend protocol 3.0 (its manual, chapter "Frontend/Backend Protocol"): bytes to messages and back. No I/O.
//!
//! ```text
//! first packet   length(4) code(4) …            startup, cancel, or a request for encryption
//! message        type(1) length(4) body         length counts itself and the body
//! ```
//!
//! # Invariants
//! - A length is checked against its bound before anything is kept for it.
//! - A message whose frame is whole and whose body is not is [`Message::Bad`]: the client is told, and the connection goes on.

pub mod backend;
pub mod body;
pub mod frontend;
pub mod startup;

pub use backend::Severity;
pub use frontend::{Message, Target};
pub use startup::First;

use bole_sql_types::{Error, SqlState};

/// Why a connection cannot go on: what to tell the client before it is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(pub Error);

impl Broken {
    fn new(message: impl Into<String>) -> Self {
        Self(Error::new(SqlState::PROTOCOL_VIOLATION, message))
    }
}

/// What a client hears for which there is no place.
pub fn too_many_connections() -> Vec<u8> {
    let mut out = Vec::new();
    let error = Error::new(SqlState::TOO_MANY_CONNECTIONS, "sorry, too many clients already");
    backend::report(&mut out, Severity::Fatal, &error);
    out
}
