//! The client's side of a request of the gateway's own.

use crate::connection::client::Exchange;
use async_trait::async_trait;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest,
    UniqueID, UniqueIDType,
};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection of which only the head of one request ever comes.
#[derive(Debug)]
pub(super) struct Written {
    bytes: io::Cursor<Vec<u8>>,
    digest: Arc<ProxyDigest>,
}

impl Written {
    pub(super) fn new(head: Vec<u8>, exchange: &Arc<Exchange>) -> Self {
        Self { bytes: io::Cursor::new(head), digest: exchange.digest() }
    }
}

impl AsyncRead for Written {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.bytes.position() < self.bytes.get_ref().len() as u64 {
            Pin::new(&mut self.bytes).poll_read(task, buf)
        } else {
            Poll::Pending
        }
    }
}

impl AsyncWrite for Written {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[async_trait]
impl Shutdown for Written {
    async fn shutdown(&mut self) {}
}

impl UniqueID for Written {
    fn id(&self) -> UniqueIDType {
        0
    }
}

impl Ssl for Written {}

impl GetTimingDigest for Written {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for Written {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        Some(self.digest.clone())
    }
}

impl GetSocketDigest for Written {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        None
    }
}

impl Peek for Written {}
