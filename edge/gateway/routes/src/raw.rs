//! What a parser hides: the bytes of an HTTP/1 connection, from head to body to the next head, read by the letter of RFC 9112
//! before the proxy's parser sees them.
//!
//! Parsers are lenient: they take a bare LF for the end of a line, join folded lines, trim blanks. Two servers that are lenient in
//! different ways see different requests, and that is how requests are smuggled. Here each byte has one meaning or the connection
//! ends. The verdict does not depend on how the bytes were cut into reads.
//!
//! ```text
//! head ──► no body ──────────► head …
//!   │ ├──► Content-Length ───► head …
//!   │ └──► chunks ► trailers ► head …
//!   └ Upgrade, answered 101 ─► opaque
//! ```
//!
//! It is stricter than the RFC where the RFC lets a server choose: one `Content-Length` only, `Transfer-Encoding: chunked` only, never both;
//! no obs-fold; at most one empty line before a request; single blanks in the request line.

mod chunks;
mod fields;
mod head;

pub use chunks::Chunks;
pub(crate) use head::length;
pub use head::{Body, Head};

use crate::refused::Refused;

/// The bytes that a client sends on one HTTP/1 connection.
#[derive(Debug, Default)]
pub struct Connection {
    state: State,
    upgrade: bool,
    heads: u64,
}

#[derive(Debug)]
enum State {
    Head(Head),
    Length(u64),
    Chunks(Chunks),
    Opaque,
    Refused(Refused),
}

impl Default for State {
    fn default() -> Self {
        Self::Head(Head::default())
    }
}

impl Connection {
    /// Reads the next bytes. How many of them may be passed on is in the result: all of them or, with what is wrong, those
    /// before the message in which it is wrong was found to be so. After an error every call gives it again.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.step(rest) {
                Ok(used) => rest = &rest[used..],
                Err(refused) => {
                    self.state = State::Refused(refused);
                    return Err(refused);
                }
            }
        }
        Ok(())
    }

    /// Reads some of the bytes, at least one.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Refused> {
        match &mut self.state {
            State::Opaque => Ok(bytes.len()),
            State::Refused(refused) => Err(*refused),
            State::Length(left) => {
                let used = (*left).min(bytes.len() as u64);
                *left -= used;
                if *left == 0 {
                    self.state = State::default();
                }
                Ok(used as usize)
            }
            State::Chunks(chunks) => {
                let (used, done) = chunks.feed(bytes)?;
                if done {
                    self.state = State::default();
                }
                Ok(used)
            }
            State::Head(_) if self.upgrade => Err(Refused::Premature),
            State::Head(head) => {
                let (used, done) = head.feed(bytes)?;
                if done {
                    self.upgrade = head.upgrade();
                    self.heads += 1;
                    self.state = match head.body() {
                        Body::None => State::default(),
                        Body::Length(length) => State::Length(length),
                        Body::Chunked => State::Chunks(Chunks::default()),
                    };
                }
                Ok(used)
            }
        }
    }

    /// The last request was answered: with 101, after which the bytes are no HTTP/1 any more, or otherwise.
    pub fn answered(&mut self, upgraded: bool) {
        if upgraded && self.upgrade {
            self.state = State::Opaque;
        }
        self.upgrade = false;
    }

    /// Heads that were read to their end.
    pub fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether the last byte was the last one of a request.
    pub fn is_between_requests(&self) -> bool {
        matches!(&self.state, State::Head(head) if head.is_empty())
    }
}

#[cfg(test)]
mod tests;
