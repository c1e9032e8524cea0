//! Bodies that are compressed as they pass. What came is sent on when nothing more comes for now, so that an answer that grows slowly is not held back.

use crate::compression::Encoder;
use bole_cdn::{Body, BodyError};
use bytes::Bytes;
use futures_util::Stream;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Bytes that are compressed without looking at anything else: a millisecond or two.
const STEP_BYTES: usize = 64 << 10;

/// The compressed form of a body. One that breaks off breaks off in this form too, and is never ended properly.
pub(super) fn packed(body: Body, encoder: Encoder) -> Body {
    Body::stream(Packing { body, encoder: Some(encoder), left: Bytes::new(), waits: false })
}

struct Packing {
    body: Body,
    /// Gone after the end.
    encoder: Option<Encoder>,
    /// What came and is not compressed yet.
    left: Bytes,
    /// The encoder has bytes that were not sent on.
    waits: bool,
}

impl Packing {
    /// What came, a step of it; `None` at the end.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if self.left.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_next(context)) {
                Some(Ok(piece)) => self.left = piece,
                end => return Poll::Ready(end),
            }
        }
        Poll::Ready(Some(Ok(self.left.split_to(self.left.len().min(STEP_BYTES)))))
    }

    /// Compresses a piece, or ends. `None`: nothing comes out yet.
    fn pack(&mut self, piece: Option<&[u8]>) -> io::Result<Option<Bytes>> {
        let out = match (&mut self.encoder, piece) {
            (Some(encoder), Some(piece)) => {
                self.waits = true;
                encoder.push(piece)?
            }
            _ => self.encoder.take().map(Encoder::finish).transpose()?.unwrap_or_default(),
        };
        Ok(Some(out).filter(|out| !out.is_empty()))
    }

    /// What the encoder holds.
    fn flush(&mut self) -> io::Result<Option<Bytes>> {
        let waits = std::mem::take(&mut self.waits);
        let Some(encoder) = self.encoder.as_mut().filter(|_| waits) else { return Ok(None) };
        Ok(Some(encoder.flush()?).filter(|out| !out.is_empty()))
    }
}

impl Stream for Packing {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while this.encoder.is_some() {
            let out = match this.poll_piece(context) {
                Poll::Pending => match this.flush() {
                    Ok(None) => return Poll::Pending,
                    out => out,
                },
                Poll::Ready(Some(Err(error))) => {
                    this.encoder = None;
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(Some(Ok(piece))) => this.pack(Some(&piece)),
                Poll::Ready(None) => this.pack(None),
            };
            match out {
                Ok(Some(out)) => return Poll::Ready(Some(Ok(out))),
                Ok(None) => {}
                Err(error) => {
                    this.encoder = None;
                    return Poll::Ready(Some(Err(BodyError::Origin(format!(
                        "it cannot be compressed: {error}"
                    )))));
                }
            }
        }
        Poll::Ready(None)
    }
}
