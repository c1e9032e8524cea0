//! An aws-chunked body on its way to the library, which has each chunk in memory until it compared that with its signature: a chunk is let through once it has its place
//! in the gate for such chunks, and gives it back when the library asks for what comes after it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::bodies::gate::{Gate, Place};
use crate::error::Result;
use crate::protocol::chunked::{Passed, Watch};

type Entering = Pin<Box<dyn Future<Output = Result<Place>> + Send>>;

/// The body.
pub(super) struct Framed<B> {
    body: B,
    watch: Watch,
    gate: Gate,
    /// What came and was not let through yet.
    rest: Bytes,
    /// The place of the chunk that passes.
    place: Option<Place>,
    /// What waits for the place of the chunk that begins.
    entering: Option<Entering>,
    /// What passed last was the end of a chunk.
    is_over: bool,
}

impl<B> Framed<B> {
    pub(super) fn new(body: B, gate: Gate) -> Self {
        let (watch, rest) = (Watch::default(), Bytes::new());
        Self { body, watch, gate, rest, place: None, entering: None, is_over: false }
    }
}

impl<B> Body for Framed<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<s3s::StdError>,
{
    type Data = Bytes;
    type Error = s3s::StdError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if std::mem::take(&mut this.is_over) {
            this.place = None;
        }
        if let Some(entering) = &mut this.entering {
            let place = ready!(entering.as_mut().poll(context));
            this.entering = None;
            match place {
                Ok(place) => this.place = Some(place),
                Err(error) => return Poll::Ready(Some(Err(Box::new(error)))),
            }
        }
        while this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
            }
        }
        let (bytes, passed) = match this.watch.pass(&this.rest) {
            Ok(passed) => passed,
            Err(error) => return Poll::Ready(Some(Err(Box::new(error)))),
        };
        match passed {
            Passed::Begin(size) => {
                let gate = this.gate.clone();
                this.entering = Some(Box::pin(async move { gate.enter(size).await }));
            }
            Passed::End => this.is_over = true,
            Passed::More => {}
        }
        Poll::Ready(Some(Ok(Frame::data(this.rest.split_to(bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;
    use crate::error::{Code, Error};

    type Source = StreamBody<futures_util::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>>>>>;

    /// A body in pieces of `step` bytes.
    fn body(text: &[u8], step: usize) -> Source {
        let pieces = text.chunks(step).map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece))));
        StreamBody::new(futures_util::stream::iter(pieces.collect::<Vec<_>>()))
    }

    fn framed(chunks: &[usize]) -> Vec<u8> {
        let mut out = Vec::new();
        for bytes in chunks {
            out.extend_from_slice(format!("{bytes:x}\r\n").as_bytes());
            out.extend(std::iter::repeat_n(b'7', *bytes));
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"0\r\n\r\n");
        out
    }

    #[tokio::test]
    async fn a_chunk_has_a_place_for_as_long_as_it_passes() {
        let gate = Gate::new(100 << 10, Duration::from_secs(1));
        for step in [1_000, 9_999, 1 << 20] {
            let text = framed(&[10 << 10, 20 << 10, 64 << 10]);
            let mut passing = Framed::new(body(&text, step), gate.clone());
            let (mut came, mut most) = (Vec::new(), 0);
            while let Some(frame) = passing.frame().await {
                came.extend_from_slice(&frame.unwrap().into_data().unwrap());
                most = most.max(gate.used());
            }
            assert_eq!((came == text, most), (true, 64 << 10), "{step}");
            drop(passing);
            assert_eq!(gate.used(), 0, "{step}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_chunk_that_finds_no_place_is_refused() {
        let gate = Gate::new(100 << 10, Duration::from_secs(1));
        let _others = gate.enter(90 << 10).await.unwrap();
        let mut passing = Framed::new(body(&framed(&[5 << 10, 20 << 10]), 1_000), gate);
        let error = loop {
            match passing.frame().await.unwrap() {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.downcast_ref::<Error>().map(|error| error.code), Some(Code::SlowDown));
    }
}
