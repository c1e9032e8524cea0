//! Requests of users whom this node knows already: another door of it has let them in, and they sign nothing. They are judged, counted and told to
//! access logs as if they had signed.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderValue};
use hyper::{Request, Response};
use s3s::{Body, HttpError};

use super::{Door, trace};
use crate::access::request::Arrived;

/// The user that a request is from. Only this module makes one, so no request of a client's has it.
#[derive(Clone, Debug)]
pub(crate) struct Known(Arc<str>);

impl Known {
    /// The user's name.
    pub(crate) fn user(&self) -> &str {
        &self.0
    }
}

impl Door {
    /// Answers a request of S3's, in path style and without a signature, as `user`, of whom the caller knows that it exists and is enabled.
    ///
    /// # Errors
    /// Nothing that a client could do something about: refusals are answers, as S3 writes them.
    pub async fn answer_known(
        &self,
        user: &str,
        peer: SocketAddr,
        request: Request<Bytes>,
    ) -> Result<Response<Body>, HttpError> {
        let arrived = self.arrived(peer, false);
        let (mut parts, body) = request.into_parts();
        parts.headers.insert(HOST, HeaderValue::from_static("localhost"));
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        let mut request = Request::from_parts(parts, Body::from(body));
        let bucket = request.uri().path().split('/').nth(1).filter(|bucket| !bucket.is_empty());
        let bucket = bucket.map(str::to_owned);
        let trace = trace::Trace::new(&request, &arrived, bucket.as_deref(), trace::OTHER);
        request.extensions_mut().insert::<Arrived>(arrived);
        request.extensions_mut().insert(trace.seen());
        request.extensions_mut().insert(Known(Arc::from(user)));
        let response = self.library.call(request).await?;
        Ok(trace.answer(self, response).map(Body::http_body_unsync))
    }
}
