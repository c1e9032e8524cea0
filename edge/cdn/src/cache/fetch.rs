//! Fetching bytes into the tiers: of a whole answer while readers follow, and of what is missing of one that is stored.

use super::Inner;
use super::exchange::Upstream;
use super::reader::{Assembler, Filling};
use crate::counters::Counters;
use crate::fill::Fill;
use crate::limits::{FILLS_MAX, SLICE_BYTES, UNREAD_BYTES_MAX, WINDOW_BYTES};
use crate::message::{Body, BodyError, OriginError, Request, Response};
use crate::object::Object;
use bole_cdn_policy::{condition, partial, validate};
use bytes::Bytes;
use futures_util::StreamExt;
use http::header::{self, HeaderValue};
use http::{Method, StatusCode};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// For how long a fetch waits for a reader who is a whole window behind, before it goes on without.
const SLOW_READER: Duration = Duration::from_secs(30);

impl Inner {
    /// One exchange with the origin, within the time that it may take for a head.
    pub(super) async fn exchange(
        &self,
        upstream: &Upstream,
        request: Request,
        counters: &Counters,
    ) -> Result<Response, OriginError> {
        Counters::add(&counters.fetches);
        let limit = self.config.origin_timeout;
        match tokio::time::timeout(limit, upstream.origin.fetch(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(OriginError(format!("no head within {} s", limit.as_secs()))),
        }
    }

    /// Takes one of the places for fetches. `false`: there is none.
    pub(super) fn begin_fill(&self) -> bool {
        let taken = self.fills.fetch_add(1, Ordering::Relaxed);
        if taken >= FILLS_MAX {
            self.fills.fetch_sub(1, Ordering::Relaxed);
        }
        taken < FILLS_MAX
    }

    /// Runs a fetch to its end in a task of its own: it outlives the request that began it. The caller has a place for it. Should the runtime end, so
    /// does the fetch; what is in the tiers by then is whole slices.
    pub(super) fn spawn_fill(self: &Arc<Self>, filling: Filling) {
        let inner = self.clone();
        tokio::spawn(async move {
            let (object, fill, whole) = (filling.object.clone(), filling.fill.clone(), filling.whole);
            let counters = filling.counters.clone();
            let outcome = inner.fill(filling).await;
            if let Err(error) = &outcome {
                Counters::add(&counters.broken);
                tracing::debug!(key = object.key.as_str(), %error, "a fetch broke off");
                // Whole slices of an answer with a strong validator remain of use (RFC 9111 §3.3).
                if whole && !(object.is_strong() && object.whole().is_some()) {
                    inner.drop_object(&object);
                }
            }
            fill.finish(outcome);
            object.remove_fill(&fill);
            inner.fills.fetch_sub(1, Ordering::Relaxed);
        });
    }

    async fn fill(self: &Arc<Self>, mut filling: Filling) -> Result<(), BodyError> {
        let mut assembler = Assembler::new(filling.fill.start());
        let strong = filling.object.is_strong();
        let mut stored = true;
        while let Some(chunk) = self.chunk(&mut filling.body).await? {
            let at = filling.fill.at() + chunk.len() as u64;
            if filling.end.is_some_and(|end| at > end) {
                return Err(BodyError::Origin(format!(
                    "more bytes than the {} that its head says",
                    at - chunk.len() as u64
                )));
            }
            if stored && !strong && at > WINDOW_BYTES {
                // Too long to be kept whole: from here on only those who read it now get it.
                stored = false;
                self.drop_object(&filling.object);
            }
            if stored {
                filling.counters.bytes_filled.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                for piece in assembler.push(&chunk) {
                    self.put_piece(&filling.object, piece);
                }
            }
            if !strong {
                keep_pace(&filling.fill, chunk.len()).await;
            }
            filling.fill.append(chunk);
            let left = filling.end.map_or(u64::MAX, |end| end - at);
            if filling.fill.readers() == 0 && (left > UNREAD_BYTES_MAX || !stored) && at > UNREAD_BYTES_MAX {
                return Err(BodyError::Lost);
            }
        }
        let at = filling.fill.at();
        if let Some(end) = filling.end.filter(|end| *end != at) {
            return Err(BodyError::Origin(format!("it ended at {at} of {end} bytes")));
        }
        if filling.whole {
            filling.object.set_whole(at);
        }
        if stored && let Some(piece) = assembler.rest() {
            self.put_piece(&filling.object, piece);
        }
        Ok(())
    }

    async fn chunk(&self, body: &mut Body) -> Result<Option<Bytes>, BodyError> {
        let limit = self.config.origin_timeout;
        match tokio::time::timeout(limit, body.next()).await {
            Ok(chunk) => chunk.transpose(),
            Err(_) => Err(BodyError::Origin(format!("no bytes for {} s", limit.as_secs()))),
        }
    }

    /// Fetches what is missing of an object from `range.0` on, up to the next slice that is there or the end of the range, whichever comes first. Returns the
    /// fetch, or the one that somebody else began meanwhile.
    pub(super) async fn fetch_missing(
        self: &Arc<Self>,
        object: &Arc<Object>,
        upstream: &Upstream,
        range: (u64, u64),
    ) -> Result<Arc<Fill>, BodyError> {
        let meta = object.meta();
        let validator = condition::strong_validator(&meta.headers()).cloned().ok_or(BodyError::Lost)?;
        let whole = object.whole().ok_or(BodyError::Lost)?;
        let start = range.0 / SLICE_BYTES * SLICE_BYTES;
        let mut end = start + SLICE_BYTES;
        while end < range.1 && !self.has(object, end) {
            end += SLICE_BYTES;
        }
        let end = end.min(whole);
        let fill = Arc::new(Fill::new(start, Some(end)));
        if !self.begin_fill() {
            return Err(BodyError::Lost);
        }
        if let Err(other) = object.add_fill(&fill) {
            self.fills.fetch_sub(1, Ordering::Relaxed);
            return Ok(other);
        }
        let guard =
            Unfinished { inner: self.clone(), object: object.clone(), fill: fill.clone(), armed: true };
        let counters = self.hosts.of(object.key.host());
        let mut request = upstream.get();
        validate::strip_conditions(request.headers_mut());
        request.headers_mut().insert(header::RANGE, bytes_of(start, end));
        request.headers_mut().insert(header::IF_RANGE, validator);
        let response = self.exchange(upstream, request, &counters).await;
        let response = response.map_err(|error| BodyError::Origin(error.to_string()))?;
        let (head, body) = response.into_parts();
        let part = partial::combines(&meta.headers(), Some(whole), &head.headers);
        let fits = part.is_some_and(|part| (part.start, part.end) == (start, end));
        if head.status == StatusCode::PARTIAL_CONTENT && fits {
            guard.disarm();
            let filling = Filling {
                object: object.clone(),
                fill: fill.clone(),
                body,
                end: Some(end),
                whole: false,
                counters,
            };
            self.spawn_fill(filling);
            return Ok(fill);
        }
        if head.status.is_server_error() {
            return Err(BodyError::Origin(format!("status {}", head.status.as_u16())));
        }
        self.drop_object(object);
        Err(BodyError::Changed)
    }
}

/// Waits for readers whose bytes would fall out of the window.
async fn keep_pace(fill: &Fill, chunk: usize) {
    let mut changes = fill.changes();
    let wait = async { while fill.would_lose_a_reader(chunk) && changes.changed().await.is_ok() {} };
    let _ = tokio::time::timeout(SLOW_READER, wait).await;
}

/// The value of `Range` for bytes up to, and without, `end`.
pub(super) fn bytes_of(start: u64, end: u64) -> HeaderValue {
    HeaderValue::try_from(format!("bytes={start}-{}", end.saturating_sub(1)))
        .unwrap_or_else(|_| HeaderValue::from_static("bytes=0-0"))
}

impl Upstream {
    /// The request as a GET without a body.
    pub(super) fn get(&self) -> Request {
        let mut head = self.head.clone();
        head.method = Method::GET;
        Request::from_parts(head, Body::empty())
    }
}

/// Takes a fetch back that did not come to bytes, whatever ended it.
struct Unfinished {
    inner: Arc<Inner>,
    object: Arc<Object>,
    fill: Arc<Fill>,
    armed: bool,
}

impl Unfinished {
    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.armed {
            self.fill.finish(Err(BodyError::Lost));
            self.object.remove_fill(&self.fill);
            self.inner.fills.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
