//! Answers of routes with compression, as they are stored: once for each coding that clients get, compressed while they are fetched. A hit costs
//! no compression, and `Accept-Encoding` in its thousand spellings selects among four variants at most.

use crate::compression::{self, Coding, Encoder};
use async_trait::async_trait;
use bole_cdn::{Body, BodyError, Origin, OriginError, Request, Response};
use bole_gateway_document::route::Compression;
use futures_util::StreamExt as _;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use std::io;
use std::sync::Arc;

/// Puts the one coding in place of what a client accepts that it is going to get if the answer can be compressed; nothing if that is none.
pub fn settle(settings: &Compression, fields: &mut HeaderMap) {
    match Coding::chosen(settings, fields) {
        Some(coding) => {
            fields.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        None => {
            fields.remove(header::ACCEPT_ENCODING);
        }
    }
}

/// An origin whose answers are compressed as the request, which was [settled](settle), says.
pub struct Packed {
    /// The service.
    pub inner: Arc<dyn Origin>,
    /// What is compressed.
    pub settings: Compression,
}

#[async_trait]
impl Origin for Packed {
    async fn fetch(&self, request: Request) -> Result<Response, OriginError> {
        let coding = Coding::chosen(&self.settings, request.headers());
        let response = self.inner.fetch(request).await?;
        pack(response, coding, &self.settings).map_err(|error| OriginError(error.to_string()))
    }
}

fn pack(response: Response, coding: Option<Coding>, settings: &Compression) -> io::Result<Response> {
    let (mut head, body) = response.into_parts();
    let unchanged = head.status == StatusCode::NOT_MODIFIED;
    if !unchanged && !compression::fits(settings, head.status, &head.headers) {
        return Ok(Response::from_parts(head, body));
    }
    compression::vary(&mut head.headers);
    let Some(coding) = coding else { return Ok(Response::from_parts(head, body)) };
    if unchanged {
        compression::weaken(&mut head.headers);
        return Ok(Response::from_parts(head, body));
    }
    compression::tell(&mut head.headers, coding);
    // HEAD is told the same as GET.
    let body = if body.is_empty() { body } else { packed(body, Encoder::new(coding)?) };
    Ok(Response::from_parts(head, body))
}

fn packed(body: Body, encoder: Encoder) -> Body {
    let failed = |error: io::Error| BodyError::Origin(format!("it cannot be compressed: {error}"));
    let pieces = futures_util::stream::unfold(Some((body, encoder)), move |state| async move {
        let (mut body, mut encoder) = state?;
        loop {
            match body.next().await {
                Some(Ok(piece)) => match encoder.push(&piece) {
                    Ok(packed) if packed.is_empty() => {}
                    Ok(packed) => return Some((Ok(packed), Some((body, encoder)))),
                    Err(error) => return Some((Err(failed(error)), None)),
                },
                Some(Err(error)) => return Some((Err(error), None)),
                None => return Some((encoder.finish().map_err(failed), None)),
            }
        }
    });
    Body::stream(pieces)
}
