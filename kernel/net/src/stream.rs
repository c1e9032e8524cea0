//! A connection's bytes, plain or through TLS, counted. The plain path is the socket itself: one branch, no buffer.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_rustls::server::TlsStream;

use crate::error;
use crate::line::Line;
use crate::metrics::{Counter, ServiceMetrics};
use crate::tls::Tls;

type Secured = TlsStream<TcpStream>;

/// Both directions of a connection.
#[derive(Debug)]
pub struct Stream {
    transport: Transport<TcpStream, Box<Secured>>,
    received: Counter,
    sent: Counter,
}

/// The receiving direction of a [`Stream`].
#[derive(Debug)]
pub struct Receiving {
    transport: Transport<OwnedReadHalf, tokio::io::ReadHalf<Box<Secured>>>,
    received: Counter,
}

/// The sending direction of a [`Stream`]. Shutting it down ends the direction; dropping both halves closes.
#[derive(Debug)]
pub struct Sending {
    transport: Transport<OwnedWriteHalf, tokio::io::WriteHalf<Box<Secured>>>,
    sent: Counter,
}

#[derive(Debug)]
enum Transport<P, T> {
    Plain(P),
    Tls(T),
}

impl Stream {
    /// A socket without TLS whose bytes are counted for a service.
    pub fn plain(socket: TcpStream, metrics: &ServiceMetrics) -> Self {
        let (received, sent) = (metrics.bytes_in.clone(), metrics.bytes_out.clone());
        Self { transport: Transport::Plain(socket), received, sent }
    }

    pub(crate) fn counted(socket: TcpStream, (received, sent): (Counter, Counter)) -> Self {
        Self { transport: Transport::Plain(socket), received, sent }
    }

    /// Takes a plain connection away from the runtime, for a thread whose reads and writes block for `patience` at most. One that is
    /// secured is given back as it is. Inner errors: the system's; the connection is gone.
    pub fn into_line(self, patience: Duration) -> Result<io::Result<Line>, Self> {
        match self.transport {
            Transport::Plain(socket) => {
                let socket = socket.into_std();
                Ok(socket.and_then(|socket| Line::new(socket, patience, (self.received, self.sent))))
            }
            secured @ Transport::Tls(_) => Err(Self { transport: secured, ..self }),
        }
    }

    /// Continues with TLS, for protocols that ask for it in clear first. Waits for the client's handshake as long as
    /// `tls` allows. A stream that is secured already is returned as it is.
    pub async fn secure(self, tls: &Tls) -> error::Result<Self> {
        let transport = match self.transport {
            Transport::Plain(socket) => Transport::Tls(Box::new(tls.accept(socket).await?)),
            secured @ Transport::Tls(_) => secured,
        };
        Ok(Self { transport, received: self.received, sent: self.sent })
    }

    /// Writes as much as the socket takes now, or waits for room; how much. `more`: more follows at once, and the system may wait for it before it sends.
    /// A stream without TLS only.
    ///
    /// # Errors
    /// `Unsupported` with TLS; else the system's. Cancel safe: what was taken is known.
    pub async fn write_plain(&self, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        const MORE: i32 = 0x8000;
        let socket = self.socket()?;
        let flags = if more { MORE } else { 0 };
        let send = || SockRef::from(socket).send_vectored_with_flags(slices, flags);
        self.count(socket.async_io(Interest::WRITABLE, send).await)
    }

    /// Sends part of a file from a place on, without a copy in this process (`sendfile(2)`): at most `count` bytes; how many. Zero: the file ends there.
    /// The file must not change before the peer has all of it. A stream without TLS only.
    ///
    /// # Errors
    /// `Unsupported` with TLS; else the system's. Cancel safe: what was sent is known.
    pub async fn send_file(&self, file: impl AsFd, mut from: u64, count: usize) -> io::Result<usize> {
        let socket = self.socket()?;
        let mut send = || Ok(rustix::fs::sendfile(socket, &file, Some(&mut from), count)?);
        self.count(socket.async_io(Interest::WRITABLE, &mut send).await)
    }

    fn socket(&self) -> io::Result<&TcpStream> {
        match &self.transport {
            Transport::Plain(socket) => Ok(socket),
            Transport::Tls(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn count(&self, written: io::Result<usize>) -> io::Result<usize> {
        if let Ok(written) = written {
            self.sent.add(written as u64);
        }
        written
    }

    /// Whether the bytes travel through TLS.
    pub const fn is_secured(&self) -> bool {
        matches!(self.transport, Transport::Tls(_))
    }

    /// The client's own certificate, verified, if it presented one.
    pub fn client_certificate(&self) -> Option<&CertificateDer<'static>> {
        match &self.transport {
            Transport::Plain(_) => None,
            Transport::Tls(secured) => secured.get_ref().1.peer_certificates()?.first(),
        }
    }

    /// Two halves that may live in different tasks.
    pub fn into_split(self) -> (Receiving, Sending) {
        let (received, sent) = (self.received, self.sent);
        let (reader, writer) = match self.transport {
            Transport::Plain(socket) => {
                let (reader, writer) = socket.into_split();
                (Transport::Plain(reader), Transport::Plain(writer))
            }
            Transport::Tls(secured) => {
                let (reader, writer) = tokio::io::split(secured);
                (Transport::Tls(reader), Transport::Tls(writer))
            }
        };
        (Receiving { transport: reader, received }, Sending { transport: writer, sent })
    }
}

impl<P: AsyncRead + Unpin, T: AsyncRead + Unpin> Transport<P, T> {
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        received: &Counter,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(match self {
            Self::Plain(plain) => pin!(plain).poll_read(cx, buf),
            Self::Tls(secured) => pin!(secured).poll_read(cx, buf),
        })?;
        received.add((buf.filled().len() - before) as u64);
        Poll::Ready(Ok(()))
    }
}

impl<P: AsyncWrite + Unpin, T: AsyncWrite + Unpin> Transport<P, T> {
    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8], sent: &Counter) -> Poll<io::Result<usize>> {
        let written = ready!(match self {
            Self::Plain(plain) => pin!(plain).poll_write(cx, bytes),
            Self::Tls(secured) => pin!(secured).poll_write(cx, bytes),
        })?;
        sent.add(written as u64);
        Poll::Ready(Ok(written))
    }

    fn write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        sent: &Counter,
    ) -> Poll<io::Result<usize>> {
        let written = ready!(match self {
            Self::Plain(plain) => pin!(plain).poll_write_vectored(cx, slices),
            Self::Tls(secured) => pin!(secured).poll_write_vectored(cx, slices),
        })?;
        sent.add(written as u64);
        Poll::Ready(Ok(written))
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(plain) => pin!(plain).poll_flush(cx),
            Self::Tls(secured) => pin!(secured).poll_flush(cx),
        }
    }

    fn shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(plain) => pin!(plain).poll_shutdown(cx),
            Self::Tls(secured) => pin!(secured).poll_shutdown(cx),
        }
    }

    fn is_vectored(&self) -> bool {
        match self {
            Self::Plain(plain) => plain.is_write_vectored(),
            Self::Tls(secured) => secured.is_write_vectored(),
        }
    }
}

macro_rules! read_through_transport {
    ($($half:ty),*) => {$(
        impl AsyncRead for $half {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let this = self.get_mut();
                this.transport.read(cx, buf, &this.received)
            }
        }
    )*};
}

macro_rules! write_through_transport {
    ($($half:ty),*) => {$(
        impl AsyncWrite for $half {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                let this = self.get_mut();
                this.transport.write(cx, bytes, &this.sent)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                slices: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let this = self.get_mut();
                this.transport.write_vectored(cx, slices, &this.sent)
            }

            fn is_write_vectored(&self) -> bool {
                self.transport.is_vectored()
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.get_mut().transport.flush(cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.get_mut().transport.shutdown(cx)
            }
        }
    )*};
}

read_through_transport!(Stream, Receiving);
write_through_transport!(Stream, Sending);
