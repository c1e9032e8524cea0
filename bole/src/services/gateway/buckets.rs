//! What routes of the gateway show of buckets: the blobs' own reads, as an anonymous client of S3 has them.

use async_trait::async_trait;
use bole_blobs::door::{Door, anybody};
use bole_cdn::{Body, BodyError, Response};
use bole_gateway::bucket::{Ask, Objects};
use futures_util::TryStreamExt as _;
use http_body_util::BodyExt as _;

/// The buckets of this node.
pub(super) struct Buckets(pub(super) Door);

#[async_trait]
impl Objects for Buckets {
    async fn read(&self, ask: Ask<'_>) -> Result<Response, String> {
        let Ask { method, bucket, key, headers, client, secured } = ask;
        let ask = anybody::Ask { method, bucket, key, headers, peer: client, is_secure: secured };
        let read = self.0.read_for_anybody(ask).await.map_err(|error| format!("{error:?}"))?;
        let (head, body) = read.into_parts();
        let is_read = head.status.is_success() && *method != hyper::Method::HEAD;
        let body = if is_read {
            let pieces = body.into_data_stream();
            Body::stream(pieces.map_err(|error| BodyError::Origin(error.to_string())))
        } else {
            // What S3 writes of its refusals is for its own clients.
            Body::empty()
        };
        Ok(Response::from_parts(head, body))
    }
}
