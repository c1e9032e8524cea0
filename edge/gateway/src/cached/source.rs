//! A route's service as the origin of the cache. A fetch is a request of the proxy's own: it has no client, but goes through the same phases as any
//! other (balancing, breaker, retries, deadlines, changes of the request), and its answer comes here instead of to a connection.

use super::network::{self, Network};
use crate::connection::client::{Client, Exchange};
use crate::error::Problem;
use crate::proxy::Proxy;
use crate::routing::Asked;
use crate::state::{Route, State};
use crate::trace;
use crate::upstream::Upstream;
use async_trait::async_trait;
use bole_cdn::{Body, BodyError, Origin, OriginError, Request, Response};
use bytes::Bytes;
use http::header;
use parking_lot::Mutex;
use pingora_core::protocols::http::{HttpTask, ServerSession};
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest,
    UniqueID, UniqueIDType,
};
use pingora_proxy::subrequest::{BodyMode, Ctx};
use pingora_proxy::{HttpProxy, SubrequestSpawner};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context as Task, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc::Receiver;

/// What fetches for a request have from it.
pub struct Facts {
    /// What it is answered by.
    pub state: Arc<State>,
    /// The route that took it.
    pub route: Arc<Route>,
    /// The service that is asked.
    pub upstream: Arc<Upstream>,
    /// Who asked.
    pub client: Arc<Client>,
    /// Whose request it is.
    pub ip: IpAddr,
    /// What it asks for.
    pub asked: Asked,
    /// The host as it was named.
    pub host: String,
    /// What the route's pattern found.
    pub rest: String,
    /// Its groups.
    pub groups: Vec<String>,
    /// The query.
    pub query: Option<String>,
    /// The client's headers, if the route needs them.
    pub came: Option<Box<http::HeaderMap>>,
    /// Its name in logs.
    pub request_id: String,
    /// Who asks.
    pub who: Option<Box<bole_gateway_access::Identity>>,
    /// Its place in a trace.
    pub trace: Option<trace::Parent>,
}

/// What a request of the proxy's own carries through the library.
pub struct Inner {
    /// From the request that it is made for.
    pub facts: Arc<Facts>,
    /// Why it was not answered.
    pub problem: Arc<Mutex<Option<Problem>>>,
}

/// The service.
pub struct Source {
    /// The proxy; gone when the gateway is.
    pub engine: Weak<HttpProxy<Proxy>>,
    /// What is known of the request.
    pub facts: Arc<Facts>,
    /// Where the service is a shield: what must be known of its purges.
    pub network: Option<Arc<Network>>,
}

#[async_trait]
impl Origin for Source {
    async fn fetch(&self, mut request: Request) -> Result<Response, OriginError> {
        let question = self.network.as_ref().map(|network| network.question());
        if let Some(question) = &question {
            request.headers_mut().insert(network::QUESTION, question.value());
        }
        let mut response = self.ask(self.head(&request), request.method() == http::Method::HEAD).await?;
        if let Some(question) = question {
            let answer = response.headers_mut().remove(network::ANSWER);
            question.check(answer.as_ref()).map_err(|problem| OriginError(problem.to_owned()))?;
        }
        Ok(response)
    }
}

impl Source {
    async fn ask(&self, head: Vec<u8>, is_head: bool) -> Result<Response, OriginError> {
        let failed = |problem: Problem| OriginError(problem.row().name.to_owned());
        let engine = self.engine.upgrade().ok_or_else(|| failed(Problem::Internal))?;
        let exchange = Exchange::new(self.facts.client.clone(), false);
        let problem = Arc::<Mutex<Option<Problem>>>::default();
        let inner = Inner { facts: self.facts.clone(), problem: problem.clone() };
        subrequest(engine, head, &exchange, Some(inner), is_head).await.map_err(|NoAnswer(_)| {
            // The library says only that it has no answer; the proxy has noted why.
            failed(problem.lock().unwrap_or(Problem::UpstreamClosed))
        })
    }

    /// The head in bytes. Its values were read from bytes, or made by us; so none has a line feed.
    fn head(&self, request: &Request) -> Vec<u8> {
        let mut head = Vec::with_capacity(1_024);
        let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let mut push = |parts: &[&[u8]]| parts.iter().for_each(|part| head.extend_from_slice(part));
        push(&[request.method().as_str().as_bytes(), b" ", path.as_bytes(), b" HTTP/1.1\r\nHost: "]);
        push(&[self.facts.host.as_bytes(), b"\r\n"]);
        for (name, value) in request.headers() {
            if name != header::HOST {
                push(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
            }
        }
        push(&[b"\r\n"]);
        head
    }
}

/// Nothing was answered.
#[derive(Debug)]
pub(super) struct NoAnswer(pub(super) &'static str);

/// A request of the proxy's own, whose head is `head`: its answer as soon as there is its head. Without `inner` it is as any client's.
pub(super) async fn subrequest(
    engine: Arc<HttpProxy<Proxy>>,
    head: Vec<u8>,
    exchange: &Arc<Exchange>,
    inner: Option<Inner>,
    is_head: bool,
) -> Result<Response, NoAnswer> {
    let mut template = ServerSession::new_http1(Box::new(Written::new(head, exchange)));
    if !matches!(template.read_request().await, Ok(true)) {
        return Err(NoAnswer("the request cannot be read"));
    }
    let context = Ctx::builder().body_mode(BodyMode::NoBody).user_ctx(Box::new(inner)).build();
    let (prepared, handle) = SubrequestSpawner::new(engine).create_subrequest(&template, context);
    // It ends by itself: with the answer, with the service's deadlines, or because nobody takes the answer.
    tokio::spawn(prepared.run());
    // Held until the end of the body: a closed channel would be a client that went away.
    let (sender, mut tasks) = (handle.tx, handle.rx);
    let (head, end) = loop {
        match tasks.recv().await {
            Some(HttpTask::Header(head, _)) if head.status.is_informational() => {}
            Some(HttpTask::Header(head, end)) => break (head, end),
            Some(_) => return Err(NoAnswer("the answer has no head")),
            None => return Err(NoAnswer("the connection was closed")),
        }
    };
    let bodyless = end
        || is_head
        || matches!(head.status.as_u16(), 204 | 304)
        || head.headers.get(header::CONTENT_LENGTH).is_some_and(|length| length == "0");
    let body = if bodyless { Body::empty() } else { body(tasks, sender) };
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    response.headers_mut().clone_from(&head.headers);
    Ok(response)
}

/// The rest of an answer. One that ends without saying so was cut off.
fn body(tasks: Receiver<HttpTask>, sender: tokio::sync::mpsc::Sender<HttpTask>) -> Body {
    let pieces = futures_util::stream::unfold(Some((tasks, sender)), |state| async move {
        let (mut tasks, sender) = state?;
        loop {
            let (piece, end): (Option<Bytes>, bool) = match tasks.recv().await {
                Some(HttpTask::Body(piece, end)) => (piece, end),
                Some(HttpTask::Trailer(_) | HttpTask::Done) => (None, true),
                Some(_) | None => {
                    return Some((Err(BodyError::Origin("it broke off".to_owned())), None));
                }
            };
            match piece.filter(|piece| !piece.is_empty()) {
                Some(piece) => return Some((Ok(piece), (!end).then_some((tasks, sender)))),
                None if end => return None,
                None => {}
            }
        }
    });
    Body::stream(pieces)
}

/// A connection of which only the head of one request ever comes.
#[derive(Debug)]
struct Written {
    bytes: io::Cursor<Vec<u8>>,
    digest: Arc<ProxyDigest>,
}

impl Written {
    fn new(head: Vec<u8>, exchange: &Arc<Exchange>) -> Self {
        Self { bytes: io::Cursor::new(head), digest: exchange.digest() }
    }
}

impl AsyncRead for Written {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.bytes.position() < self.bytes.get_ref().len() as u64 {
            Pin::new(&mut self.bytes).poll_read(task, buf)
        } else {
            Poll::Pending
        }
    }
}

impl AsyncWrite for Written {
    fn poll_write(self: Pin<&mut Self>, _: &mut Task<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[async_trait]
impl Shutdown for Written {
    async fn shutdown(&mut self) {}
}

impl UniqueID for Written {
    fn id(&self) -> UniqueIDType {
        0
    }
}

impl Ssl for Written {}

impl GetTimingDigest for Written {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for Written {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        Some(self.digest.clone())
    }
}

impl GetSocketDigest for Written {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        None
    }
}

impl Peek for Written {}
