//! How instances of a service are connected to: protocol, TLS, timeouts, the PROXY line.

use crate::connection::origin::{self, Origin};
use crate::upstream::set::Member;
use async_trait::async_trait;
use bole_gateway_document::service::{self as document, Protocol, ProxyProtocol};
use pingora_core::connectors::L4Connect;
use pingora_core::protocols::ALPN;
use pingora_core::protocols::l4::socket::SocketAddr as PeerAddr;
use pingora_core::protocols::l4::stream::Stream as PeerStream;
use pingora_core::protocols::tls::CaType;
use pingora_core::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};
use pingora_core::utils::tls::{CertKey, WrappedX509, parse_x509};
use pingora_core::{Error, ErrorType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Files larger than this are no certificates.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// What all instances of a service have in common.
pub struct Template {
    service: document::Service,
    authorities: Option<Arc<CaType>>,
    own: Option<Arc<CertKey>>,
    group: u64,
    /// TLS for probes, if there is any.
    pub probe: Option<Arc<rustls::ClientConfig>>,
}

/// The certificates of a PEM file, each of which can be read.
fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let size = fs::metadata(path).map_err(|error| told(&error))?.len();
    if size > FILE_BYTES_MAX {
        return Err(told(&format!("{size} bytes are too many for certificates")));
    }
    let chain = CertificateDer::pem_file_iter(path).map_err(|error| told(&error))?;
    let chain: Result<Vec<_>, _> = chain.map(|der| der.map(|der| der.to_vec())).collect();
    let chain = chain.map_err(|error| told(&error))?;
    if chain.is_empty() {
        return Err(told(&"there is no certificate in it"));
    }
    for der in &chain {
        x509_parser::parse_x509_certificate(der).map_err(|error| told(&error))?;
    }
    Ok(chain)
}

impl Template {
    /// Reads the files that the service names.
    ///
    /// # Errors
    /// What is wrong with them, after the place in the service.
    pub fn new(name: &str, service: &document::Service) -> Result<Self, String> {
        let mut template =
            Self { service: service.clone(), authorities: None, own: None, group: 0, probe: None };
        let Some(tls) = &service.tls else {
            if service.protocol == Protocol::Auto {
                return Err(".protocol: \"auto\" needs tls, which negotiates it".to_owned());
            }
            template.group = template.group_key(name);
            return Ok(template);
        };
        let mut roots = rustls::RootCertStore::empty();
        if let Some(path) = &tls.authorities {
            let chain = certificates(path).map_err(|error| format!(".tls.authorities: {error}"))?;
            for der in &chain {
                roots
                    .add(CertificateDer::from(der.clone()))
                    .map_err(|error| format!(".tls.authorities: {}: {error}", path.display()))?;
            }
            let wrapped: Vec<WrappedX509> =
                chain.into_iter().map(|der| WrappedX509::new(der, parse_x509)).collect();
            template.authorities = Some(wrapped.into());
        } else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        let own = match (&tls.certificate, &tls.key) {
            (None, None) => None,
            (Some(chain), Some(key)) => {
                let chain = certificates(chain).map_err(|error| format!(".tls.certificate: {error}"))?;
                let der = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| format!(".tls.key: {}: {error}", key.display()))?;
                template.own = Some(Arc::new(CertKey::new(chain.clone(), der.secret_der().to_vec())));
                Some((chain, der))
            }
            _ => return Err(".tls: certificate and key come together".to_owned()),
        };
        template.probe = Some(Arc::new(client_config(roots, own, tls.insecure)?));
        template.group = template.group_key(name);
        Ok(template)
    }

    /// Connections are shared only by requests of one service with the same settings of TLS.
    fn group_key(&self, name: &str) -> u64 {
        let settings = format!(
            "{name} {:?} {:?} {:?}",
            self.service.tls, self.service.protocol, self.service.proxy_protocol
        );
        bole_edge_core::hash::of(1, settings.as_bytes())
    }

    /// The name that an instance's certificate must have.
    fn server_name(&self, member: &Member) -> String {
        let named = self.service.tls.as_ref().and_then(|tls| tls.name.clone());
        named.unwrap_or_else(|| member.host.clone())
    }

    /// How an instance is connected to.
    pub fn peer(&self, member: &Member) -> HttpPeer {
        let tls = self.service.tls.as_ref();
        let server_name = tls.map_or_else(String::new, |_| self.server_name(member));
        let mut peer = HttpPeer::new(member.address, tls.is_some(), server_name);
        let timeouts = &self.service.timeouts;
        peer.group_key = self.group;
        peer.client_cert_key.clone_from(&self.own);
        let options = &mut peer.options;
        options.connection_timeout = Some(timeouts.connect.0);
        options.total_connection_timeout = Some(timeouts.connect.0);
        options.write_timeout = Some(timeouts.write.0);
        options.idle_timeout = Some(self.service.connections.idle.0);
        options.max_h2_streams = self.service.connections.streams_max.max(1) as usize;
        options.h2_ping_interval = None;
        options.ca.clone_from(&self.authorities);
        options.http_upstream_request_policy = HttpUpstreamRequestPolicy::standard();
        let verified = tls.is_none_or(|tls| !tls.insecure);
        options.verify_cert = verified;
        options.verify_hostname = verified;
        options.alpn = match self.service.protocol {
            Protocol::Http1 => ALPN::H1,
            Protocol::Http2 => ALPN::H2,
            Protocol::Auto => ALPN::H2H1,
        };
        peer
    }

    /// Where a probe of an instance connects, and the name that its certificate must have.
    pub fn probe_name(&self, member: &Member) -> Option<ServerName<'static>> {
        ServerName::try_from(self.server_name(member)).ok()
    }

    /// The service.
    pub fn service(&self) -> &document::Service {
        &self.service
    }
}

fn client_config(
    roots: rustls::RootCertStore,
    own: Option<(Vec<Vec<u8>>, PrivateKeyDer<'static>)>,
    insecure: bool,
) -> Result<rustls::ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| format!(".tls: {error}"))?;
    let builder = if insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anything(provider)))
    } else {
        builder.with_root_certificates(roots)
    };
    match own {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => builder
            .with_client_auth_cert(chain.into_iter().map(CertificateDer::from).collect(), key)
            .map_err(|error| format!(".tls.certificate: {error}")),
    }
}

/// Takes any certificate, for services that say so.
#[derive(Debug)]
struct Anything(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Connects and says whose connection it is, before anything else.
#[derive(Debug)]
pub struct Announced {
    bytes: Vec<u8>,
    timeout: Duration,
}

/// Makes a peer announce the client. Its connections are this client's alone.
pub fn announce(peer: &mut HttpPeer, version: ProxyProtocol, origin: Origin, timeout: Duration) {
    let bytes = match version {
        ProxyProtocol::V1 => origin::line(origin),
        ProxyProtocol::V2 => origin::header(origin),
    };
    peer.group_key = bole_edge_core::hash::of(peer.group_key, &bytes);
    peer.options.custom_l4 = Some(Arc::new(Announced { bytes, timeout }));
}

#[async_trait]
impl L4Connect for Announced {
    async fn connect(&self, address: &PeerAddr) -> pingora_core::Result<PeerStream> {
        let PeerAddr::Inet(address) = address else {
            return Error::e_explain(ErrorType::ConnectError, "only addresses of IP can be announced to");
        };
        let connected = async {
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            stream.write_all(&self.bytes).await?;
            Ok::<_, std::io::Error>(stream)
        };
        match tokio::time::timeout(self.timeout, connected).await {
            Ok(Ok(stream)) => Ok(stream.into()),
            Ok(Err(error)) => Error::e_because(ErrorType::ConnectError, "with a PROXY line", error),
            Err(_) => Error::e_explain(ErrorType::ConnectTimedout, "with a PROXY line"),
        }
    }
}
