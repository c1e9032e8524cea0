//! Stored answers, written by the connection itself: their heads and pieces in one go, pieces that are in files without a copy.

use super::{Head, Socket, Transport, Wire};
use bole_cdn::cache::hit::Part;
use bytes::Buf;
use std::fs::File;
use std::io::{self, IoSlice};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

impl Wire {
    /// Whether files can be sent as they are.
    pub const fn takes_files(&self) -> bool {
        matches!(self.transport, Transport::Plain(_))
    }

    /// Answers a request that has no body without showing it to the reader. Each piece must go on within `patience`.
    ///
    /// # Errors
    /// What was not sent whole; nothing can follow it then.
    pub async fn answer(
        &mut self,
        head: &Head,
        fields: &[u8],
        parts: &[Part],
        patience: Duration,
    ) -> io::Result<()> {
        self.ahead.advance(head.end);
        self.searched = 0;
        // Nothing of the answer before is left behind.
        std::future::poll_fn(|context| self.poll_drain(context)).await?;
        let mut slices = vec![IoSlice::new(fields)];
        for part in parts {
            match (&part.file, &self.transport) {
                (Some((file, from)), Transport::Plain(socket)) => {
                    write_plain(socket, &mut slices, patience).await?;
                    slices.clear();
                    send_file(socket, file.file(), (*from, part.bytes.len()), patience).await?;
                }
                _ => slices.push(IoSlice::new(&part.bytes)),
            }
        }
        let mut slices = &mut slices[..];
        while !slices.is_empty() {
            let written = tokio::time::timeout(patience, self.transport.write_vectored(slices)).await??;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            IoSlice::advance_slices(&mut slices, written);
        }
        tokio::time::timeout(patience, self.transport.flush()).await?
    }
}

/// Writes what a file follows.
async fn write_plain(socket: &Socket, mut slices: &mut [IoSlice<'_>], patience: Duration) -> io::Result<()> {
    while !slices.is_empty() {
        let written = tokio::time::timeout(patience, socket.write_plain(slices, true)).await??;
        IoSlice::advance_slices(&mut slices, written);
    }
    Ok(())
}

/// Sends so many bytes of a file.
async fn send_file(
    socket: &Socket,
    file: &File,
    (mut from, mut count): (u64, usize),
    patience: Duration,
) -> io::Result<()> {
    while count > 0 {
        let sent = tokio::time::timeout(patience, socket.send_file(file, from, count)).await??;
        if sent == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        from += sent as u64;
        count -= sent;
    }
    Ok(())
}
