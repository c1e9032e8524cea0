//! Server-side TLS by rustls: TLS 1.2 and 1.3, certificate and key from PEM files, optionally only clients whose
//! certificate a given authority signed (mTLS), and reload when the files change.
//!
//! A change that cannot be used (half-written, broken, a key of another certificate) keeps what was in use before, and
//! is reported once. Open connections keep the certificate that they began with.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{error, info, warn};

use crate::error::{Error, Result};
use crate::shutdown::Shutdown;

/// How often the files are looked at by default.
pub const RELOAD_INTERVAL: Duration = Duration::from_secs(5);

/// Files larger than this are no certificates.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where certificate and key are, and what is asked of clients.
#[derive(Clone, Debug)]
pub struct Config {
    /// PEM file with the certificate, then those of the authorities between it and the root.
    pub certificate: PathBuf,
    /// PEM file with the certificate's private key (PKCS#8, PKCS#1 or SEC1).
    pub key: PathBuf,
    /// PEM file with the authorities of client certificates. If given, clients without one are refused.
    pub client_ca: Option<PathBuf>,
    /// Protocols to agree on within the handshake (ALPN), best first. Empty: none.
    pub protocols: Vec<Vec<u8>>,
    /// A client that takes longer to complete its handshake is cut off.
    pub handshake_timeout: Duration,
}

impl Config {
    /// Certificate and key, nothing asked of clients, 10 s for a handshake.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            client_ca: None,
            protocols: Vec::new(),
            handshake_timeout: Duration::from_secs(10),
        }
    }
}

/// TLS that is ready to accept. Cheap to clone; clones share the certificate and its reloads.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<Config>,
    current: Arc<RwLock<Arc<ServerConfig>>>,
    loaded: Arc<Files>,
}

/// The contents that a configuration was, or could not be, built from.
#[derive(Debug, PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Tls {
    /// Loads the files. Blocks on them.
    pub fn load(config: Config) -> Result<Self> {
        let loaded = Files::read(&config)?;
        let server = loaded.server_config(&config)?;
        Ok(Self {
            config: Arc::new(config),
            current: Arc::new(RwLock::new(Arc::new(server))),
            loaded: Arc::new(loaded),
        })
    }

    /// Waits for a client's handshake, at most as long as configured. Cancelling closes the socket.
    pub async fn accept(&self, socket: TcpStream) -> Result<TlsStream<TcpStream>> {
        let current = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        let limit = self.config.handshake_timeout;
        match tokio::time::timeout(limit, TlsAcceptor::from(current).accept(socket)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(failure)) => Err(Error::Handshake(failure.to_string())),
            Err(_) => Err(Error::Handshake(format!("not complete after {} ms", limit.as_millis()))),
        }
    }

    /// Looks at the files every `interval` and takes over what changed, until `shutdown`. One such task serves all
    /// clones.
    pub async fn watch(self, interval: Duration, shutdown: Shutdown) {
        let mut seen = Seen::Loaded(Arc::clone(&self.loaded));
        let mut requested = std::pin::pin!(shutdown.requested());
        loop {
            tokio::select! {
                () = &mut requested => return,
                () = tokio::time::sleep(interval) => {}
            }
            let tls = self.clone();
            seen = match tokio::task::spawn_blocking(move || tls.look(seen)).await {
                Ok(next) => next,
                Err(failure) => {
                    error!("TLS files are not looked at any more, the last good ones stay in use: {failure}");
                    return;
                }
            };
        }
    }

    /// Compares the files with what was seen last, and uses them if they changed and are in order.
    fn look(&self, seen: Seen) -> Seen {
        let certificate = self.config.certificate.display();
        let files = match Files::read(&self.config) {
            Ok(files) => files,
            Err(error) => return seen.failed(&error),
        };
        if let Seen::Loaded(last) | Seen::Refused(last) = &seen
            && **last == files
        {
            return seen;
        }
        match files.server_config(&self.config) {
            Ok(server) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(server);
                info!("TLS certificate {certificate} reloaded");
                Seen::Loaded(Arc::new(files))
            }
            Err(error) => {
                warn!("the changed TLS files are not used, the last good ones stay in use: {error}");
                Seen::Refused(Arc::new(files))
            }
        }
    }
}

/// What the last look at the files found.
enum Seen {
    /// These contents are in use.
    Loaded(Arc<Files>),
    /// These contents were reported and are not in use.
    Refused(Arc<Files>),
    /// The files could not be read, for this reason.
    Unreadable(String),
}

impl Seen {
    /// The files cannot be read: a warning, unless it was given for the same reason.
    fn failed(self, error: &Error) -> Self {
        let reason = error.to_string();
        if !matches!(&self, Self::Unreadable(last) if *last == reason) {
            warn!("TLS files cannot be read, the last good ones stay in use: {reason}");
        }
        Self::Unreadable(reason)
    }
}

impl Files {
    fn read(config: &Config) -> Result<Self> {
        Ok(Self {
            certificate: read(&config.certificate)?,
            key: read(&config.key)?,
            client_ca: config.client_ca.as_deref().map(read).transpose()?,
        })
    }

    fn server_config(&self, config: &Config) -> Result<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let pair = |reason: String| Error::TlsPair {
            certificate: config.certificate.clone(),
            key: config.key.clone(),
            reason,
        };
        let chain = certificates(&self.certificate, &config.certificate)?;
        let key = private_key(&self.key, &config.key)?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| pair(error.to_string()))?;
        let builder = match self.client_ca.as_ref().zip(config.client_ca.as_ref()) {
            None => builder.with_no_client_auth(),
            Some((contents, path)) => {
                let roots = Arc::new(roots(contents, path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
                builder.with_client_cert_verifier(
                    verifier
                        .map_err(|error| Error::TlsFile { path: path.clone(), reason: error.to_string() })?,
                )
            }
        };
        let mut server = builder.with_single_cert(chain, key).map_err(|error| pair(error.to_string()))?;
        server.alpn_protocols.clone_from(&config.protocols);
        Ok(server)
    }
}

pub(crate) fn read(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let path = path.as_ref();
    let refuse = |reason: String| Error::TlsFile { path: path.to_owned(), reason };
    let size = std::fs::metadata(path).map_err(|error| refuse(error.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(refuse(format!(
            "{size} bytes; a PEM file of at most {FILE_BYTES_MAX} bytes is expected"
        )));
    }
    std::fs::read(path).map_err(|error| refuse(error.to_string()))
}

pub(crate) fn certificates(contents: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let refuse = |reason: String| Error::TlsFile { path: path.to_owned(), reason };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(contents).collect();
    let chain = chain.map_err(|error| refuse(format!("not in PEM form: {error}")))?;
    if chain.is_empty() {
        return Err(refuse("no certificate in PEM form".to_owned()));
    }
    Ok(chain)
}

pub(crate) fn private_key(contents: &[u8], path: &Path) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(contents).map_err(|error| Error::TlsFile {
        path: path.to_owned(),
        reason: format!("no private key in PEM form: {error}"),
    })
}

pub(crate) fn roots(contents: &[u8], path: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(contents, path)? {
        roots.add(certificate).map_err(|error| Error::TlsFile {
            path: path.to_owned(),
            reason: format!("not an authority's certificate: {error}"),
        })?;
    }
    Ok(roots)
}
