//! A small caching proxy on hyper, for tests of the library with real clients: `proxy LISTEN ORIGIN [DISK_FOLDER]`, such as
//! `proxy 127.0.0.1:20200 127.0.0.1:20201`. HTTP/1.1 only; a purge is `PURGE URL`, soft with the field `Soft-Purge: 1`. It listens where it is told and asks nobody who
//! they are: not for use.

use async_trait::async_trait;
use bole_base::clock::SystemClock;
use bole_cdn::purge::Target;
use bole_cdn::{Body, BodyError, Cache, Config, DiskConfig, Origin, OriginError, Request, Response};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use http_body_util::{BodyStream, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// One connection an exchange: simple, and nothing is left over between two.
struct Plain {
    address: String,
}

#[async_trait]
impl Origin for Plain {
    async fn fetch(&self, request: Request) -> Result<Response, OriginError> {
        let failed = |error: &dyn std::fmt::Display| OriginError(error.to_string());
        let stream = TcpStream::connect(&self.address).await.map_err(|error| failed(&error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failed(&error))?;
        // Ends with the response's body, or with an error that the body shows.
        tokio::spawn(async move { drop(connection.await) });
        let (mut head, body) = request.into_parts();
        head.uri = head
            .uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .parse()
            .map_err(|error| failed(&error))?;
        head.version = http::Version::HTTP_11;
        let request = http::Request::from_parts(head, outgoing(body));
        let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
        Ok(response.map(incoming))
    }
}

fn incoming(body: Incoming) -> Body {
    use hyper::body::Body as _;
    if body.is_end_stream() {
        return Body::empty();
    }
    let chunks = BodyStream::new(body).filter_map(|frame| async {
        match frame {
            Ok(frame) => frame.into_data().ok().map(Ok),
            Err(error) => Some(Err(BodyError::Origin(error.to_string()))),
        }
    });
    Body::stream(chunks)
}

fn outgoing(body: Body) -> StreamBody<impl futures_util::Stream<Item = Result<Frame<Bytes>, BodyError>>> {
    StreamBody::new(body.map_ok(Frame::data))
}

async fn answer(
    cache: Cache,
    origin: Arc<dyn Origin>,
    request: http::Request<Incoming>,
) -> Result<
    http::Response<StreamBody<impl futures_util::Stream<Item = Result<Frame<Bytes>, BodyError>>>>,
    Error,
> {
    let (mut head, body) = request.into_parts();
    let host = head.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("").to_owned();
    if head.uri.authority().is_none() {
        head.uri = format!("http://{host}{}", head.uri).parse()?;
    }
    if head.method.as_str() == "PURGE" {
        let (target, soft) = (Target::Url(head.uri.to_string()), head.headers.contains_key("soft-purge"));
        let receipt = tokio::task::spawn_blocking(move || cache.purge(target, soft)).await??;
        return Ok(http::Response::new(outgoing(Body::whole(format!("{receipt:?}\n")))));
    }
    let expected_length = head.headers.get("content-length").is_none_or(|length| length != "0");
    let has_body = expected_length && !hyper::body::Body::is_end_stream(&body);
    let body = if has_body { incoming(body) } else { Body::empty() };
    let response = cache.handle(Request::from_parts(head, body), origin).await;
    Ok(response.map(outgoing))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: proxy LISTEN ORIGIN [DISK_FOLDER]";
    let (listen, address) = (arguments.next().ok_or(usage)?, arguments.next().ok_or(usage)?);
    let config = Config { disk: arguments.next().map(DiskConfig::new), ..Config::default() };
    let cache = Cache::open(config, Arc::new(SystemClock::new()))?;
    let origin: Arc<dyn Origin> = Arc::new(Plain { address });
    let listener = TcpListener::bind(&listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (cache, origin) = (cache.clone(), origin.clone());
        let service =
            hyper::service::service_fn(move |request| answer(cache.clone(), origin.clone(), request));
        let serving =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        // A connection that breaks concerns nobody else.
        tokio::spawn(async move { drop(serving.await) });
    }
}
