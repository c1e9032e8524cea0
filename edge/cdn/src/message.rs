//! The seam to whoever carries requests: bodies as streams, and the [`Origin`] that a cache stands in front of.
//!
//! Heads are the types of the `http` crate. Nothing here buffers: a body is pulled as its reader asks for it.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A request whose URI is absolute: scheme, authority, path, query.
pub type Request = http::Request<Body>;
/// A response.
pub type Response = http::Response<Body>;

/// Why a body ended before its end. The connection must then be closed, not ended properly.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BodyError {
    /// The origin's body broke off, or was longer or shorter than its head said.
    #[error("the origin's body: {0}")]
    Origin(String),
    /// The rest had to be fetched again, and the origin has other bytes by now.
    #[error("the origin changed the representation while it was sent")]
    Changed,
    /// The rest is no longer stored, and nothing says which bytes would continue it.
    #[error("the rest of the stored answer is gone")]
    Lost,
}

/// The origin gave no answer: no connection, no proper head, or too late.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the origin gave no answer: {0}")]
pub struct OriginError(pub String);

/// In the extensions of a response of the cache's own: nobody answered, and why, in the words of [`OriginError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered(pub Arc<str>);

/// What the caller knows of a request that is not in its head.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner<'a> {
    /// Whose answers it may share: those of requests of the same space. The name has no line feed.
    pub space: &'a str,
    /// Somebody logged in for it, by whatever field: RFC 9111 §3.5 holds as for `Authorization`.
    pub authenticated: bool,
}

/// In the extensions of a request: its answer goes into this cache once more, as something that is made of it. So it shows the fields that are for caches,
/// is not stale because it may be while it is confirmed, and counts neither as a request nor as a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForCache;

/// In the extensions of an origin's response: it stands in for a better one, and is to be asked for again after so many seconds, however long it is fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreshAtMost(pub u64);

type Boxed = Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>;

/// A message's body.
#[derive(Default)]
pub struct Body(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    Whole(Bytes),
    Stream(Boxed),
}

impl Body {
    /// No body.
    pub const fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// These bytes.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self(if bytes.is_empty() { Kind::Empty } else { Kind::Whole(bytes) })
    }

    /// Chunks as they come. After an error the stream is not polled again.
    pub fn stream(stream: impl Stream<Item = Result<Bytes, BodyError>> + Send + 'static) -> Self {
        Self(Kind::Stream(Box::pin(stream)))
    }

    /// Whether it is known to have no bytes.
    pub const fn is_empty(&self) -> bool {
        matches!(self.0, Kind::Empty)
    }

    /// All bytes, at most `max`. For tests and small answers.
    pub async fn collect(mut self, max: usize) -> Result<Bytes, BodyError> {
        use futures_util::StreamExt;
        let mut bytes = Vec::new();
        while let Some(chunk) = self.next().await {
            bytes.extend_from_slice(&chunk?);
            if bytes.len() > max {
                return Err(BodyError::Origin(format!("more than {max} bytes")));
            }
        }
        Ok(bytes.into())
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match &self.0 {
            Kind::Empty => "Body(empty)",
            Kind::Whole(_) => "Body(whole)",
            Kind::Stream(_) => "Body(stream)",
        })
    }
}

impl Stream for Body {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.0 {
            Kind::Stream(stream) => stream.as_mut().poll_next(context),
            Kind::Empty => Poll::Ready(None),
            whole @ Kind::Whole(_) => {
                let Kind::Whole(bytes) = std::mem::take(whole) else { return Poll::Ready(None) };
                Poll::Ready(Some(Ok(bytes)))
            }
        }
    }
}

/// What a cache asks when it cannot answer: one origin, or many behind a balancer.
///
/// `fetch` sends the head, streams the body and returns as soon as the final response's head is there. Fields of one connection are
/// the caller's business; the cache removes those of requests that it stores. Dropping the returned body ends the exchange. It may be called many
/// times at once.
#[async_trait]
pub trait Origin: Send + Sync + 'static {
    /// One exchange.
    async fn fetch(&self, request: Request) -> Result<Response, OriginError>;
}
