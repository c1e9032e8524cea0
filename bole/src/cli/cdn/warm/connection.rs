//! One connection to a gateway, for one request after the other, and what the gateway's cache says of each.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bole_net::client::Tls;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, Response, Uri, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the gateway may take for a head, and between two pieces of a body.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the gateway is.
pub(super) struct Place {
    pub(super) plain: String,
    pub(super) secured: String,
    pub(super) tls: Result<Tls, String>,
}

/// What the cache did with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It stored the answer.
    Stored,
    /// It had it.
    Hit,
    /// It may not store it, or does not for this route.
    Passed,
}

/// To the host that was asked last, if it is open.
pub(super) struct Connection {
    place: Arc<Place>,
    open: Option<(String, SendRequest<Empty<Bytes>>)>,
}

impl Connection {
    pub(super) fn new(place: Arc<Place>) -> Self {
        Self { place, open: None }
    }

    /// Asks for a URL and reads the answer to its end: what the cache did, and how many bytes came. What is stored is asked for a second time by its head
    /// alone, since a disk takes in only what was asked for twice.
    pub(super) async fn ask(&mut self, url: &Uri, encoding: &str) -> Result<(Outcome, u64)> {
        let answer = self.send(Method::GET, url, encoding).await?;
        let status = answer.status();
        let outcome = outcome(&answer);
        let bytes = self.drained(answer, |_| Ok(())).await?;
        if status.is_client_error() || status.is_server_error() {
            bail!("the gateway answered {status}");
        }
        if outcome == Outcome::Stored {
            let answer = self.send(Method::HEAD, url, encoding).await?;
            self.drained(answer, |_| Ok(())).await?;
        }
        Ok((outcome, bytes))
    }

    /// The body of an answer, `max` bytes at most.
    pub(super) async fn text(&mut self, url: &Uri, max: usize) -> Result<Vec<u8>> {
        let answer = self.send(Method::GET, url, "identity").await?;
        ensure!(answer.status().is_success(), "{url}: the gateway answered {}", answer.status());
        let mut text = Vec::new();
        self.drained(answer, |piece| {
            ensure!(text.len() + piece.len() <= max, "{url} has more than {max} bytes");
            text.extend_from_slice(piece);
            Ok(())
        })
        .await?;
        Ok(text)
    }

    async fn send(&mut self, method: Method, url: &Uri, encoding: &str) -> Result<Response<Incoming>> {
        let (scheme, authority) = url.scheme_str().zip(url.authority()).context("no URL with a host")?;
        let target = url.path_and_query().map_or("/", |target| target.as_str());
        let request = Request::builder().method(method).uri(target);
        let request = request.header("host", authority.as_str()).header("accept-encoding", encoding);
        let request = request.header("user-agent", "bole cdn warm").body(Empty::new())?;
        let wanted = format!("{scheme}://{authority}");
        let kept = self.open.take().filter(|(of, sender)| *of == wanted && !sender.is_closed());
        let mut sender = match kept {
            Some((_, sender)) => sender,
            None => self.connect(scheme == "https", authority.host()).await?,
        };
        let answer = timeout(PATIENCE, sender.send_request(request)).await.context("no answer in time")??;
        self.open = Some((wanted, sender));
        Ok(answer)
    }

    async fn connect(&self, secured: bool, host: &str) -> Result<SendRequest<Empty<Bytes>>> {
        let address = if secured { &self.place.secured } else { &self.place.plain };
        let told = || format!("the gateway at {address} (--gateway, --gateway-tls)");
        let connecting = timeout(PATIENCE, TcpStream::connect(address)).await;
        let socket =
            connecting.context("no connection in time").and_then(|made| Ok(made?)).with_context(told)?;
        socket.set_nodelay(true)?;
        if !secured {
            return opened(socket).await;
        }
        let tls = self.place.tls.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
        opened(tls.connect(socket, host).await.with_context(told)?).await
    }

    /// Reads a body to its end; how many bytes it has. A connection whose body was not read is not used again.
    async fn drained(
        &mut self,
        answer: Response<Incoming>,
        mut each: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<u64> {
        let open = self.open.take();
        let (mut body, mut bytes) = (answer.into_body(), 0);
        while let Some(frame) = timeout(PATIENCE, body.frame()).await.context("the body stopped")? {
            if let Some(piece) = frame?.data_ref() {
                bytes += piece.len() as u64;
                each(piece)?;
            }
        }
        self.open = open;
        Ok(bytes)
    }
}

async fn opened(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
) -> Result<SendRequest<Empty<Bytes>>> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the connection, which tells its errors to whoever sends on it.
    tokio::spawn(connection);
    Ok(sender)
}

/// By the member of `Cache-Status` (RFC 9211) that is the nearest to us: the last.
fn outcome(answer: &Response<Incoming>) -> Outcome {
    let told = answer.headers().get_all("cache-status").iter().filter_map(|value| value.to_str().ok());
    let nearest = told.flat_map(|value| value.split(',')).next_back().unwrap_or("");
    let says = |word: &str| nearest.split(';').any(|part| part.trim() == word);
    if says("hit") {
        Outcome::Hit
    } else if says("stored") {
        Outcome::Stored
    } else {
        Outcome::Passed
    }
}
