//! The body of a stored answer, as a stream: from a fetch under way, from the tiers, and, where bytes are missing and a strong validator tells
//! that they belong to the rest, from the origin again.

use super::Inner;
use super::exchange::Upstream;
use crate::counters::Counters;
use crate::fill::{Fill, Found, Reader};
use crate::limits::SLICE_BYTES;
use crate::message::{Body, BodyError};
use crate::object::{Object, Piece, slice_of};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Fetches of missing bytes in a row that brought none.
const REFETCHES_MAX: u32 = 2;

pub(super) struct BodyReader {
    pub inner: Arc<Inner>,
    pub object: Arc<Object>,
    pub upstream: Upstream,
    pub counters: Arc<Counters>,
    /// The next byte.
    pub at: u64,
    /// The byte after the last; `None`: wherever the fetch ends.
    pub end: Option<u64>,
    pub pinned: HashMap<u32, Piece>,
    pub follow: Option<Reader>,
    pub ready: Option<Bytes>,
    pub refetches: u32,
}

impl BodyReader {
    /// Takes a place in the fetch that has the next byte, if there is one. To be done before that fetch goes on.
    pub(super) fn follow(&mut self) -> bool {
        if self.follow.is_none() {
            self.follow = self.object.fill_at(self.at).map(|fill| fill.reader(self.at));
        }
        self.follow.is_some()
    }

    /// Gets the first bytes before the head is sent, so that a failure can still become another answer.
    pub(super) async fn prime(&mut self) -> Result<(), BodyError> {
        if self.end != Some(self.at) && self.ready.is_none() {
            self.ready = self.next().await.transpose()?;
        }
        Ok(())
    }

    pub(super) fn into_body(self) -> Body {
        Body::stream(futures_util::stream::unfold(Some(self), |reader| async {
            let mut reader = reader?;
            let item = reader.next().await?;
            let more = item.is_ok().then_some(reader);
            Some((item, more))
        }))
    }

    pub(super) async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        if let Some(bytes) = self.ready.take() {
            return Some(Ok(bytes));
        }
        loop {
            if self.end == Some(self.at) {
                return None;
            }
            if self.follow() {
                match self.followed().await {
                    Some(Ok(None)) => return None,
                    Some(Ok(Some(bytes))) => return Some(Ok(self.deliver(bytes))),
                    Some(Err(error)) => return Some(Err(error)),
                    None => self.follow = None,
                }
            }
            if let Some(bytes) = self.piece().await {
                return Some(Ok(self.deliver(bytes)));
            }
            if let Err(error) = self.refetch().await {
                return Some(Err(error));
            }
        }
    }

    /// Bytes from the fetch that is followed; `Ok(None)`: the end; `None`: to be looked for elsewhere.
    async fn followed(&mut self) -> Option<Result<Option<Bytes>, BodyError>> {
        let reader = self.follow.as_ref()?;
        match reader.fill.read(self.at).await {
            Found::Bytes(bytes) => Some(Ok(Some(bytes))),
            Found::End if self.end.is_none() => Some(Ok(None)),
            Found::Failed(error) if !self.object.is_strong() || self.object.whole().is_none() => {
                Some(Err(error))
            }
            Found::End | Found::Elsewhere | Found::Failed(_) | Found::Wait => None,
        }
    }

    async fn piece(&mut self) -> Option<Bytes> {
        if let Some(piece) = self.pinned.get(&slice_of(self.at)) {
            return piece.from(self.at);
        }
        self.inner.piece(&self.object, self.at).await?.from(self.at)
    }

    async fn refetch(&mut self) -> Result<(), BodyError> {
        if self.refetches == REFETCHES_MAX {
            return Err(BodyError::Lost);
        }
        self.refetches += 1;
        let end = self.end.or(self.object.whole()).ok_or(BodyError::Lost)?;
        let fill = self.inner.fetch_missing(&self.object, &self.upstream, (self.at, end)).await?;
        self.follow = Some(fill.reader(self.at));
        Ok(())
    }

    fn deliver(&mut self, mut bytes: Bytes) -> Bytes {
        if let Some(end) = self.end {
            bytes.truncate(usize::try_from(end - self.at).unwrap_or(usize::MAX));
        }
        self.at += bytes.len() as u64;
        self.refetches = 0;
        if let Some(reader) = &self.follow {
            reader.move_to(self.at);
        }
        self.counters.bytes_served.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        bytes
    }
}

/// Cuts what comes into pieces of slices.
pub(super) struct Assembler {
    start: u64,
    bytes: Vec<u8>,
}

impl Assembler {
    pub(super) const fn new(start: u64) -> Self {
        Self { start, bytes: Vec::new() }
    }

    /// Adds bytes; returns the pieces that they complete.
    pub(super) fn push(&mut self, mut chunk: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        while !chunk.is_empty() {
            let at = self.start + self.bytes.len() as u64;
            let room = (SLICE_BYTES - at % SLICE_BYTES) as usize;
            let (taken, rest) = chunk.split_at(room.min(chunk.len()));
            self.bytes.extend_from_slice(taken);
            chunk = rest;
            if taken.len() == room {
                pieces.extend(self.rest());
            }
        }
        pieces
    }

    /// What is left.
    pub(super) fn rest(&mut self) -> Option<Piece> {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.shrink_to_fit();
        let piece = Piece::new(self.start, bytes);
        self.start = piece.end();
        (!piece.bytes.is_empty()).then_some(piece)
    }
}

/// What a fetch of bytes needs.
pub(super) struct Filling {
    pub object: Arc<Object>,
    pub fill: Arc<Fill>,
    pub body: Body,
    /// Where it must end, where that is known.
    pub end: Option<u64>,
    /// Whether it fetches the whole, so that its end is the length.
    pub whole: bool,
    pub counters: Arc<Counters>,
}
