//! Certificates of the gateway by the name that a client asks for, with wildcards; what is asked of clients; reload of files. Those of authorities come
//! from their slots, which change by themselves; until there is one, a client that asks for its host is told that there is none for it.
//!
//! A change of the files that cannot be used keeps what was in use, and is told once. Connections keep what they began with.

use arc_swap::ArcSwap;
use bole_gateway_acme::{Acme, Slot, proof};
use bole_gateway_document::tls::Certificate;
use parking_lot::Mutex;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{Acceptor, ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{info, warn};

/// Files larger than this are no certificates.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The end of a handshake for a name that is not known (RFC 6066, section 3): a record of TLS 1.2 or before with a fatal alert, which clients of every
/// version read in place of a `ServerHello`.
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// What handshakes are answered with.
struct Served {
    config: Arc<ServerConfig>,
    /// Where the certificate is shown, if it is an authority's; else it is in the configuration.
    slot: Option<Arc<Slot>>,
}

/// All certificates, ready for handshakes.
#[derive(Default)]
struct Ready {
    by_host: HashMap<String, Arc<Served>>,
    /// By what follows the first label.
    by_wildcard: HashMap<String, Arc<Served>>,
    /// All, in the order of their names. The first that is there is for clients that ask for no name.
    all: Vec<Arc<Served>>,
}

/// Certificates that were read, but are not in use yet.
pub struct Prepared {
    document: BTreeMap<String, Certificate>,
    files: Files,
    ready: Ready,
}

/// The certificates of a gateway.
#[derive(Default)]
pub struct Certificates {
    acme: Option<Arc<Acme>>,
    ready: ArcSwap<Ready>,
    seen: Mutex<(BTreeMap<String, Certificate>, Files)>,
}

fn read(path: &Path, files: &mut Files) -> Result<Vec<u8>, String> {
    let told = |error: io::Error| format!("{}: {error}", path.display());
    if let Some(bytes) = files.get(path) {
        return Ok(bytes.clone());
    }
    let size = std::fs::metadata(path).map_err(told)?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("{}: {size} bytes are too many for certificates", path.display()));
    }
    let bytes = std::fs::read(path).map_err(told)?;
    files.insert(path.to_owned(), bytes.clone());
    Ok(bytes)
}

fn chain(path: &Path, files: &mut Files) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = read(path, files)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let chain = chain.map_err(|error| format!("{}: {error}", path.display()))?;
    if chain.is_empty() {
        return Err(format!("{}: there is no certificate in it", path.display()));
    }
    Ok(chain)
}

/// The names in a certificate.
fn names(der: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(der) else { return Vec::new() };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &x509_parser::extensions::GeneralName<'_>| match name {
        x509_parser::extensions::GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    };
    names.value.general_names.iter().filter_map(name).collect()
}

/// The certificate in its files, and the hosts that it is for.
fn from_files(
    certificate: &Certificate,
    provider: &CryptoProvider,
    files: &mut Files,
) -> Result<(CertifiedKey, Vec<String>), String> {
    let (Some(path), Some(key_path)) = (&certificate.certificate, &certificate.key) else {
        return Err("needs the files certificate and key".to_owned());
    };
    let chain = chain(path, files)?;
    let key = PrivateKeyDer::from_pem_slice(&read(key_path, files)?)
        .map_err(|error| format!("{}: {error}", key_path.display()))?;
    let hosts = if certificate.hosts.is_empty() { names(&chain[0]) } else { certificate.hosts.clone() };
    if hosts.is_empty() {
        return Err(format!("{}: has no names; say hosts", path.display()));
    }
    let certified = CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| format!("{} with {}: {error}", path.display(), key_path.display()))?;
    Ok((certified, hosts))
}

impl Served {
    /// Whether there is a certificate for this name, or any if none is asked for.
    fn is_there(&self, name: Option<&str>) -> bool {
        self.slot.as_ref().is_none_or(|slot| slot.find(name).is_some())
    }
}

impl Ready {
    fn add(
        &mut self,
        name: &str,
        certificate: &Certificate,
        acme: Option<&Arc<Acme>>,
        files: &mut Files,
    ) -> Result<(), String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let (resolver, slot, hosts): (Arc<dyn ResolvesServerCert>, _, _) = if certificate.acme.is_some() {
            let slot = acme.map(|acme| acme.slot(name)).unwrap_or_default();
            (slot.clone(), Some(slot), certificate.hosts.clone())
        } else {
            let (certified, hosts) = from_files(certificate, &provider, files)?;
            (Arc::new(One(Arc::new(certified))), None, hosts)
        };
        let config = server_config(certificate, resolver, provider, files)?;
        let served = Arc::new(Served { config, slot });
        self.all.push(served.clone());
        for host in hosts {
            let host = host.to_ascii_lowercase();
            let before = match host.strip_prefix("*.") {
                Some(rest) => self.by_wildcard.insert(rest.to_owned(), served.clone()),
                None => self.by_host.insert(host.clone(), served.clone()),
            };
            if before.is_some() {
                return Err(format!("{host:?} has two certificates"));
            }
        }
        Ok(())
    }

    fn find(&self, name: Option<&str>) -> Option<&Arc<Served>> {
        let Some(name) = name.map(str::to_ascii_lowercase) else {
            return self.all.iter().find(|served| served.is_there(None));
        };
        let wildcard = || name.split_once('.').and_then(|(_, rest)| self.by_wildcard.get(rest));
        self.by_host.get(&name).or_else(wildcard)
    }
}

#[derive(Debug)]
struct One(Arc<CertifiedKey>);

impl ResolvesServerCert for One {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

fn server_config(
    certificate: &Certificate,
    resolver: Arc<dyn ResolvesServerCert>,
    provider: Arc<CryptoProvider>,
    files: &mut Files,
) -> Result<Arc<ServerConfig>, String> {
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match &certificate.client_authorities {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for der in chain(path, files)? {
                roots.add(der).map_err(|error| format!("{}: {error}", path.display()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier =
                if certificate.client_optional { verifier.allow_unauthenticated() } else { verifier };
            let verifier = verifier.build().map_err(|error| format!("{}: {error}", path.display()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

fn prepare(
    document: &BTreeMap<String, Certificate>,
    acme: Option<&Arc<Acme>>,
) -> (Files, Result<Ready, Vec<String>>) {
    let (mut files, mut ready, mut problems) = (Files::new(), Ready::default(), Vec::new());
    for (name, certificate) in document {
        if let Err(problem) = ready.add(name, certificate, acme, &mut files) {
            problems.push(format!("certificates.{name}: {problem}"));
        }
    }
    (files, if problems.is_empty() { Ok(ready) } else { Err(problems) })
}

impl Certificates {
    /// None yet; those of authorities are shown in the slots of `acme`.
    pub fn new(acme: Option<Arc<Acme>>) -> Self {
        Self { acme, ..Self::default() }
    }

    /// Reads all files of a document. Blocks on them. Certificates of authorities get the slots of `acme`; without, for a try, none that is ever filled.
    ///
    /// # Errors
    /// What is wrong with each.
    pub fn prepare(
        document: &BTreeMap<String, Certificate>,
        acme: Option<&Arc<Acme>>,
    ) -> Result<Prepared, Vec<String>> {
        let (files, ready) = prepare(document, acme);
        Ok(Prepared { document: document.clone(), files, ready: ready? })
    }

    /// Uses what was read from now on.
    pub fn commit(&self, prepared: Prepared) {
        let mut seen = self.seen.lock();
        self.ready.store(Arc::new(prepared.ready));
        *seen = (prepared.document, prepared.files);
    }

    /// Looks at the files, and uses them if they changed and are in order. Blocks on them.
    pub fn look(&self) {
        let mut seen = self.seen.lock();
        let (document, before) = &*seen;
        if document.is_empty() {
            return;
        }
        let (files, ready) = prepare(document, self.acme.as_ref());
        if files == *before {
            return;
        }
        match ready {
            Ok(ready) => {
                self.ready.store(Arc::new(ready));
                info!("the gateway's certificates were read again");
            }
            Err(problems) => {
                let problems = problems.join("; ");
                warn!(
                    "changed files of certificates are not used, the last good ones stay in use: {problems}"
                );
            }
        }
        seen.1 = files;
    }

    /// Looks at the files again and again.
    pub async fn watch(self: Arc<Self>, interval: Duration) {
        loop {
            tokio::time::sleep(interval).await;
            let certificates = self.clone();
            if let Err(error) = tokio::task::spawn_blocking(move || certificates.look()).await {
                warn!("files of certificates could not be looked at: {error}");
            }
        }
    }

    /// Whether a connection that was made for one name may carry requests for the other: the same certificate, and so the same is
    /// asked of clients.
    pub fn are_alike(&self, server_name: Option<&str>, host: &str) -> bool {
        let ready = self.ready.load();
        match (ready.find(server_name), ready.find(Some(host))) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (_, None) => true,
            (None, Some(_)) => false,
        }
    }

    /// Makes the handshake of a client, with the certificate for the name that it asks for. `None`: it was an authority that looked for a proof.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<Option<TlsStream<S>>> {
        let mut start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let hello = start.client_hello();
        let name = hello.server_name().map(str::to_owned);
        if hello.alpn().is_some_and(|mut offered| offered.any(|protocol| protocol == proof::ALPN)) {
            let proof = name.as_deref().and_then(|name| self.acme.as_ref()?.proofs().handshake(name));
            if let Some(proof) = proof {
                let mut seen = start.into_stream(proof).await?;
                seen.shutdown().await?;
                return Ok(None);
            }
        }
        let config = {
            let ready = self.ready.load();
            let served = ready.find(name.as_deref()).filter(|served| served.is_there(name.as_deref()));
            served.map(|served| served.config.clone())
        };
        let Some(config) = config else {
            start.io.write_all(&UNRECOGNIZED_NAME).await?;
            start.io.shutdown().await?;
            let name = name.as_deref().unwrap_or("no name");
            let wrong = format!("there is no certificate for {name}, which was asked for");
            return Err(io::Error::new(io::ErrorKind::NotFound, wrong));
        };
        start.into_stream(config).await.map(Some)
    }
}
