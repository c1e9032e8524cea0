//! A request at an instance: its body goes there while the answer comes back. Whoever cannot take more stops whoever sends; nothing but one piece in
//! each direction is held.
//!
//! One task polls both directions, so there are no locks and no channels: what is dropped takes the instance's connection with it, and an instance
//! whose client left hears of it by that.

use super::out::Out;
use super::reply::{self, Ends, Reply};
use super::upload::{Trouble, Upload, Waits};
use crate::clock;
use crate::connection::body::Body;
use crate::connection::head::{Framing, Refused};
use crate::connection::wire::{Wire, poll_send};
use crate::error::Problem;
use bytes::{Buf, BytesMut};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Room for the head of an answer and the begin of its body.
const HEAD_ROOM: usize = 8 << 10;
/// Most bytes of an answer's body that are read at a time.
const PIECE: usize = 64 << 10;
/// Informational answers before the answer.
pub const INFORMATIONAL_MAX: usize = 16;

/// How long each step may take.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When all of it must be over.
    pub last: Option<Duration>,
    /// From the request's end to the answer's head.
    pub first_byte: Duration,
    /// Between two pieces of the answer.
    pub read: Duration,
    /// Until the instance takes the next piece of the request.
    pub write: Duration,
    /// Between two pieces of the request's body.
    pub body: Duration,
    /// Until the client takes the next piece of the answer.
    pub take: Duration,
}

/// What is left of an answer's body.
#[derive(Debug)]
enum Left {
    None,
    Length(u64),
    Chunked(Body),
    Closed,
}

/// A request at an instance.
#[derive(Debug)]
pub struct Relay<'a> {
    wire: &'a mut Wire,
    stream: TcpStream,
    up: &'a mut Upload,
    times: Times,
    bodyless: bool,
    /// What the instance sent, and was not passed on yet.
    came: BytesMut,
    searched: usize,
    out: Out,
    left: Left,
    /// Bytes of the answer's body at most.
    most: Option<u64>,
    got: u64,
    /// Bytes of the answer's body that the client has.
    pub told: u64,
    /// Something of the answer is with the client.
    pub begun: bool,
    /// Something came that is not part of the answer.
    stray: bool,
    since: Duration,
    waits: Waits,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Head,
    Body,
    Upload,
}

impl<'a> Relay<'a> {
    /// At the other end of `stream`. `bodyless`: the request is `HEAD`.
    pub fn new(
        wire: &'a mut Wire,
        stream: TcpStream,
        up: &'a mut Upload,
        (times, bodyless): (Times, bool),
    ) -> Self {
        let came = BytesMut::with_capacity(HEAD_ROOM);
        let since = up.since;
        Self {
            wire,
            stream,
            up,
            times,
            bodyless,
            came,
            searched: 0,
            out: Out::default(),
            left: Left::None,
            most: None,
            got: 0,
            told: 0,
            begun: false,
            stray: false,
            since,
            waits: Waits::Instance,
        }
    }

    /// Sends the request until the head of an answer comes.
    ///
    /// # Errors
    /// Whatever hinders it, on either side.
    pub async fn head(&mut self) -> Result<Reply, Trouble> {
        poll_fn(|context| {
            let sent = self.poll_up(context)?;
            if let Poll::Ready(reply) = self.poll_reply(context) {
                return Poll::Ready(reply);
            }
            if sent.is_ready() && self.wire.poll_gone(context).is_ready() {
                return Poll::Ready(Err(Problem::ClientGone.into()));
            }
            self.poll_due(context, Phase::Head).map(|trouble| Err(trouble.into()))
        })
        .await
    }

    /// Passes on an informational answer (RFC 9110, section 15.2).
    ///
    /// # Errors
    /// The client does not take it.
    pub async fn inform(&mut self, head: Vec<u8>) -> Result<(), Trouble> {
        self.out.front = head;
        (self.since, self.left) = (clock::now(), Left::None);
        self.answered().await
    }

    /// Passes on an answer: its head as the client sees it, and its body, of at most `most` bytes.
    ///
    /// # Errors
    /// What it breaks off for.
    pub async fn answer(&mut self, head: Vec<u8>, ends: Ends, most: Option<u64>) -> Result<(), Trouble> {
        self.out.front = head;
        self.since = clock::now();
        self.most = most;
        self.left = match ends {
            Ends::At => Left::None,
            Ends::Length(length) => Left::Length(length),
            Ends::Chunked => Left::Chunked(Body::new(Framing::Chunked)),
            Ends::Closed => Left::Closed,
        };
        if matches!(self.left, Left::None) {
            self.stray = !self.came.is_empty();
        }
        self.answered().await
    }

    async fn answered(&mut self) -> Result<(), Trouble> {
        poll_fn(|context| {
            let sent = self.poll_up(context)?;
            if let Poll::Ready(done) = self.poll_down(context) {
                return Poll::Ready(done);
            }
            if sent.is_ready() && self.wire.poll_gone(context).is_ready() {
                return Poll::Ready(Err(Problem::ClientGone.into()));
            }
            self.poll_due(context, Phase::Body).map(|trouble| Err(trouble.into()))
        })
        .await
    }

    /// The rest of a body whose answer is over.
    ///
    /// # Errors
    /// It does not come, or is not one.
    pub async fn rest(&mut self) -> Result<(), Trouble> {
        poll_fn(|context| match self.poll_up(context)? {
            Poll::Ready(()) => Poll::Ready(Ok(())),
            Poll::Pending => self.poll_due(context, Phase::Upload).map(|trouble| Err(trouble.into())),
        })
        .await
    }

    /// Whether all that has come of the request's body could be sent once more.
    pub fn is_whole(&self) -> bool {
        self.up.is_whole()
    }

    /// The connection, if another request may follow on it.
    pub fn into_quiet(self) -> Option<TcpStream> {
        (self.up.is_done() && !self.stray).then_some(self.stream)
    }

    /// Sends what there is of the request. Ready when the instance has all of it, or takes no more: then its answer may still come.
    fn poll_up(&mut self, context: &mut Context<'_>) -> Result<Poll<()>, Trouble> {
        let up = &mut *self.up;
        while up.ended.is_none() {
            if !up.over && up.out.has_room() {
                match self.wire.poll_data(context, &mut up.piece) {
                    Poll::Ready(came) => {
                        came?;
                        up.since = clock::now();
                        up.took(self.wire.is_over())?;
                    }
                    Poll::Pending if up.out.is_empty() => {
                        up.waits = Waits::Client;
                        return Ok(Poll::Pending);
                    }
                    Poll::Pending => {}
                }
            }
            if up.out.is_empty() {
                if up.over {
                    up.ended = Some(clock::now());
                }
                continue;
            }
            let (pieces, count) = up.out.pieces(&up.piece);
            match poll_send(Pin::new(&mut self.stream), context, &pieces[..count]) {
                Poll::Ready(Ok(sent)) if sent > 0 => {
                    up.out.sent(sent, &mut up.piece);
                    if !up.over {
                        up.since = clock::now();
                    }
                }
                Poll::Ready(_) => (up.broken, up.ended) = (true, Some(clock::now())),
                Poll::Pending => {
                    up.waits = Waits::Instance;
                    return Ok(Poll::Pending);
                }
            }
        }
        Ok(Poll::Ready(()))
    }

    fn poll_reply(&mut self, context: &mut Context<'_>) -> Poll<Result<Reply, Trouble>> {
        loop {
            if self.came.len() > self.searched {
                match reply::scan(&self.came, &mut self.searched, self.bodyless) {
                    Ok(Some(reply)) => {
                        self.came.advance(reply.size);
                        self.searched = 0;
                        return Poll::Ready(Ok(reply));
                    }
                    Ok(None) => {}
                    Err(refused) => {
                        tracing::debug!("no answer: {}", refused.detail);
                        return Poll::Ready(Err(refused.problem.into()));
                    }
                }
            }
            if ready!(self.poll_read(context, HEAD_ROOM)) == 0 {
                return Poll::Ready(Err(Problem::UpstreamClosed.into()));
            }
        }
    }

    /// Reads from the instance; 0 at the end, however it came about.
    fn poll_read(&mut self, context: &mut Context<'_>, room: usize) -> Poll<usize> {
        if self.came.capacity() - self.came.len() < room / 2 {
            self.came.reserve(room);
        }
        pin!(self.stream.read_buf(&mut self.came)).poll(context).map(|read| read.unwrap_or(0))
    }

    /// Passes on what there is of the answer. Ready when the client has all of it.
    fn poll_down(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Trouble>> {
        loop {
            if !matches!(self.left, Left::None) && self.out.has_room() {
                match self.poll_more(context)? {
                    Poll::Pending if self.out.is_empty() => {
                        self.waits = Waits::Instance;
                        // With TLS something may wait there, and nobody knows when more follows.
                        return match self.wire.poll_put_all(context) {
                            Poll::Ready(Err(_)) => Poll::Ready(Err(Problem::ClientGone.into())),
                            _ => Poll::Pending,
                        };
                    }
                    _ => {}
                }
            }
            if self.out.is_empty() {
                if matches!(self.left, Left::None) {
                    let all = ready!(self.wire.poll_put_all(context));
                    return Poll::Ready(all.map_err(|_| Problem::ClientGone.into()));
                }
                continue;
            }
            let (pieces, count) = self.out.pieces(&self.came);
            match self.wire.poll_put(context, &pieces[..count]) {
                Poll::Ready(Ok(sent)) if sent > 0 => {
                    self.begun = true;
                    self.told += self.out.sent(sent, &mut self.came) as u64;
                    if !matches!(self.left, Left::None) || !self.out.is_empty() {
                        self.since = clock::now();
                    }
                }
                Poll::Ready(_) => return Poll::Ready(Err(Problem::ClientGone.into())),
                Poll::Pending => {
                    self.waits = Waits::Client;
                    return Poll::Pending;
                }
            }
        }
    }

    /// Gets a piece of the answer's body, or its end.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Result<Poll<()>, Trouble> {
        loop {
            if !self.came.is_empty() && self.frame()? {
                return Ok(Poll::Ready(()));
            }
            let room = match self.left {
                Left::Length(left) => usize::try_from(left).unwrap_or(PIECE).clamp(HEAD_ROOM, PIECE),
                _ => HEAD_ROOM * 2,
            };
            match self.poll_read(context, room) {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(0) if matches!(self.left, Left::Closed) => {
                    self.left = Left::None;
                    self.out.chunk(0, true);
                    return Ok(Poll::Ready(()));
                }
                Poll::Ready(0) => return Err(Problem::UpstreamClosed.into()),
                Poll::Ready(_) => {}
            }
        }
    }

    /// Puts what came of the body into the form that the client gets. `false`: there was no data in it.
    fn frame(&mut self) -> Result<bool, Trouble> {
        let came = self.came.len();
        let data = match &mut self.left {
            Left::None => 0,
            Left::Length(left) => {
                let data = usize::try_from(*left).unwrap_or(usize::MAX).min(came);
                *left -= data as u64;
                data
            }
            Left::Chunked(body) => gather(body, &mut self.came, &mut self.stray).map_err(|refused| {
                tracing::debug!("no body: {}", refused.detail);
                Trouble::from(Problem::UpstreamGarbage)
            })?,
            Left::Closed => came,
        };
        self.got += data as u64;
        if self.most.is_some_and(|most| self.got > most) {
            return Err(Problem::ResponseTooLarge.into());
        }
        match &self.left {
            Left::None => {}
            Left::Length(left) => {
                let over = *left == 0;
                self.out.plain(data);
                self.stray |= self.came.len() > data;
                if over {
                    self.left = Left::None;
                }
            }
            Left::Chunked(body) => {
                let over = body.is_done();
                self.out.chunk(data, over);
                if over {
                    self.left = Left::None;
                }
            }
            Left::Closed => self.out.chunk(data, false),
        }
        Ok(data > 0 || matches!(self.left, Left::None))
    }

    /// When something is overdue, and what that means.
    fn due(&self, phase: Phase) -> (Duration, Problem) {
        let up = self.up.ended.is_none().then(|| match self.up.waits {
            Waits::Client => (self.up.since + self.times.body, Problem::BodyTimeout),
            Waits::Instance => (self.up.since + self.times.write, Problem::WriteTimeout),
        });
        let down = match (phase, self.waits, self.up.ended) {
            (Phase::Head, _, Some(ended)) => Some((ended + self.times.first_byte, Problem::FirstByteTimeout)),
            (Phase::Body, Waits::Client, _) => Some((self.since + self.times.take, Problem::ClientGone)),
            (Phase::Body, Waits::Instance, _) => Some((self.since + self.times.read, Problem::ReadTimeout)),
            _ => None,
        };
        let last = self.times.last.map(|last| (last, Problem::TotalTimeout));
        let all = [last, up, down].into_iter().flatten();
        all.min_by_key(|(at, _)| *at).unwrap_or((Duration::MAX, Problem::Internal))
    }

    fn poll_due(&mut self, context: &mut Context<'_>, phase: Phase) -> Poll<Problem> {
        let (at, problem) = self.due(phase);
        if at == Duration::MAX {
            return Poll::Pending;
        }
        self.wire.poll_until(context, at).map(|()| problem)
    }
}

/// Brings the data of chunks together at the front of what came, and takes out what framed it. `stray`: something stands behind the last chunk.
fn gather(body: &mut Body, came: &mut BytesMut, stray: &mut bool) -> Result<usize, Refused> {
    let (mut data, mut at) = (0, 0);
    loop {
        let range = body.data(&came[at..])?;
        if range.is_empty() {
            *stray |= at + range.start < came.len();
            came.truncate(data);
            return Ok(data);
        }
        let (start, end) = (at + range.start, at + range.end);
        if data == 0 {
            came.advance(start);
            (data, at) = (end - start, end - start);
        } else {
            came.copy_within(start..end, data);
            (data, at) = (data + end - start, end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_brought_together() {
        let text = "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nT: x\r\n\r\n";
        for (more, expected) in [("", false), ("HTTP/1.1 200", true)] {
            let whole = format!("{text}{more}");
            for cut in 0..=text.len() {
                let (mut body, mut stray, mut all) = (Body::new(Framing::Chunked), false, Vec::new());
                for piece in [&whole.as_bytes()[..cut], &whole.as_bytes()[cut..]] {
                    let mut came = BytesMut::from(piece);
                    let data = gather(&mut body, &mut came, &mut stray).expect("chunks");
                    assert_eq!(came.len(), data);
                    all.extend_from_slice(&came);
                }
                assert_eq!((&all[..], body.is_done()), (&b"abcdefg"[..], true), "{cut}");
                assert_eq!(stray, expected, "{cut}");
            }
        }
        let mut came = BytesMut::from(&b"3\r\nabcd\r\n"[..]);
        assert!(gather(&mut Body::new(Framing::Chunked), &mut came, &mut false).is_err());
    }
}
