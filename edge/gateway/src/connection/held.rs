//! Bytes on their way to a client that wait for what is written right behind them: the proxy library writes a head, then a body, and together they are
//! one call to the system, and with TLS one record.
//!
//! Whoever holds bytes back lets them go before it waits for anything: [`Held::poll_drain`] belongs into each read and flush.

use bytes::{Buf, BytesMut};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// Most bytes that wait. More go on at once, and take with them what waited.
const HELD_BYTES_MAX: usize = 16 << 10;
/// Pieces of one call to the system.
const SLICES_MAX: usize = 8;

/// Bytes that wait. It needs no memory when there are none.
#[derive(Debug, Default)]
pub(super) struct Held {
    bytes: BytesMut,
}

impl Held {
    /// Takes bytes, and may keep them. How many of them were taken; as with any write, not all need to be.
    pub(super) fn poll_write<S: AsyncWrite + ?Sized>(
        &mut self,
        mut sink: Pin<&mut S>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wanted: usize = slices.iter().map(|slice| slice.len()).sum();
        if self.bytes.len() + wanted <= HELD_BYTES_MAX {
            slices.iter().for_each(|slice| self.bytes.extend_from_slice(slice));
            return Poll::Ready(Ok(wanted));
        }
        loop {
            let mut all = [IoSlice::new(&[]); SLICES_MAX];
            let others = slices.iter().map(|slice| &**slice);
            let pieces = std::iter::once(&self.bytes[..]).chain(others).filter(|piece| !piece.is_empty());
            let mut count = 0;
            for (place, piece) in all.iter_mut().zip(pieces) {
                *place = IoSlice::new(piece);
                count += 1;
            }
            let written = ready!(sink.as_mut().poll_write_vectored(context, &all[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let waited = self.bytes.len();
            self.forget(written.min(waited));
            if written > waited {
                return Poll::Ready(Ok(written - waited));
            }
        }
    }

    /// Lets go of all that waits.
    pub(super) fn poll_drain<S: AsyncWrite + ?Sized>(
        &mut self,
        mut sink: Pin<&mut S>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.bytes.is_empty() {
            let written = ready!(sink.as_mut().poll_write(context, &self.bytes))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.forget(written);
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn forget(&mut self, written: usize) {
        self.bytes.advance(written);
        if self.bytes.is_empty() {
            // A connection that is kept needs no buffer meanwhile.
            self.bytes = BytesMut::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    /// Takes at most so many bytes a call; counts calls.
    struct Sink {
        at_most: usize,
        got: Vec<u8>,
        calls: usize,
    }

    impl AsyncWrite for Sink {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let this = self.get_mut();
            this.calls += 1;
            let taken = bytes.len().min(this.at_most);
            this.got.extend_from_slice(&bytes[..taken]);
            Poll::Ready(Ok(taken))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let all: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            self.poll_write(context, &all)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Writes pieces of these lengths, then drains; the number of calls to the sink.
    fn calls(lengths: &[usize], at_most: usize) -> usize {
        let (mut held, mut context) = (Held::default(), Context::from_waker(Waker::noop()));
        let mut sink = Sink { at_most, got: Vec::new(), calls: 0 };
        let mut expected = Vec::new();
        for (index, length) in lengths.iter().enumerate() {
            let piece = vec![index as u8; *length];
            let mut left = &piece[..];
            while !left.is_empty() {
                let (one, two) = left.split_at(left.len() / 2);
                let slices = [IoSlice::new(one), IoSlice::new(two)];
                let Poll::Ready(Ok(taken)) = held.poll_write(Pin::new(&mut sink), &mut context, &slices)
                else {
                    panic!("the sink takes bytes");
                };
                assert!(taken > 0);
                left = &left[taken..];
            }
            expected.extend_from_slice(&piece);
        }
        assert!(matches!(held.poll_drain(Pin::new(&mut sink), &mut context), Poll::Ready(Ok(()))));
        assert!(held.is_empty());
        assert_eq!(sink.got, expected, "{lengths:?}");
        sink.calls
    }

    #[test]
    fn all_bytes_come_in_order_in_few_calls() {
        const ALL: usize = usize::MAX;
        for (lengths, at_most, expected) in [
            (&[][..], ALL, 0),
            (&[300, 1024], ALL, 1),
            (&[300, 64 << 10], ALL, 1),
            (&[300, 16 << 10, 5], ALL, 2),
            (&[20 << 10, 20 << 10], ALL, 2),
            (&[300, 1024], 1000, 2),
        ] {
            assert_eq!(calls(lengths, at_most), expected, "{lengths:?}");
        }
        calls(&[300, 40_000, 7, 16_384, 100_000, 1], 999);
    }

    #[test]
    fn a_sink_that_takes_nothing_is_an_error() {
        let (mut held, mut context) = (Held::default(), Context::from_waker(Waker::noop()));
        let mut sink = Sink { at_most: 0, got: Vec::new(), calls: 0 };
        assert!(matches!(
            held.poll_write(Pin::new(&mut sink), &mut context, &[IoSlice::new(b"a")]),
            Poll::Ready(Ok(1))
        ));
        assert!(matches!(held.poll_drain(Pin::new(&mut sink), &mut context), Poll::Ready(Err(_))));
    }
}
