//! Queries by TCP and TLS: each with its length before it (RFC 1035 section 4.2.2, RFC 7766, RFC 7858).

use crate::answer::{Outcome, Transport};
use crate::limits;
use crate::service::Service;
use bole_net::Connection;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};

/// Answers a connection's queries, one after the other, until it ends, is silent for too long, or a stop is asked for.
pub(super) async fn serve(connection: Connection, service: Arc<Service>, transport: Transport) {
    let shutdown = connection.shutdown.clone();
    let result = tokio::select! {
        result = run(connection, service, transport) => result,
        () = shutdown.requested() => Ok(()),
    };
    if let Err(error) = result {
        tracing::debug!("a connection by {} ended: {error}", transport.name());
    }
}

async fn run(connection: Connection, service: Arc<Service>, transport: Transport) -> io::Result<()> {
    let peer = connection.peer;
    let (receiving, sending) = connection.stream.into_split();
    let (mut receiving, mut sending) = (BufReader::new(receiving), BufWriter::new(sending));
    let mut random = service.random();
    let mut message = vec![0_u8; limits::STREAM_QUERY_BYTES_MAX];
    let mut out = Vec::new();
    loop {
        let idle = service.config.idle_timeout;
        let Ok(length) = tokio::time::timeout(idle, read(&mut receiving, &mut message)).await else {
            return Ok(());
        };
        let Some(length) = length? else { return Ok(()) };
        let client = service.client(peer.ip(), transport);
        let content = arc_swap::Guard::into_inner(service.content());
        match service.answer(&content, &message[..length], &client, &mut random, &mut out) {
            Outcome::Sent(_) => send(&mut sending, &out).await?,
            Outcome::Transfer => {
                for part in service.transfer(&content, &message[..length], &client) {
                    send(&mut sending, &part).await?;
                }
            }
            // What is no query ends the connection.
            Outcome::Silent => return sending.flush().await,
        }
        // Answers to queries that came together leave together.
        if receiving.buffer().is_empty() {
            tokio::time::timeout(idle, sending.flush()).await??;
        }
    }
}

/// A message's length, its bytes in `message`; `None` at the end, or if it is too long.
async fn read(receiving: &mut (impl AsyncReadExt + Unpin), message: &mut [u8]) -> io::Result<Option<usize>> {
    let length = match receiving.read_u16().await {
        Ok(length) => length as usize,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(place) = message.get_mut(..length) else { return Ok(None) };
    receiving.read_exact(place).await?;
    Ok(Some(length))
}

async fn send(sending: &mut (impl AsyncWriteExt + Unpin), message: &[u8]) -> io::Result<()> {
    sending.write_u16(message.len() as u16).await?;
    sending.write_all(message).await
}
