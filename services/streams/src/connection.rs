//! One connection: frames are read and begun one after the other, and their replies leave in the same order.
//!
//! A produce is begun when its batches are appended, and replied to when they are durable; the next request is begun meanwhile. So one connection
//! can have many batches in one fsync, in the order in which they were sent.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::limits::REPLIES_PER_CONNECTION_MAX;
use crate::metrics::count;
use crate::operations::{self, Begun};
use crate::protocol::Frame;
use crate::service::Service;
use crate::session::{Principal, Session};

/// The least that is read ahead.
const INPUT_BYTES_MIN: usize = 16 << 10;
/// A frame's buffer grows as its bytes arrive, in steps of at most this, whatever its length claims.
const INPUT_BYTES_STEP: usize = 1 << 20;
/// Pieces of a reply that are handed to the socket at once.
const PIECES_MAX: usize = 64;

/// Serves one client until it leaves, is refused, or the service drains. `principal`: who it is, as far as the door knows.
pub async fn serve<R, W>(
    service: Arc<Service>,
    reader: R,
    writer: W,
    (peer, local): (SocketAddr, SocketAddr),
    principal: Principal,
) where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    let _connected = service.connected();
    let session = Arc::new(Session::of(Arc::clone(&service), peer, local, principal));
    let (replies, waiting) = mpsc::channel(REPLIES_PER_CONNECTION_MAX);
    let reading = read(session, reader, replies);
    let writing = write(writer, waiting);
    tokio::pin!(reading, writing);
    // Whoever ends first ends the connection: a reader without more to read lets the writer finish.
    tokio::select! {
        outcome = &mut reading => {
            if let Err(error) = outcome {
                tracing::debug!(%peer, %error, "a client was disconnected");
            }
            let _gone = writing.await;
        }
        _gone = &mut writing => {}
    }
}

/// Why a client is disconnected.
#[derive(Debug, thiserror::Error)]
enum Disconnect {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("a request claims {claimed} bytes; the largest has {max}")]
    TooLarge { claimed: i64, max: usize },
    #[error("{0}")]
    Malformed(String),
    #[error("the client sent nothing for {0} ms")]
    Idle(u64),
}

async fn read<R: AsyncRead + Unpin + Send>(
    session: Arc<Session>,
    mut reader: R,
    replies: mpsc::Sender<Begun>,
) -> Result<(), Disconnect> {
    let service = Arc::clone(&session.service);
    let mut input = BytesMut::with_capacity(INPUT_BYTES_MIN);
    loop {
        // Who used up its quota is not read until it may go on (KIP-219).
        tokio::select! {
            biased;
            () = service.drained() => return Ok(()),
            () = session.throttle.passed() => {}
        }
        let frame = tokio::select! {
            biased;
            () = service.drained() => return Ok(()),
            frame = next_frame(&mut reader, &mut input, &service) => frame?,
        };
        let Some(frame) = frame else { return Ok(()) };
        count(&service.metrics.requests, 1);
        match operations::begin(&session, frame).await {
            Err(reason) => return Err(Disconnect::Malformed(reason)),
            Ok(Begun::Silent) => {}
            Ok(last @ Begun::Last(_)) => {
                let _gone = replies.send(last).await;
                return Ok(());
            }
            Ok(begun) => {
                if replies.send(begun).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// The next frame without its length; `None` at the end of the connection. May be dropped: what was read stays in `input`.
async fn next_frame<R: AsyncRead + Unpin>(
    reader: &mut R,
    input: &mut BytesMut,
    service: &Service,
) -> Result<Option<Bytes>, Disconnect> {
    let max = service.config.request_bytes_max;
    loop {
        if let Some(length) = input.first_chunk::<4>() {
            let claimed = i32::from_be_bytes(*length);
            let length = usize::try_from(claimed).ok().filter(|length| *length <= max);
            let Some(length) = length else {
                return Err(Disconnect::TooLarge { claimed: i64::from(claimed), max });
            };
            if input.len() >= 4 + length {
                input.advance(4);
                return Ok(Some(input.split_to(length).freeze()));
            }
            let missing = 4 + length - input.len();
            input.reserve(missing.clamp(INPUT_BYTES_MIN, INPUT_BYTES_STEP));
        } else {
            input.reserve(INPUT_BYTES_MIN);
        }
        let idle = service.config.idle_ms;
        let reading = reader.read_buf(input);
        let read = if idle == 0 {
            reading.await?
        } else {
            let limited = tokio::time::timeout(Duration::from_millis(idle), reading).await;
            limited.map_err(|_| Disconnect::Idle(idle))??
        };
        if read == 0 {
            return Ok(None);
        }
    }
}

async fn write<W: AsyncWrite + Unpin>(mut writer: W, mut waiting: mpsc::Receiver<Begun>) -> io::Result<()> {
    while let Some(begun) = waiting.recv().await {
        let frame = match begun {
            Begun::Done(frame) | Begun::Last(frame) => frame,
            Begun::Later(reply) => match reply.await {
                Some(frame) => frame,
                None => return Ok(()),
            },
            Begun::Silent => continue,
        };
        send(&mut writer, frame).await?;
        if waiting.is_empty() {
            writer.flush().await?;
        }
    }
    writer.shutdown().await
}

async fn send<W: AsyncWrite + Unpin>(writer: &mut W, frame: Frame) -> io::Result<()> {
    let mut pieces: std::collections::VecDeque<Bytes> = frame.into_chunks().into();
    while !pieces.is_empty() {
        let slices: Vec<IoSlice<'_>> =
            pieces.iter().take(PIECES_MAX).map(|piece| IoSlice::new(piece)).collect();
        let mut written = writer.write_vectored(&slices).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        while let Some(first) = pieces.front_mut().filter(|_| written > 0) {
            let step = written.min(first.len());
            first.advance(step);
            written -= step;
            if first.is_empty() {
                pieces.pop_front();
            }
        }
    }
    Ok(())
}
