//! Reads of objects as everybody may: for websites, and for a door of another kind on this node that has the client. Whatever a request signs is not looked at:
//! policies, access lists and blocks of public access decide as for any other anonymous request.

use std::net::SocketAddr;

use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, Uri};
use s3s::{Body, HttpError};

use super::{Door, trace};
use crate::access::request::Arrived;
use crate::rules::names;

/// Headers of a request that its object's GET has as well.
const PASSED: [&str; 8] = [
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "origin",
    "range",
    "referer",
    "user-agent",
];

/// What is read, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// GET or HEAD.
    pub method: &'a Method,
    /// The bucket.
    pub bucket: &'a str,
    /// The key of its object.
    pub key: &'a str,
    /// Of the client's request; conditions and range count.
    pub headers: &'a HeaderMap,
    /// Where the client is.
    pub peer: SocketAddr,
    /// Whether its connection is encrypted.
    pub is_secure: bool,
}

/// The request for an object.
pub(super) fn request(
    (method, bucket, key): (&Method, &str, &str),
    headers: &HeaderMap,
) -> Result<Request<Body>, HttpError> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method.clone();
    let target = format!("/{bucket}/{}", names::url_encode(key));
    // What is encoded is a path.
    *request.uri_mut() = target.parse::<Uri>().map_err(|error| HttpError::new(Box::new(error)))?;
    request.headers_mut().insert("host", HeaderValue::from_static("localhost"));
    for name in PASSED {
        if let Some(value) = headers.get(name) {
            request.headers_mut().insert(HeaderName::from_static(name), value.clone());
        }
    }
    Ok(request)
}

impl Door {
    /// Reads an object as everybody may. It is counted, and told to the bucket's access log, as any other request.
    ///
    /// # Errors
    /// Nothing that a client could do something about: refusals are answers, as S3 writes them.
    pub async fn read_for_anybody(&self, ask: Ask<'_>) -> Result<Response<Body>, HttpError> {
        let arrived = self.arrived(ask.peer, ask.is_secure);
        let mut request = request((ask.method, ask.bucket, ask.key), ask.headers)?;
        let trace = trace::Trace::new(&request, &arrived, Some(ask.bucket), trace::OTHER);
        request.extensions_mut().insert::<Arrived>(arrived);
        request.extensions_mut().insert(trace.seen());
        let response = self.library.call(request).await?;
        Ok(trace.answer(self, response).map(Body::http_body_unsync))
    }
}
