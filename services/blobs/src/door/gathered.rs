//! A body that the library has in memory as a whole before its operation begins: an XML document. The access check says of which requests that holds ([`Gathers`]).
//!
//! While such a body arrives, what is longer than [`XML_UNGATED_BYTES_MAX`] has a place among the bodies that do. Before its end is told, so before it is parsed, it has a
//! place for what it may be parsed into, and keeps that as long as its request lasts. Who waits for the second place waits for requests that have all of their bodies: no
//! slow client is waited for, but by those whose documents are long.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use hyper::body::{Body, Frame, SizeHint};

use crate::bodies::gate::{Gate, Place};
use crate::error::{Code, Error, Result};
use crate::limits::{XML_BYTES_MAX, XML_PARSED_FACTOR, XML_UNGATED_BYTES_MAX};

/// Memory of such bodies.
#[derive(Clone, Debug)]
pub(crate) struct Gates {
    /// Of those that arrive.
    pub(crate) arriving: Gate,
    /// Of what they are parsed into.
    pub(crate) parsed: Gate,
}

/// What is known of a request's body: put among its extensions, so that its places last as long as the request.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathers(Arc<Slot>);

#[derive(Debug, Default)]
struct Slot {
    state: AtomicU8,
    places: Mutex<Vec<Place>>,
}

const GATHERED: u8 = 1;
const REFUSED: u8 = 2;

impl Gathers {
    /// The library will have the body in memory as a whole.
    pub(super) fn begin(&self) {
        self.0.state.store(GATHERED, Ordering::Relaxed);
    }

    fn is_gathered(&self) -> bool {
        self.0.state.load(Ordering::Relaxed) != 0
    }

    /// Whether the body found no place in time, which the library tells otherwise.
    pub(super) fn is_refused(&self) -> bool {
        self.0.state.load(Ordering::Relaxed) == REFUSED
    }

    fn take(&self, place: Result<Place>) -> Result<()> {
        match place {
            Ok(place) => {
                self.0.places.lock().unwrap_or_else(PoisonError::into_inner).push(place);
                Ok(())
            }
            Err(error) => {
                self.0.state.store(REFUSED, Ordering::Relaxed);
                Err(error)
            }
        }
    }
}

/// What the client hears of a body that found no place.
pub(super) fn refusal() -> Error {
    Error::new(Code::SlowDown, "Please reduce your request rate.")
}

type Entering = Pin<Box<dyn Future<Output = Result<Place>> + Send>>;

/// Where a body is.
enum Step {
    /// Nobody asked for it.
    New,
    /// It waits for a place to arrive in.
    Entering(Entering),
    Arriving,
    /// All of it came, and it waits for a place to be parsed in.
    Ending(Entering),
    Over,
}

/// The body.
pub(super) struct Gathered<B> {
    body: B,
    gathers: Gathers,
    gates: Gates,
    step: Step,
    /// Bytes that passed.
    passed: u64,
}

fn entering(gate: &Gate, bytes: u64) -> Entering {
    let gate = gate.clone();
    Box::pin(async move { gate.enter(bytes).await })
}

impl<B: Body> Gathered<B> {
    pub(super) const fn new(body: B, gathers: Gathers, gates: Gates) -> Self {
        Self { body, gathers, gates, step: Step::New, passed: 0 }
    }

    fn begin(&mut self) {
        let announced = self.body.size_hint().upper().unwrap_or(XML_BYTES_MAX as u64);
        // What is longer is refused when so much of it came.
        let bytes = announced.min(XML_BYTES_MAX as u64);
        let waits = self.gathers.is_gathered() && bytes > XML_UNGATED_BYTES_MAX;
        self.step =
            if waits { Step::Entering(entering(&self.gates.arriving, bytes)) } else { Step::Arriving };
    }

    fn end(&mut self) {
        let waits = self.gathers.is_gathered() && self.passed > 0;
        let parsed = || entering(&self.gates.parsed, self.passed * XML_PARSED_FACTOR);
        self.step = if waits { Step::Ending(parsed()) } else { Step::Over };
    }
}

impl<B> Body for Gathered<B>
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
        loop {
            match &mut this.step {
                Step::New => this.begin(),
                Step::Entering(entering) => {
                    let place = ready!(entering.as_mut().poll(context));
                    this.step = Step::Arriving;
                    this.gathers.take(place)?;
                }
                Step::Arriving => match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                    None => this.end(),
                    Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                    Some(Ok(frame)) => {
                        this.passed += frame.data_ref().map_or(0, |data| data.remaining() as u64);
                        return Poll::Ready(Some(Ok(frame)));
                    }
                },
                Step::Ending(entering) => {
                    let place = ready!(entering.as_mut().poll(context));
                    this.step = Step::Over;
                    this.gathers.take(place)?;
                }
                Step::Over => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self.step {
            Step::New | Step::Arriving if self.passed == 0 || !self.gathers.is_gathered() => {
                self.body.is_end_stream()
            }
            Step::Over => true,
            _ => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::{BodyExt as _, Full};

    use super::*;

    fn gates() -> Gates {
        let gate = |bytes| Gate::new(bytes, Duration::from_secs(1));
        Gates { arriving: gate(200 << 10), parsed: gate((100 * XML_PARSED_FACTOR) << 10) }
    }

    fn body(bytes: usize, gathers: &Gathers, gates: &Gates) -> Gathered<Full<Bytes>> {
        Gathered::new(Full::new(Bytes::from(vec![b'7'; bytes])), gathers.clone(), gates.clone())
    }

    #[tokio::test]
    async fn places_last_as_long_as_the_request() {
        for (bytes, is_gathered, arriving, parsed) in [
            (0, true, 0, 0),
            (1 << 10, true, 0, XML_PARSED_FACTOR << 10),
            (64 << 10, true, 0, (64 * XML_PARSED_FACTOR) << 10),
            (80 << 10, true, 80 << 10, (80 * XML_PARSED_FACTOR) << 10),
            (80 << 10, false, 0, 0),
        ] {
            let (gathers, gates) = (Gathers::default(), gates());
            if is_gathered {
                gathers.begin();
            }
            let came = body(bytes, &gathers, &gates).collect().await.unwrap().to_bytes();
            assert_eq!(came.len(), bytes);
            assert_eq!((gates.arriving.used(), gates.parsed.used()), (arriving, parsed), "{bytes}");
            drop(gathers);
            assert_eq!((gates.arriving.used(), gates.parsed.used()), (0, 0), "{bytes}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_place_is_refused_and_short_bodies_wait_for_no_long_ones() {
        let gates = gates();
        let slow = gates.arriving.enter(200 << 10).await.unwrap();
        let (short, long) = (Gathers::default(), Gathers::default());
        short.begin();
        long.begin();
        assert!(body(1_000, &short, &gates).collect().await.is_ok());
        let error = body(70 << 10, &long, &gates).collect().await.unwrap_err();
        assert_eq!(error.downcast_ref::<Error>().map(|error| error.code), Some(Code::SlowDown));
        assert!(long.is_refused() && !short.is_refused());
        drop((slow, short));
        let _full = gates.parsed.enter(u64::MAX).await.unwrap();
        let third = Gathers::default();
        third.begin();
        assert!(body(10, &third, &gates).collect().await.is_err() && third.is_refused());
    }

    /// The element that is the shortest for what is made of it. A vector that grows has room for twice as many.
    #[test]
    fn what_is_parsed_takes_no_more_than_is_counted() {
        let size = |bytes: usize, text: &str| 2 * bytes as u64 / text.len() as u64 + 1;
        let parts = size(size_of::<s3s::dto::CompletedPart>(), "<Part/>");
        let grants = size(size_of::<s3s::dto::Grant>(), "<Grant/>");
        let tags = size(size_of::<s3s::dto::Tag>(), "<Tag/>");
        let objects = size(size_of::<s3s::dto::ObjectIdentifier>(), "<Object><Key/></Object>");
        for factor in [parts, grants, tags, objects] {
            assert!(factor < XML_PARSED_FACTOR, "{parts} {grants} {tags} {objects}");
        }
    }
}
