//! Objects that are put by forms. The door reads the form ([`crate::protocol::form`]), checks its policy and signature and asks whether it may be done; what
//! is put then goes the way of any other put.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::sync::Arc;

use hyper::HeaderMap;
use s3s::{S3Request, S3Result, dto, s3_error};

use super::{Answer, objects};
use crate::access::Caller;
use crate::service::Service;

/// Among a request's extensions: its length is a bound, and this is the least.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AtLeast(pub(crate) u64);

/// What a form puts.
pub(crate) struct Post {
    /// Into which bucket.
    pub(crate) bucket: String,
    /// Under which key.
    pub(crate) key: String,
    /// Its fields, as the headers that a put would have.
    pub(crate) headers: HeaderMap,
    /// Metadata of the user's.
    pub(crate) metadata: HashMap<String, String>,
    /// The file.
    pub(crate) body: s3s::Body,
    /// Bytes that it may have, the least and the most.
    pub(crate) length: (u64, u64),
    /// Whom it is from.
    pub(crate) caller: Caller,
}

/// Puts it.
pub(crate) async fn put(service: &Service, post: Post) -> S3Result<dto::PutObjectOutput> {
    let input = dto::PutObjectInput {
        bucket: post.bucket,
        key: post.key,
        metadata: (!post.metadata.is_empty()).then_some(post.metadata),
        content_length: i64::try_from(post.length.1).ok(),
        body: Some(dto::StreamingBlob::from(post.body)),
        ..Default::default()
    };
    let mut extensions = hyper::http::Extensions::new();
    extensions.insert(AtLeast(post.length.0));
    extensions.insert(Arc::new(post.caller));
    let request = S3Request {
        input,
        method: hyper::Method::PUT,
        uri: hyper::Uri::default(),
        headers: post.headers,
        extensions,
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    };
    Ok(objects::put(service, request).await?.output)
}

/// As the library would call it, if it read forms.
pub(super) fn post(_: &Service, _: S3Request<dto::PostObjectInput>) -> Ready<Answer<dto::PostObjectOutput>> {
    ready(Err(s3_error!(InternalError, "a form came by another way than the door")))
}
