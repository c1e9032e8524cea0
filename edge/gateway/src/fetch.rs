//! Requests of the gateway's own: to issuers of tokens, to providers of logins, to servers that decide on requests, to authorities of certificates.
//!
//! Each is bounded in time and size, certificates of https are checked against the machine's authorities (or those of a file), redirects are not
//! followed and no proxy is used. Connections are kept for a short while, because a server that decides is asked for each request.
//! An error names the host and what went wrong, never what was sent or answered.

use async_trait::async_trait;
use bole_gateway_access::{Fetch, FetchError};
use bole_net::client::Tls;
use bytes::Bytes;
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// From the connection to the last byte of the answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer's body; a longer one is an error.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Connections that are kept when they are not in use, of all hosts; the oldest go.
const IDLE_MAX: usize = 64;
/// For how long.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

type Sender = SendRequest<Full<Bytes>>;

/// Whom a connection is to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    secured: bool,
    authority: Authority,
}

struct Idle {
    place: Place,
    sender: Sender,
    since: Instant,
}

/// Sends requests over HTTP/1.1.
#[derive(Default)]
pub struct Web {
    /// Whose servers are believed; the machine's authorities without.
    authorities: Option<PathBuf>,
    idle: Mutex<Vec<Idle>>,
    tls: OnceLock<Result<Tls, String>>,
}

fn told(error: impl std::fmt::Display) -> FetchError {
    FetchError(error.to_string())
}

impl Place {
    fn of(uri: &Uri) -> Result<Self, FetchError> {
        let secured = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(told("only http and https can be asked")),
        };
        let authority = uri.authority().cloned().ok_or_else(|| told("the URL names no host"))?;
        if authority.as_str().contains('@') {
            return Err(told("the URL has a user; that is not sent"));
        }
        Ok(Self { secured, authority })
    }

    fn host(&self) -> &str {
        self.authority.host().trim_start_matches('[').trim_end_matches(']')
    }
}

impl Web {
    /// One that believes servers of the authorities in this file only, which is read when it is first needed.
    pub fn with_authorities(authorities: Option<PathBuf>) -> Self {
        Self { authorities, ..Self::default() }
    }

    /// With this TLS in place of one by the machine's authorities.
    pub fn with(tls: Tls) -> Self {
        Self { tls: OnceLock::from(Ok(tls)), ..Self::default() }
    }

    /// Authorities are loaded once; a machine without any can fetch nothing by https.
    fn tls(&self) -> Result<&Tls, FetchError> {
        let loaded = self
            .tls
            .get_or_init(|| Tls::load(self.authorities.as_deref(), None).map_err(|error| error.to_string()));
        loaded.as_ref().map_err(told)
    }

    fn kept(&self, place: &Place) -> Option<Sender> {
        let mut idle = self.idle.lock();
        idle.retain(|idle| !idle.sender.is_closed() && idle.since.elapsed() < IDLE_TIMEOUT);
        let at = idle.iter().rposition(|idle| idle.place == *place)?;
        Some(idle.remove(at).sender)
    }

    fn keep(&self, place: Place, sender: Sender) {
        let mut idle = self.idle.lock();
        if idle.len() >= IDLE_MAX {
            idle.remove(0);
        }
        idle.push(Idle { place, sender, since: Instant::now() });
    }

    async fn connect(&self, place: &Place) -> Result<Sender, FetchError> {
        let port = place.authority.port_u16().unwrap_or(if place.secured { 443 } else { 80 });
        let socket = TcpStream::connect((place.host(), port)).await.map_err(told)?;
        socket.set_nodelay(true).map_err(told)?;
        if place.secured {
            open(self.tls()?.connect(socket, place.host()).await.map_err(told)?).await
        } else {
            open(socket).await
        }
    }

    async fn exchange(
        &self,
        place: &Place,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, FetchError> {
        loop {
            let kept = self.kept(place);
            let is_kept = kept.is_some();
            let mut sender = match kept {
                Some(sender) => sender,
                None => self.connect(place).await?,
            };
            let answer = match sender.try_send_request(request).await {
                Ok(answer) => answer,
                // It was closed meanwhile, and nothing of the request was sent.
                Err(mut error) => match error.take_message().filter(|_| is_kept) {
                    Some(again) => {
                        request = again;
                        continue;
                    }
                    None => return Err(told(error.error())),
                },
            };
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(told)?.to_bytes();
            if !sender.is_closed() {
                self.keep(place.clone(), sender);
            }
            return Ok(Response::from_parts(head, body));
        }
    }
}

/// Speaks HTTP/1.1 on a connection. What drives it ends with the connection, or when nobody can send on it any more.
async fn open(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Sender, FetchError> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(told)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("a connection of the gateway's own ended: {error}");
        }
    });
    Ok(sender)
}

#[async_trait]
impl Fetch for Web {
    async fn fetch(&self, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        let place = Place::of(request.uri())?;
        let (mut head, body) = request.into_parts();
        let host = HeaderValue::from_str(place.authority.as_str()).map_err(told)?;
        head.headers.insert(HOST, host);
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        head.uri = target.parse().map_err(told)?;
        let request = Request::from_parts(head, Full::new(body));
        let answered = timeout(TIMEOUT, self.exchange(&place, request)).await;
        let named = |why: &dyn std::fmt::Display| FetchError(format!("{}: {why}", place.authority));
        match answered {
            Ok(answer) => answer.map_err(|error| named(&error)),
            Err(_) => Err(named(&format_args!("no answer within {TIMEOUT:?}"))),
        }
    }
}

/// A new one.
pub fn web() -> Arc<dyn Fetch> {
    Arc::new(Web::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// Answers each connection's requests with these bytes, and closes it after so many.
    async fn server(answer: &'static str, requests: usize) -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                for _ in 0..requests {
                    let mut came = Vec::new();
                    while !came.ends_with(b"\r\n\r\n") {
                        if stream.read_buf(&mut came).await.unwrap_or(0) == 0 {
                            break;
                        }
                    }
                    noted.lock().push(String::from_utf8_lossy(&came).into_owned());
                    stream.write_all(answer.as_bytes()).await.expect("somebody reads");
                }
            }
        });
        (address, seen)
    }

    async fn get(web: &Web, url: &str) -> Result<Response<Bytes>, FetchError> {
        web.fetch(Request::get(url).body(Bytes::new()).expect("a request")).await
    }

    #[tokio::test]
    async fn answers_are_given_as_they_are_and_connections_are_used_again() {
        let (address, seen) =
            server("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\nno", 2)
                .await;
        let web = Web::default();
        for count in 1..=5 {
            let answer = get(&web, &format!("http://{address}/a?b=c")).await.expect("an answer");
            assert_eq!((answer.status().as_u16(), &answer.body()[..]), (302, &b"no"[..]), "{count}");
        }
        let seen = seen.lock();
        assert_eq!(seen.len(), 5, "a redirect is an answer");
        assert!(
            seen[0].starts_with("GET /a?b=c HTTP/1.1\r\n") && seen[0].contains(&format!("host: {address}"))
        );
    }

    #[tokio::test]
    async fn what_is_too_long_or_nowhere_is_an_error_that_names_the_host() {
        let (address, _) = server("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n", 1).await;
        let web = Web::default();
        for url in [
            format!("http://{address}/secret"),
            "http://127.0.0.1:1/secret".to_owned(),
            "http://a:b@127.0.0.1:1/".to_owned(),
            "ftp://a/".to_owned(),
        ] {
            let error = get(&web, &url).await.expect_err("nothing can come").to_string();
            assert!(!error.contains("secret") && !error.contains("a:b"), "{error}");
        }
    }
}
