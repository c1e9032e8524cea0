//! The keys of the issuer of tokens: read from a file or fetched, at the start and again while the node runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bole_identity::jwt::Verifier;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How often keys are read again.
const REFRESH: Duration = Duration::from_mins(5);
/// How soon after the last time at most, when a token names an unknown key or the last time failed.
const REFRESH_SOON: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(10);
/// Larger ones are no key sets.
const KEYS_BYTES_MAX: usize = 1 << 20;

/// Where keys come from.
pub(crate) struct Source {
    place: Place,
    authorities: Option<PathBuf>,
    /// The setting that names them, for messages.
    setting: &'static str,
}

enum Place {
    File(PathBuf),
    Web(Uri),
}

/// Keeps the verifier's keys new, for ever: run it as a task.
pub(crate) async fn refresh(verifier: Arc<Verifier>, source: Source) {
    let setting = source.setting;
    let mut failing = false;
    loop {
        let outcome = source.keys().await;
        let outcome = outcome.and_then(|keys| verifier.set_keys(&keys).map_err(anyhow::Error::msg));
        match &outcome {
            Ok(keys) if failing => tracing::info!(keys, setting, "the keys of tokens can be read again"),
            Ok(keys) => tracing::debug!(keys, setting, "read the keys of tokens"),
            Err(error) if !failing => {
                let error = format!("{error:#}");
                tracing::warn!(
                    error,
                    setting,
                    "the keys of tokens cannot be read, those read last stay in use"
                );
            }
            Err(_) => {}
        }
        failing = outcome.is_err();
        sleep(REFRESH_SOON).await;
        if !failing {
            let _elapsed =
                timeout(REFRESH.saturating_sub(REFRESH_SOON), verifier.unknown_key.notified()).await;
        }
    }
}

impl Source {
    /// The source that a setting names: a file, or an http or https URL. `authorities`: of the server of that, PEM.
    pub(crate) fn new(setting: &'static str, place: &str, authorities: Option<PathBuf>) -> Result<Self> {
        let is_web = ["http://", "https://"].iter().any(|scheme| place.starts_with(scheme));
        let place = if is_web {
            let uri: Uri = place.parse().with_context(|| format!("{setting} \"{place}\""))?;
            ensure!(uri.host().is_some(), "{setting} \"{place}\" names no host");
            Place::Web(uri)
        } else {
            Place::File(PathBuf::from(place))
        };
        Ok(Self { place, authorities, setting })
    }

    /// Gives the verifier the keys of a file. Those of a URL come when [`refresh`] runs. Blocks.
    pub(crate) fn load(&self, verifier: &Verifier) -> Result<()> {
        let Place::File(path) = &self.place else { return Ok(()) };
        // A file that is wrong from the start is a mistake of whoever starts the node, who is here to mend it.
        let keys = read_file(path)?;
        verifier.set_keys(&keys).map_err(anyhow::Error::msg).context(self.setting)?;
        Ok(())
    }

    async fn keys(&self) -> Result<String> {
        match &self.place {
            Place::File(path) => {
                let path = path.clone();
                tokio::task::spawn_blocking(move || read_file(&path)).await?
            }
            Place::Web(uri) => {
                let fetched = timeout(TIMEOUT, self.fetch(uri)).await;
                fetched.with_context(|| format!("{uri} did not answer within {TIMEOUT:?}"))?
            }
        }
    }

    async fn fetch(&self, uri: &Uri) -> Result<String> {
        let host = uri.host().context("the URL names no host")?;
        let is_https = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let socket = TcpStream::connect((bare, port)).await.with_context(|| format!("{host}:{port}"))?;
        if is_https {
            let secured = bole_net::client::secure(socket, bare, self.authorities.as_deref()).await?;
            get(secured, uri).await
        } else {
            get(socket, uri).await
        }
    }
}

async fn get<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: S, uri: &Uri) -> Result<String> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let host = uri.authority().context("the URL names no host")?.as_str();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path).header("host", host).header("accept", "application/json");
    let request = request.body(Empty::<Bytes>::new())?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        if !response.status().is_success() {
            bail!("{uri} answered {}", response.status());
        }
        let body = Limited::new(response.into_body(), KEYS_BYTES_MAX).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("{uri}: {error}"))?;
        Ok(String::from_utf8(body.to_bytes().to_vec())?)
    };
    // The connection works while it is polled, and ends with the exchange.
    tokio::pin!(exchange, connection);
    tokio::select! {
        biased;
        outcome = &mut exchange => outcome,
        ended = &mut connection => {
            ended?;
            exchange.await
        }
    }
}

fn read_file(path: &std::path::Path) -> Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    ensure!(
        text.len() <= KEYS_BYTES_MAX,
        "{} has {} bytes; {KEYS_BYTES_MAX} are allowed",
        path.display(),
        text.len()
    );
    Ok(text)
}
