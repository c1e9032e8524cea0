//! One request and its answer, over connections that stay open.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bole_base::{Clock as _, SystemClock};
use bole_net::client::Tls;
use bytes::{Bytes, BytesMut};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::sign::{self, Signed, UNSIGNED};
use super::xml::Element;
use super::{ANSWER_BYTES_MAX, Keys, Refusal};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may take until it answers, or between two pieces of an answer. A large body is on its way before.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(10);
/// Looks for a connection that is free, before another is opened.
const LOOKS: usize = 2;
/// Connections that wait for their next request.
const IDLE_MAX: usize = 64;

/// A body that is sent; its errors end the request.
pub(crate) type Body = UnsyncBoxBody<Bytes, anyhow::Error>;

/// Where a server is.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// Host and port, as the header Host says them.
    authority: String,
    host: String,
    port: u16,
    tls: Option<Tls>,
}

impl Endpoint {
    /// Reads `http://HOST:PORT` or `https://HOST:PORT`; `ca` is a PEM file with the authorities to trust.
    pub(crate) fn parse(url: &str, ca: Option<&std::path::Path>) -> Result<Self> {
        let (is_secured, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => bail!("\"{url}\" is not http://HOST:PORT or https://HOST:PORT"),
        };
        let authority = rest.trim_end_matches('/');
        ensure!(
            !authority.is_empty() && !authority.contains(['/', '@', '?', '#']),
            "\"{url}\" is not http://HOST:PORT or https://HOST:PORT; paths and credentials do not belong there"
        );
        ensure!(is_secured || ca.is_none(), "\"{url}\" is not secured, so no authorities are asked");
        let tls = if is_secured { Some(Tls::load(ca, None)?) } else { None };
        Self::new(authority, tls)
    }

    /// `HOST:PORT`, through TLS if there is some.
    pub(crate) fn new(authority: &str, tls: Option<Tls>) -> Result<Self> {
        let default = if tls.is_some() { 443 } else { 80 };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().with_context(|| format!("\"{port}\" is not a port"))?)
            }
            _ => (authority, default),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { authority: authority.to_owned(), host, port, tls })
    }
}

/// What is sent.
pub(crate) enum Payload {
    /// Nothing.
    Empty,
    /// Bytes, which are signed.
    Bytes(Bytes),
    /// A stream of so many bytes, which are not.
    Stream(u64, Body),
}

/// One request.
pub(crate) struct Request<'a> {
    method: Method,
    /// The bucket and the key, not encoded.
    path: (&'a str, &'a str),
    query: Vec<(&'a str, String)>,
    headers: Vec<(String, String)>,
    payload: Payload,
}

impl<'a> Request<'a> {
    pub(crate) const fn new(method: Method, bucket: &'a str, key: &'a str) -> Self {
        Self { method, path: (bucket, key), query: Vec::new(), headers: Vec::new(), payload: Payload::Empty }
    }

    /// Adds to the query; an empty value stands for a name alone.
    pub(crate) fn query(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// The same if there is a value.
    pub(crate) fn query_opt(self, name: &'a str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    pub(crate) fn headers(mut self, headers: impl IntoIterator<Item = (String, String)>) -> Self {
        self.headers.extend(headers);
        self
    }

    pub(crate) fn payload(mut self, payload: Payload) -> Self {
        self.payload = payload;
        self
    }

    /// Sends a document.
    pub(crate) fn body(self, text: impl Into<Bytes>) -> Self {
        self.payload(Payload::Bytes(text.into()))
    }
}

/// An answer that says success. Its body has to be read before the connection is used again.
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Incoming,
}

impl Answer {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        text_of(&self.headers, name)
    }

    /// The whole body.
    pub(crate) async fn bytes(self) -> Result<Bytes> {
        read(self.body).await
    }

    /// The body as XML.
    pub(crate) async fn xml(self) -> Result<Element> {
        let bytes = self.bytes().await?;
        Element::parse(std::str::from_utf8(&bytes).context("the answer is not UTF-8")?)
    }

    /// Reads to the end what nobody needs.
    pub(crate) async fn done(self) -> Result<()> {
        self.bytes().await.map(drop)
    }
}

/// A header's value, where it is text.
pub(crate) fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    String::from_utf8(value.as_bytes().to_vec()).ok()
}

async fn read(mut body: Incoming) -> Result<Bytes> {
    let mut out = BytesMut::new();
    while let Some(frame) = timeout(ANSWER_TIMEOUT, body.frame()).await.context("the server is silent")? {
        if let Ok(data) = frame?.into_data() {
            ensure!(
                out.len() + data.len() <= ANSWER_BYTES_MAX,
                "the answer has more than {ANSWER_BYTES_MAX} bytes"
            );
            out.extend_from_slice(&data);
        }
    }
    Ok(out.freeze())
}

/// A server, and as whom it is asked. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client(Arc<Shared>);

struct Shared {
    endpoint: Endpoint,
    keys: Option<Keys>,
    region: String,
    idle: Mutex<Vec<SendRequest<Body>>>,
}

impl Client {
    /// Without keys requests are anonymous.
    pub(crate) fn new(endpoint: Endpoint, keys: Option<Keys>, region: &str) -> Self {
        let idle = Mutex::default();
        Self(Arc::new(Shared { endpoint, keys, region: region.to_owned(), idle }))
    }

    /// Sends a request. Errors: [`Refusal`] for an answer that does not say success; others where there is no answer.
    pub(crate) async fn send(&self, request: Request<'_>) -> Result<Answer> {
        let what = format!("{} /{}/{}", request.method, request.path.0, request.path.1);
        let answer = self.exchange(request).await;
        let response = answer.with_context(|| format!("{what} at {} failed", self.0.endpoint.authority))?;
        let (head, body) = response.into_parts();
        if head.status.is_success() {
            return Ok(Answer { headers: head.headers, body });
        }
        let said = read(body).await.unwrap_or_default();
        Err(refusal(head.status, &said).into())
    }

    async fn exchange(&self, request: Request<'_>) -> Result<hyper::Response<Incoming>> {
        let mut sender = self.sender().await?;
        let built = self.build(request)?;
        let answer = timeout(ANSWER_TIMEOUT, sender.send_request(built)).await;
        let answer = answer.context("the server does not answer")??;
        let mut idle = self.0.idle.lock();
        if idle.len() < IDLE_MAX && !sender.is_closed() {
            idle.push(sender);
        }
        Ok(answer)
    }

    /// A connection that is free.
    async fn sender(&self) -> Result<SendRequest<Body>> {
        // Those whose answers are still read are passed over; hyper closes those whose answers were given up.
        for _ in 0..LOOKS {
            let idle = {
                let mut idle = self.0.idle.lock();
                idle.retain(|sender| !sender.is_closed());
                idle.iter().position(SendRequest::is_ready).map(|place| idle.swap_remove(place))
            };
            if let Some(sender) = idle {
                return Ok(sender);
            }
            // One whose answer was just read is ready when its task has run.
            tokio::task::yield_now().await;
        }
        let Endpoint { host, port, tls, .. } = &self.0.endpoint;
        let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect((host.as_str(), *port))).await;
        let stream = connecting.context("no connection in time")?.context("no connection")?;
        // Without it small requests may wait for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        match tls {
            None => handshake(TokioIo::new(stream)).await,
            Some(tls) => handshake(TokioIo::new(tls.connect(stream, host).await?)).await,
        }
    }

    fn build(&self, request: Request<'_>) -> Result<hyper::Request<Body>> {
        let Request { method, path: (bucket, key), query, mut headers, payload } = request;
        let path = match (bucket, key) {
            ("", _) => "/".to_owned(),
            (bucket, "") => format!("/{bucket}"),
            (bucket, key) => format!("/{bucket}/{}", super::encode(key, true)),
        };
        headers.push(("host".to_owned(), self.0.endpoint.authority.clone()));
        let digest = match &payload {
            Payload::Empty => sign::digest(b""),
            Payload::Bytes(bytes) => sign::digest(bytes),
            Payload::Stream(..) => UNSIGNED.to_owned(),
        };
        if let Some(keys) = &self.0.keys {
            let (region, now) = (&self.0.region, SystemClock::new().now());
            let signed =
                Signed { method: method.as_str(), path: &path, query: &query, region, now, payload: &digest };
            keys.sign(&signed, &mut headers);
        }
        let query = sign::query(&query);
        let target = if query.is_empty() { path } else { format!("{path}?{query}") };
        let (bytes, body) = match payload {
            Payload::Empty => (0, Empty::new().map_err(|never| match never {}).boxed_unsync()),
            Payload::Bytes(bytes) => {
                (bytes.len() as u64, Full::new(bytes).map_err(|never| match never {}).boxed_unsync())
            }
            Payload::Stream(bytes, body) => (bytes, body),
        };
        let mut built = hyper::Request::builder().method(&method).uri(target);
        if method == Method::PUT || method == Method::POST {
            built = built.header("content-length", bytes);
        }
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value.as_bytes());
            let value = value.with_context(|| format!("the header \"{name}\" cannot be sent"))?;
            built = built.header(HeaderName::from_bytes(name.as_bytes())?, value);
        }
        Ok(built.body(body)?)
    }
}

async fn handshake<S>(stream: TokioIo<S>) -> Result<SendRequest<Body>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(stream).await?;
    tokio::spawn(async move {
        // Whoever waits for its answer hears of it.
        let _ = connection.await;
    });
    Ok(sender)
}

fn refusal(status: StatusCode, said: &[u8]) -> Refusal {
    let said = std::str::from_utf8(said).ok().and_then(|text| Element::parse(text).ok()).unwrap_or_default();
    let or = |text: &str, other: &str| if text.is_empty() { other.to_owned() } else { text.to_owned() };
    let meaning = status.canonical_reason().unwrap_or("no reason given");
    Refusal {
        status: status.as_u16(),
        code: or(said.text_of("Code"), meaning),
        message: or(said.text_of("Message"), meaning),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read() {
        for (url, expected) in [
            ("http://127.0.0.1:9000", Some(("127.0.0.1", 9000))),
            ("http://s3.example/", Some(("s3.example", 80))),
            ("http://[::1]:1", Some(("::1", 1))),
            ("http://[::1]", Some(("::1", 80))),
            ("s3.example", None),
            ("http://", None),
            ("http://a/b", None),
            ("http://a:b@c", None),
            ("http://a:x", None),
        ] {
            let read = Endpoint::parse(url, None).ok();
            let read = read.as_ref().map(|endpoint| (endpoint.host.as_str(), endpoint.port));
            assert_eq!(read, expected, "{url}");
        }
    }

    #[test]
    fn refusals_say_what_the_server_said() {
        let body = b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>";
        assert_eq!(refusal(StatusCode::NOT_FOUND, body).to_string(), "NoSuchKey (404): none");
        assert_eq!(refusal(StatusCode::NOT_FOUND, b"").to_string(), "Not Found (404): Not Found");
        assert!(refusal(StatusCode::SERVICE_UNAVAILABLE, b"").is_passing());
        assert!(!refusal(StatusCode::FORBIDDEN, b"").is_passing());
    }
}
