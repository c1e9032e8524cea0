//! What a client hears when there is no place for it: a last word in its protocol, then the end of the stream.
//!
//! Closing a socket that has unread bytes resets it, and the client may lose what was said. So a refused client is
//! read from for a short while, a bounded number of them at a time; beyond that number, closing is all they get.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// Refused clients that are heard out at a time.
const FAREWELLS_MAX: usize = 64;
/// How long, and how many bytes, a refused client is heard out.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES_MAX: u64 = 64 << 10;

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The service has as many connections as it may have.
    ServiceFull,
    /// The node has as many connections as it may have.
    NodeFull,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ServiceFull => "the service's connection limit is reached",
            Self::NodeFull => "the node's connection limit is reached",
        })
    }
}

/// What a service says to a client that it refuses, in its protocol.
#[derive(Clone)]
pub struct LastWord {
    text: Arc<dyn Fn(Refusal) -> Bytes + Send + Sync>,
}

impl LastWord {
    /// Nothing is said.
    pub fn none() -> Self {
        Self::new(|_| Bytes::new())
    }

    /// Says the bytes that `text` gives. It must be fast: it runs where connections are accepted.
    pub fn new(text: impl Fn(Refusal) -> Bytes + Send + Sync + 'static) -> Self {
        Self { text: Arc::new(text) }
    }

    pub(super) fn text(&self, refusal: Refusal) -> Bytes {
        (self.text)(refusal)
    }
}

impl fmt::Debug for LastWord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LastWord")
    }
}

/// The refused clients that are being heard out.
#[derive(Debug)]
pub(super) struct Farewells {
    places: Arc<Semaphore>,
}

impl Default for Farewells {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(FAREWELLS_MAX)) }
    }
}

impl Farewells {
    /// Says `text` and closes. Never waits.
    pub(super) fn say(&self, mut socket: TcpStream, text: Bytes) {
        if text.is_empty() {
            return;
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return };
        let farewell = async move {
            let _place = place;
            let talk = async {
                socket.write_all(&text).await?;
                socket.shutdown().await?;
                tokio::io::copy(&mut (&mut socket).take(LINGER_BYTES_MAX), &mut tokio::io::sink()).await
            };
            // However it ends, the connection is refused: there is nobody to tell.
            let _ = tokio::time::timeout(LINGER, talk).await;
        };
        crate::tasks::spawn("farewell", crate::tasks::OnFailure::Log, farewell);
    }
}
