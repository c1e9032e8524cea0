//! A body that says whether anybody asked for it. A client that waits for `100 Continue` sends it only then, or when it likes; an answer that left before
//! cannot tell which.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};

/// The body.
pub(super) struct Asked<B> {
    body: B,
    is_asked: Arc<AtomicBool>,
}

impl<B> Asked<B> {
    /// `is_asked` becomes true with the first look at the body.
    pub(super) const fn new(body: B, is_asked: Arc<AtomicBool>) -> Self {
        Self { body, is_asked }
    }
}

impl<B: Body + Unpin> Body for Asked<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.is_asked.store(true, Ordering::Relaxed);
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
