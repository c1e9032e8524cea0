//! A client's connection as the direct way uses it: without the proxy library, polled by whoever moves bodies in both directions at once. Heads and
//! bodies are followed by the same functions as for the library.

use super::{AHEAD_MAX, Body, GLANCE, PIECE, Refused, Stage, Wire};
use crate::clock;
use crate::connection::head::Head;
use bytes::{Buf, BufMut, BytesMut};
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite};

/// Why no more of a request's body comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The client has left.
    Gone,
    /// What came has no meaning.
    Refused(Refused),
}

/// Writes pieces in one call: for a single one there is a cheaper call.
pub fn poll_send<W: AsyncWrite>(
    to: Pin<&mut W>,
    context: &mut Context<'_>,
    pieces: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    match pieces {
        [piece] => to.poll_write(context, piece),
        pieces => to.poll_write_vectored(context, pieces),
    }
}

impl Wire {
    /// Takes the request that was found away: what follows is its body, for [`Wire::poll_data`].
    pub fn take(&mut self, head: &Head) {
        self.ahead.advance(head.end);
        self.searched = 0;
        (self.framing, self.upgrade, self.exchange) = (head.framing, false, None);
        self.follow(Body::new(head.framing));
    }

    fn follow(&mut self, body: Body) {
        self.stage = if body.is_done() { Stage::Over } else { Stage::Body(body) };
    }

    /// Adds data of the body to `piece`, without what frames it; nothing is added only if the body is over ([`Wire::is_over`]).
    pub fn poll_data(&mut self, context: &mut Context<'_>, piece: &mut BytesMut) -> Poll<Result<(), Lost>> {
        loop {
            let Stage::Body(mut body) = self.stage else { return Poll::Ready(Ok(())) };
            let room = body.left().map_or(0, |left| usize::try_from(left).unwrap_or(usize::MAX)).min(PIECE);
            if self.ahead.is_empty() && room > 0 {
                // A body of known length needs no look: it goes where it is wanted.
                piece.reserve(room);
                let came = {
                    let mut place = (&mut *piece).limit(room);
                    ready!(pin!(self.transport.read_buf(&mut place)).poll(context)).unwrap_or(0)
                };
                if came == 0 {
                    return Poll::Ready(Err(Lost::Gone));
                }
                body.pass(came as u64);
                self.follow(body);
                return Poll::Ready(Ok(()));
            }
            if self.ahead.is_empty() {
                let filled = ready!(self.poll_fill(context, PIECE));
                if filled.is_err() || self.ahead.is_empty() {
                    return Poll::Ready(Err(Lost::Gone));
                }
            }
            while !self.ahead.is_empty() && !body.is_done() && piece.len() < PIECE {
                let data = match body.data(&self.ahead) {
                    Ok(data) => data,
                    Err(refused) => return Poll::Ready(Err(Lost::Refused(refused))),
                };
                piece.extend_from_slice(&self.ahead[data.clone()]);
                self.ahead.advance(data.end);
            }
            self.follow(body);
            if !piece.is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Ready once the client has left. What it sends meanwhile waits, and is only read up to a bound.
    pub fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.ahead.len() < AHEAD_MAX {
            let before = self.ahead.len();
            let filled = ready!(self.poll_fill(context, GLANCE));
            if filled.is_err() || self.ahead.len() == before {
                // A client that sent several requests and then closed its side still waits for their answers.
                return if before == 0 { Poll::Ready(()) } else { Poll::Pending };
            }
        }
        Poll::Pending
    }

    /// Sends bytes at once; how many of them were taken.
    pub fn poll_put(&mut self, context: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        // Nothing of the answer before is left behind.
        ready!(self.poll_drain(context))?;
        poll_send(Pin::new(&mut self.transport), context, pieces)
    }

    /// Ready when all that was sent is with the system.
    pub fn poll_put_all(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(context)
    }

    /// Ready once a time has come. The connection has one timer, which is only moved when it goes off or is too late, so that a request costs none.
    pub fn poll_until(&mut self, context: &mut Context<'_>, at: Duration) -> Poll<()> {
        loop {
            let (armed, timer) = match &mut self.timer {
                Some((armed, timer)) => (armed, timer),
                none => {
                    let timer = Box::pin(tokio::time::sleep_until(clock::instant(at)));
                    let (armed, timer) = none.insert((at, timer));
                    (armed, timer)
                }
            };
            if *armed > at {
                timer.as_mut().reset(clock::instant(at));
                *armed = at;
            }
            ready!(timer.as_mut().poll(context));
            if clock::now() >= at {
                self.timer = None;
                return Poll::Ready(());
            }
            timer.as_mut().reset(clock::instant(at));
            *armed = at;
        }
    }
}
