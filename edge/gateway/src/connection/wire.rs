//! The bytes of a client's connection, as the proxy library reads them: never more than belongs to the request under way. Heads are
//! scanned before they are shown, bodies are followed to their end; what comes after waits here.

mod answer;
mod lane;

pub use lane::{Lost, poll_send};

use super::body::Body;
use super::client::Exchange;
use super::head::{self, Bounds, Head, Refused};
use super::held::Held;
use super::leave::{Follower, Leaves};
use crate::clock;
use crate::error::Problem;
use async_trait::async_trait;
use bole_net::Stream as Socket;
use bytes::{Buf, BytesMut};
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest,
    UniqueID, UniqueIDType,
};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;

/// Bytes that are read at a time.
const PIECE: usize = 16 << 10;
/// Bytes that are read to see whether the client is still there: mostly nothing comes.
const GLANCE: usize = 1 << 10;
/// Bytes of following requests that are kept; then the connection is not read until the request under way is done.
const AHEAD_MAX: usize = 64 << 10;
/// How long, and for how many bytes, a client that is refused may go on before its connection is closed under it.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 << 10;

/// A connection without or with TLS.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Transport {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

/// What the reader is shown.
#[derive(Debug)]
enum Stage {
    /// All that comes: HTTP/2, and what follows an upgrade.
    Open,
    /// So many bytes of a head that was scanned.
    Head(usize),
    /// What is left of a body.
    Body(Body),
    /// Nothing, until the next request begins.
    Over,
}

/// A client's connection.
#[derive(Debug)]
pub struct Wire {
    transport: Transport,
    /// Came, and was not shown yet.
    ahead: BytesMut,
    searched: usize,
    /// Was written, and waits for more.
    held: Held,
    stage: Stage,
    framing: head::Framing,
    /// The request under way asks for another protocol.
    upgrade: bool,
    exchange: Option<Arc<Exchange>>,
    digest: Option<Arc<ProxyDigest>>,
    timer: Option<(Duration, Pin<Box<Sleep>>)>,
    /// Of HTTP/2.
    follower: Option<Box<Follower>>,
}

/// What comes next on a connection.
#[derive(Debug)]
pub enum Next {
    /// A request.
    Request(Head),
    /// The beginning of HTTP/2.
    Http2,
    /// The client is gone, or silent.
    End,
    /// What is not a request, or came too slowly.
    Refused(Refused),
}

/// What clients of HTTP/2 begin with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl Wire {
    /// A connection of which nothing was read.
    pub fn new(transport: Transport) -> Self {
        Self {
            transport,
            ahead: BytesMut::new(),
            searched: 0,
            held: Held::default(),
            stage: Stage::Over,
            framing: head::Framing::None,
            upgrade: false,
            exchange: None,
            digest: None,
            timer: None,
            follower: None,
        }
    }

    /// Whether the request that was shown last has come whole.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Waits for the next request. `first` is whether it is the first, which may turn out to be HTTP/2.
    pub async fn next(&mut self, bounds: &Bounds, idle: Duration, whole: Duration, first: bool) -> Next {
        self.searched = 0;
        if self.ahead.is_empty() {
            // A connection that waits needs no room for what came before.
            self.ahead = BytesMut::new();
        }
        let mut until = clock::now() + if self.ahead.is_empty() { idle } else { whole };
        let mut began = !self.ahead.is_empty();
        loop {
            if began {
                if first && PREFACE.starts_with(&self.ahead[..self.ahead.len().min(PREFACE.len())]) {
                    if self.ahead.len() >= PREFACE.len() {
                        return Next::Http2;
                    }
                } else {
                    match head::scan(&self.ahead, &mut self.searched, bounds) {
                        Ok(Some(head)) => return Next::Request(head),
                        Ok(None) => {}
                        Err(refused) => return Next::Refused(refused),
                    }
                }
            }
            let before = self.ahead.len();
            match std::future::poll_fn(|context| self.poll_more(context, until)).await {
                Some(Ok(())) if self.ahead.len() > before => {}
                None if began => {
                    let detail = "the head took too long";
                    return Next::Refused(Refused { problem: Problem::HeadTimeout, detail });
                }
                Some(_) | None => return Next::End,
            }
            if !began {
                began = true;
                until = clock::now() + whole;
            }
        }
    }

    /// Reads more of a head; nothing if none of it came in time.
    fn poll_more(&mut self, context: &mut Context<'_>, until: Duration) -> Poll<Option<io::Result<()>>> {
        match self.poll_fill(context, GLANCE) {
            Poll::Ready(read) => Poll::Ready(Some(read)),
            Poll::Pending => self.poll_until(context, until).map(|()| None),
        }
    }

    /// Shows the request that was found to the reader.
    pub fn show(&mut self, head: &Head, exchange: Arc<Exchange>) {
        self.ahead.advance(head.start);
        let mut bytes = head.end - head.start;
        if let Some((from, to)) = head.offer {
            // What is before the line takes its place.
            self.ahead.copy_within(..from, to - from);
            self.ahead.advance(to - from);
            bytes -= to - from;
        }
        self.stage = Stage::Head(bytes);
        self.framing = head.framing;
        self.upgrade = head.upgrade;
        if head.upgrade && self.ahead.len() > bytes {
            exchange.mark_premature();
        }
        self.digest = Some(exchange.digest());
        self.exchange = Some(exchange);
        self.searched = 0;
    }

    /// The bytes of a head that was found, and was not shown yet.
    pub fn found(&self, head: &Head) -> &[u8] {
        &self.ahead[head.start..head.end]
    }

    /// Shows all that comes to the reader, which speaks HTTP/2. Leave that is given goes between what it writes.
    pub fn open(&mut self, leaves: Arc<Leaves>) {
        self.stage = Stage::Open;
        self.follower = Some(Box::new(Follower::new(leaves)));
    }

    /// Answers what is not a request, and closes so that the client can read the answer.
    pub async fn refuse(mut self, refused: Refused) {
        let row = refused.problem.row();
        let body = refused.problem.body(Some(refused.detail), &[]);
        let answer = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            row.status,
            http::StatusCode::from_u16(row.status)
                .ok()
                .and_then(|status| status.canonical_reason())
                .unwrap_or(""),
            body.len(),
        );
        if self.transport.write_all(answer.as_bytes()).await.is_ok() {
            self.linger().await;
        }
    }

    /// Ends the sending side and reads on for a moment: to close a socket with unread bytes would reset it, and the client
    /// would lose the answer.
    pub async fn linger(&mut self) {
        let drained = std::future::poll_fn(|context| self.poll_drain(context)).await;
        if drained.is_err() || self.transport.shutdown().await.is_err() {
            return;
        }
        let mut left = LINGER_BYTES;
        let drain = async {
            while left > 0 {
                self.ahead.clear();
                self.ahead.reserve(PIECE);
                match self.transport.read_buf(&mut self.ahead).await {
                    Ok(read) if read > 0 => left = left.saturating_sub(read),
                    _ => return,
                }
            }
        };
        // A client that neither reads nor closes is not waited for.
        let _ = tokio::time::timeout(LINGER, drain).await;
    }

    /// Fails the read if the deadline of the exchange has passed; arms the timer for it otherwise.
    fn poll_deadline(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let Some(deadline) = self.exchange.as_ref().and_then(|exchange| exchange.deadline()) else {
            return Ok(());
        };
        if self.poll_until(context, deadline).is_pending() {
            return Ok(());
        }
        if let Some(exchange) = &self.exchange {
            exchange.expire();
        }
        Err(io::Error::from(io::ErrorKind::TimedOut))
    }

    fn poll_open(&mut self, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if self.ahead.is_empty() {
            ready!(Pin::new(&mut self.transport).poll_read(context, buf))?;
        } else {
            self.give(buf, usize::MAX);
        }
        if let Some(follower) = &mut self.follower {
            follower.came(&buf.filled()[before..]);
        }
        if let Some(exchange) = &self.exchange {
            exchange.touch();
        }
        Poll::Ready(Ok(()))
    }

    fn give(&mut self, buf: &mut ReadBuf<'_>, at_most: usize) -> usize {
        let given = self.ahead.len().min(buf.remaining()).min(at_most);
        buf.put_slice(&self.ahead[..given]);
        self.ahead.advance(given);
        given
    }

    fn poll_body(
        &mut self,
        mut body: Body,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() && body.left().is_some_and(|left| left > 0) {
            // A body of known length needs no look: it goes where it is wanted.
            let room = body.left().map_or(0, |left| usize::try_from(left).unwrap_or(usize::MAX));
            let room = room.min(buf.remaining()).min(PIECE);
            let mut piece = ReadBuf::new(buf.initialize_unfilled_to(room));
            ready!(Pin::new(&mut self.transport).poll_read(context, &mut piece))?;
            let came = piece.filled().len();
            buf.advance(came);
            body.pass(came as u64);
        } else {
            if self.ahead.is_empty() {
                ready!(self.poll_fill(context, PIECE))?;
                if self.ahead.is_empty() {
                    return Poll::Ready(Ok(()));
                }
            }
            let room = buf.remaining().min(self.ahead.len());
            let given = match body.take(&self.ahead[..room]) {
                Ok(given) => given,
                Err(refused) => return Poll::Ready(Err(self.fault(refused))),
            };
            self.give(buf, given);
        }
        self.stage = if body.is_done() { Stage::Over } else { Stage::Body(body) };
        Poll::Ready(Ok(()))
    }

    fn fault(&self, refused: Refused) -> io::Error {
        if let Some(exchange) = &self.exchange {
            exchange.refuse(refused);
        }
        io::Error::new(io::ErrorKind::InvalidData, refused.detail)
    }

    fn poll_fill(&mut self, context: &mut Context<'_>, room: usize) -> Poll<io::Result<()>> {
        self.ahead.reserve(room);
        let read = std::pin::pin!(self.transport.read_buf(&mut self.ahead));
        ready!(read.poll(context))?;
        Poll::Ready(Ok(()))
    }

    /// The request is whole: nothing more is shown, but a client that goes away is noticed.
    fn poll_over(&mut self, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.exchange.as_ref().is_some_and(|exchange| exchange.is_upgraded()) {
            self.stage = Stage::Open;
            return self.poll_open(context, buf);
        }
        while self.ahead.len() < AHEAD_MAX {
            let before = self.ahead.len();
            ready!(self.poll_fill(context, GLANCE))?;
            if self.ahead.len() == before {
                // A client that sent several requests and then closed its side still waits for their answers.
                return if before == 0 { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            if self.upgrade
                && let Some(exchange) = &self.exchange
            {
                exchange.mark_premature();
            }
        }
        Poll::Pending
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.poll_deadline(context)?;
        // Who reads may have to wait, and what was written must not wait with it.
        if let Poll::Ready(drained) = this.poll_drain(context) {
            drained?;
        }
        if let Poll::Ready(given) = this.poll_leave(context) {
            given?;
        }
        match this.stage {
            Stage::Open => this.poll_open(context, buf),
            Stage::Head(left) => {
                let given = this.give(buf, left);
                let body = Body::new(this.framing);
                this.stage = match left - given {
                    0 if body.is_done() => Stage::Over,
                    0 => Stage::Body(body),
                    left => Stage::Head(left),
                };
                Poll::Ready(Ok(()))
            }
            Stage::Body(body) => this.poll_body(body, context, buf),
            Stage::Over => this.poll_over(context, buf),
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(context, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buf),
        }
    }
}

impl Wire {
    /// Lets go of what waits to be written.
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.held.is_empty() {
            return Poll::Ready(Ok(()));
        }
        ready!(self.held.poll_drain(Pin::new(&mut self.transport), context))?;
        self.wrote();
        // With TLS it may wait there.
        Pin::new(&mut self.transport).poll_flush(context)
    }

    /// Writes the leave that was given on streams of HTTP/2, if it may stand here.
    fn poll_leave(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(follower) = &mut self.follower else { return Poll::Ready(Ok(())) };
        let transport = &mut self.transport;
        let write =
            |context: &mut Context<'_>, bytes: &[u8]| Pin::new(&mut *transport).poll_write(context, bytes);
        if ready!(follower.poll_own(context, write))? {
            return Pin::new(&mut self.transport).poll_flush(context);
        }
        Poll::Ready(Ok(()))
    }

    /// A piece went to the client: a deadline between pieces is put off.
    fn wrote(&self) {
        if let Some(exchange) = &self.exchange {
            exchange.touch();
        }
    }
}

/// An answer that breaks off has come as far as it was written, if the system takes it.
impl Drop for Wire {
    fn drop(&mut self) {
        let _ = self.poll_drain(&mut Context::from_waker(std::task::Waker::noop()));
    }
}

/// HTTP/1 holds back what is written until it is flushed, or the connection is read; HTTP/2 has a buffer of its own.
impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_leave(context))?;
        let transport = Pin::new(&mut this.transport);
        let written = if let Some(follower) = &mut this.follower {
            let written = ready!(transport.poll_write_vectored(context, slices))?;
            let mut left = written;
            for slice in slices {
                let part = left.min(slice.len());
                follower.went(&slice[..part]);
                left -= part;
            }
            written
        } else {
            ready!(this.held.poll_write(transport, context, slices))?
        };
        this.wrote();
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(context))?;
        ready!(this.poll_leave(context))?;
        Pin::new(&mut this.transport).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(context))?;
        Pin::new(&mut this.transport).poll_shutdown(context)
    }
}

/// What a transport writes to.
trait Sink: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Sink for T {}

impl Transport {
    fn sink(&mut self) -> Pin<&mut dyn Sink> {
        match self {
            Self::Plain(socket) => Pin::new(socket),
            Self::Tls(stream) => Pin::new(&mut **stream),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().sink().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().sink().poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().sink().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().sink().poll_shutdown(context)
    }
}

#[async_trait]
impl Shutdown for Wire {
    async fn shutdown(&mut self) {
        self.linger().await;
    }
}

impl UniqueID for Wire {
    fn id(&self) -> UniqueIDType {
        self.exchange.as_ref().map_or(0, |exchange| exchange.client.id as UniqueIDType)
    }
}

impl Ssl for Wire {
    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.follower.is_some().then_some(ALPN::H2)
    }
}

impl GetTimingDigest for Wire {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for Wire {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.digest.clone()
    }
}

impl GetSocketDigest for Wire {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        None
    }
}

impl Peek for Wire {}
