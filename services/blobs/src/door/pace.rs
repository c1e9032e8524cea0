//! Cuts off clients that do not read their answers: whoever lets the door wait for a minute and takes less than 256 KiB in that time. Time in which nothing
//! waits to be written does not count.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use crate::limits::{BATCH_BYTES, BATCH_TIMEOUT};

/// A connection whose reader is watched.
pub(super) struct Paced<S> {
    stream: S,
    /// How long the door has waited since the reader's last full batch.
    waited: Duration,
    /// Bytes that the reader has taken since then.
    taken: usize,
    /// While the door waits: since when, and until when it does.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S> Paced<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, waited: Duration::ZERO, taken: 0, waiting: None }
    }

    /// What a write came to: counts bytes or time, and ends the wait when that was too long.
    fn pace(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(written) = written else {
            let left = BATCH_TIMEOUT.saturating_sub(self.waited);
            let (_, end) = self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
            if end.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            let text =
                format!("the client took less than {BATCH_BYTES} bytes of its answer in {BATCH_TIMEOUT:?}");
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, text)));
        };
        if let Some((since, _)) = self.waiting.take() {
            self.waited += since.elapsed();
        }
        if let Ok(bytes) = &written {
            self.taken += bytes;
            if self.taken >= BATCH_BYTES {
                (self.taken, self.waited) = (0, Duration::ZERO);
            }
        }
        Poll::Ready(written)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.pace(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.pace(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    /// Writes 2 MiB to a reader that takes `step` bytes every ten seconds; whether all of it was taken.
    async fn all_is_taken(step: usize) -> bool {
        let (door, mut client) = duplex(64 * 1_024);
        let mut door = Paced::new(door);
        let reader = tokio::spawn(async move {
            let mut buffer = vec![0; step];
            while client.read_exact(&mut buffer).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
        });
        let written = door.write_all(&vec![0; 2 << 20]).await;
        drop(door);
        reader.abort();
        match written {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
                false
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_less_than_a_batch_a_minute_is_cut_off() {
        assert!(!all_is_taken(1 << 10).await);
        assert!(!all_is_taken(30 << 10).await);
        assert!(all_is_taken(64 << 10).await);
    }

    #[tokio::test(start_paused = true)]
    async fn time_between_answers_does_not_count() {
        let (door, mut client) = duplex(1_024);
        let mut door = Paced::new(door);
        for _ in 0..20 {
            let reads = async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                client.read_exact(&mut [0; 2_048]).await
            };
            let (written, read) = tokio::join!(door.write_all(&[0; 2_048]), reads);
            assert!(written.is_ok() && read.is_ok());
            tokio::time::sleep(Duration::from_mins(10)).await;
        }
    }
}
