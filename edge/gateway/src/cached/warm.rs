//! Requests that the gateway makes to itself, so that answers are stored before anybody asks for them. They go the way of any client's request: route,
//! limits, collapsing, shields, and are logged and counted; whoever needs a login is refused.

use crate::connection::client::{Client, TlsFacts};
use crate::inner::{self, Engine, Question};
use bole_cdn::Response;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Uri};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warmed {
    /// The status.
    pub status: u16,
    /// What the cache says of it; `None`: the answer did not come from a route that stores.
    pub cache_status: Option<String>,
    /// Bytes of the body.
    pub bytes: u64,
    /// The first bytes of the body, as many as were asked for.
    pub body: Bytes,
}

/// Why a URL could not be asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is no absolute URL of HTTP.
    #[error("{0:?} is no URL; write http://host/path or https://host/path")]
    Url(String),
    /// The answer did not come, or broke off.
    #[error("no whole answer: {0}")]
    Answer(String),
}

/// Makes such requests.
#[derive(Clone)]
pub struct Warmer(pub(crate) Arc<Engine>);

impl Warmer {
    /// Asks for a URL with this `Accept-Encoding`, if any, and reads the answer to its end; of its body at most `keep` bytes are kept.
    ///
    /// # Errors
    /// It is no URL, or there is no whole answer.
    pub async fn get(
        &self,
        url: &str,
        accept_encoding: Option<&str>,
        keep: usize,
    ) -> Result<Warmed, Problem> {
        let response = ask(&self.0, &Method::GET, url, accept_encoding, Purpose::WarmUp).await?;
        let (parts, mut body) = response.into_parts();
        let mut warmed = Warmed {
            status: parts.status.as_u16(),
            cache_status: parts
                .headers
                .get("cache-status")
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
            bytes: 0,
            body: Bytes::new(),
        };
        let mut kept = BytesMut::new();
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| Problem::Answer(error.to_string()))?;
            warmed.bytes += piece.len() as u64;
            kept.extend_from_slice(&piece[..piece.len().min(keep - kept.len())]);
        }
        warmed.body = kept.freeze();
        Ok(warmed)
    }

    /// Asks for the head of what was stored just now. So it was asked for twice, and the disk takes it in (`bole_cdn::Admission`).
    ///
    /// # Errors
    /// As [`Warmer::get`].
    pub async fn again(&self, url: &str, accept_encoding: Option<&str>) -> Result<(), Problem> {
        ask(&self.0, &Method::HEAD, url, accept_encoding, Purpose::WarmUp).await.map(drop)
    }
}

/// Why the gateway makes a request to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Somebody asked for it.
    WarmUp,
    /// An answer named it as needed next.
    Prefetch,
}

/// Makes a request as a client would.
pub(super) async fn ask(
    engine: &Engine,
    method: &Method,
    url: &str,
    accept_encoding: Option<&str>,
    purpose: Purpose,
) -> Result<Response, Problem> {
    let bad = || Problem::Url(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| bad())?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(bad)?;
    let tls = match uri.scheme_str() {
        Some("http") => None,
        Some("https") => {
            let server_name = Some(authority.host().to_ascii_lowercase());
            Some(TlsFacts { server_name, version: "own", certificate: None })
        }
        _ => return Err(bad()),
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let is_prefetch = purpose == Purpose::Prefetch;
    let client = Client { address, local: address, trusted: false, tls, id: 0, is_prefetch };
    let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let mut fields = HeaderMap::new();
    let agent = if is_prefetch { "bole-prefetch" } else { "bole-warm" };
    fields.insert(header::USER_AGENT, HeaderValue::from_static(agent));
    if let Some(accept) = accept_encoding {
        let value = HeaderValue::from_str(accept)
            .map_err(|_| Problem::Answer(format!("{accept:?} is no value of Accept-Encoding")))?;
        fields.insert(header::ACCEPT_ENCODING, value);
    }
    let question = Question::new(method, target, authority.as_str(), &fields, Bytes::new());
    let engine = engine.get().and_then(std::sync::Weak::upgrade);
    let engine = engine.ok_or_else(|| Problem::Answer("the gateway is closed".to_owned()))?;
    let answer = inner::as_client(engine, Arc::new(client), &question).await;
    answer.map_err(|problem| Problem::Answer(problem.row().name.to_owned()))
}
