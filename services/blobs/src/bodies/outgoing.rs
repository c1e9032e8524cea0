//! A body on its way out: pieces that are in memory or parts of chunks, in order, verified before they are sent. What is sent next is read
//! when the connection asks for it, so that a slow client costs one batch of blocks and nothing more.
//!
//! The first blocks of a chunk are read on a thread of the pool. Those after them are read where the connection is served if the system has them in memory,
//! which costs less than handing them over, and on a thread if it has not.

use std::any::Any;
use std::collections::VecDeque;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::gate::Place;
use super::{Bodies, Error};
use crate::chunks::frame::BLOCK_BYTES;
use crate::chunks::reader::Reader;
use crate::chunks::{self, ChunkId};
use crate::pool::Lost;
use crate::seal::DataKey;

/// A piece of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// In memory.
    Inline(Bytes),
    /// A part of what is in a chunk.
    Chunk {
        /// The chunk.
        id: ChunkId,
        /// Bytes in its blocks: of the body that is in it, or of what that was sealed to.
        body_bytes: u64,
        /// Which of the body's.
        part: Range<u64>,
        /// What it was sealed with, if it was.
        key: Option<DataKey>,
    },
}

impl Piece {
    /// Bytes of the piece.
    pub const fn bytes(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Chunk { part, .. } => part.end.saturating_sub(part.start),
        }
    }

    fn cut(&self, part: Range<u64>) -> Self {
        match self {
            Self::Inline(bytes) => Self::Inline(bytes.slice(part.start as usize..part.end as usize)),
            Self::Chunk { id, body_bytes, part: whole, key } => Self::Chunk {
                id: *id,
                body_bytes: *body_bytes,
                part: whole.start + part.start..whole.start + part.end,
                key: key.clone(),
            },
        }
    }
}

/// The pieces of the bytes `range` of a body: what a range request, a part of a multipart object, or a copy of a range is.
pub fn cut(pieces: &[Piece], range: Range<u64>) -> Vec<Piece> {
    let mut at = 0;
    let mut cut = Vec::new();
    for piece in pieces {
        let (begin, end) = (at, at + piece.bytes());
        at = end;
        let (from, to) = (range.start.max(begin), range.end.min(end));
        if from < to {
            cut.push(piece.cut(from - begin..to - begin));
        }
    }
    cut
}

/// What is sent.
pub struct Outgoing {
    bodies: Bodies,
    pieces: VecDeque<Piece>,
    reader: Option<Reader>,
    ready: VecDeque<Bytes>,
    reading: Option<Pin<Box<dyn Future<Output = Read> + Send>>>,
    bytes_left: u64,
    damaged: Option<Damaged>,
    _place: Option<Place>,
    /// What keeps the chunks from being removed while they are read.
    _hold: Box<dyn Any + Send>,
}

/// Told of a chunk that is missing or damaged, for the operator and for what marks it.
pub type Damaged = Arc<dyn Fn(&chunks::Error) + Send + Sync>;

type Read = Result<(Reader, Vec<Bytes>, Option<chunks::Error>), Lost>;

/// Opens a body and reads its first blocks, so that damage there is an answer and not a broken one. `hold` is dropped when the body was sent
/// or given up. Errors: `SlowDown`; `Missing`, `Corrupt`, `Io` of chunks.
pub async fn open(
    bodies: &Bodies,
    pieces: Vec<Piece>,
    hold: Box<dyn Any + Send>,
    damaged: Option<Damaged>,
) -> Result<Outgoing, Error> {
    let bytes_left: u64 = pieces.iter().map(Piece::bytes).sum();
    let is_read = pieces.iter().any(|piece| matches!(piece, Piece::Chunk { .. }));
    let memory = bytes_left.min(bodies.home.blocks_at_once() * BLOCK_BYTES as u64);
    let place = if is_read { Some(bodies.downloads.enter(memory).await?) } else { None };
    let mut body = Outgoing {
        bodies: bodies.clone(),
        pieces: pieces.into(),
        reader: None,
        ready: VecDeque::new(),
        reading: None,
        bytes_left,
        damaged,
        _place: place,
        _hold: hold,
    };
    std::future::poll_fn(|context| body.poll_ready(context)).await?;
    Ok(body)
}

impl Outgoing {
    /// Bytes that were not sent yet.
    pub const fn bytes_left(&self) -> u64 {
        self.bytes_left
    }

    /// Has bytes ready, or is at the end.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let read = ready!(reading.as_mut().poll(context));
                self.reading = None;
                let (reader, blocks, error) = read?;
                if let Some(error) = error {
                    if let Some(tell) = &self.damaged {
                        tell(&error);
                    }
                    self.pieces.clear();
                    self.ready.clear();
                    return Poll::Ready(Err(error.into()));
                }
                // A reader that gave nothing is at its end.
                self.reader = (!blocks.is_empty()).then_some(reader);
                self.ready.extend(blocks);
            }
            if !self.ready.is_empty() {
                return Poll::Ready(Ok(()));
            }
            if let Some(blocks) = self.reader.as_mut().and_then(Reader::at_once) {
                self.ready.extend(blocks);
                continue;
            }
            let reader = match (self.reader.take(), self.pieces.pop_front()) {
                (Some(reader), next) => {
                    if let Some(next) = next {
                        self.pieces.push_front(next);
                    }
                    reader
                }
                (None, Some(Piece::Inline(bytes))) => {
                    self.ready.extend((!bytes.is_empty()).then_some(bytes));
                    continue;
                }
                (None, Some(Piece::Chunk { id, body_bytes, part, key })) => {
                    let home = Arc::clone(&self.bodies.home);
                    match key {
                        None => Reader::new(home, id, body_bytes, part),
                        Some(key) => Reader::sealed(home, id, body_bytes, part, key),
                    }
                }
                (None, None) => return Poll::Ready(Ok(())),
            };
            self.reading = Some(self.read(reader));
        }
    }

    fn read(&self, mut reader: Reader) -> Pin<Box<dyn Future<Output = Read> + Send>> {
        let pool = self.bodies.pool.clone();
        let count = self.bodies.home.blocks_at_once() as usize;
        let work = move || {
            let mut blocks = Vec::with_capacity(count);
            let mut error = None;
            for block in reader.by_ref().take(count) {
                match block {
                    Ok(block) => blocks.push(block),
                    Err(found) => error = Some(found),
                }
            }
            (reader, blocks, error)
        };
        Box::pin(async move { pool.run(work).await })
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Err(error) = ready!(self.poll_ready(context)) {
            return Poll::Ready(Some(Err(error)));
        }
        let block = self.ready.pop_front();
        self.bytes_left -= block.as_ref().map_or(0, |block| block.len() as u64);
        Poll::Ready(block.map(|block| Ok(Frame::data(block))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes_left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes_left)
    }
}
