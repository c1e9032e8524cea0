//! The keys of the issuer of tokens: read from a file or fetched, at the start and again while the node runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bole_streams::sasl::Mechanism;
use bole_streams::sasl::oauth::{Settings, Verifier};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::config::options::Streams;

/// How often keys are read again.
const REFRESH: Duration = Duration::from_mins(5);
/// How soon after the last time at most, when a token names an unknown key or the last time failed.
const REFRESH_SOON: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(10);
/// Larger ones are no key sets.
const KEYS_BYTES_MAX: usize = 1 << 20;

/// Where keys come from.
pub(super) struct Source {
    place: Place,
    authorities: Option<PathBuf>,
}

enum Place {
    File(PathBuf),
    Web(Uri),
}

/// The verifier that the options ask for, and where its keys come from. `None`: OAUTHBEARER is off.
pub(super) fn verifier(options: &Streams) -> Result<Option<(Arc<Verifier>, Option<Source>)>> {
    if !options.sasl_mechanisms.0.contains(&Mechanism::OauthBearer) {
        return Ok(None);
    }
    let settings = Settings {
        issuer: options.oauth_issuer.clone().context("streams.oauth_issuer is not set")?,
        audience: options.oauth_audience.clone().context("streams.oauth_audience is not set")?,
        user_claim: options.oauth_user_claim.clone().unwrap_or_else(|| "sub".to_owned()),
        scope: options.oauth_scope.clone(),
    };
    let secret = match &options.oauth_secret_file {
        Some(path) => {
            let secret = std::fs::read_to_string(path);
            let secret = secret.with_context(|| format!("streams.oauth_secret_file {}", path.display()))?;
            Some(secret.trim().to_owned())
        }
        None => None,
    };
    let verifier = Verifier::new(settings, secret.as_ref().map(String::as_bytes));
    let verifier = Arc::new(verifier.map_err(anyhow::Error::msg).context("streams.oauth_secret_file")?);
    let source = options.oauth_jwks.as_deref().map(|place| Source::new(place, options)).transpose()?;
    if let Some(Source { place: Place::File(path), .. }) = &source {
        // A file that is wrong from the start is a mistake of whoever starts the node, who is here to mend it.
        let keys = read_file(path)?;
        verifier.set_keys(&keys).map_err(anyhow::Error::msg).context("streams.oauth_jwks")?;
    }
    Ok(Some((verifier, source)))
}

/// Keeps the verifier's keys new, for ever: run it as a task.
pub(super) async fn refresh(verifier: Arc<Verifier>, source: Source) {
    let mut failing = false;
    loop {
        let outcome = source.keys().await;
        let outcome = outcome.and_then(|keys| verifier.set_keys(&keys).map_err(anyhow::Error::msg));
        match &outcome {
            Ok(keys) if failing => tracing::info!(keys, "the keys of streams.oauth_jwks can be read again"),
            Ok(keys) => tracing::debug!(keys, "read the keys of streams.oauth_jwks"),
            Err(error) if !failing => {
                let error = format!("{error:#}");
                tracing::warn!(error, "streams.oauth_jwks cannot be read, the keys read last stay in use");
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
    fn new(place: &str, options: &Streams) -> Result<Self> {
        let is_web = ["http://", "https://"].iter().any(|scheme| place.starts_with(scheme));
        let place = if is_web {
            let uri: Uri = place.parse().with_context(|| format!("streams.oauth_jwks \"{place}\""))?;
            ensure!(uri.host().is_some(), "streams.oauth_jwks \"{place}\" names no host");
            Place::Web(uri)
        } else {
            Place::File(PathBuf::from(place))
        };
        Ok(Self { place, authorities: options.oauth_jwks_ca.clone() })
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
