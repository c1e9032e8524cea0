//! With TLS, under certificates made for each test.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bole_net::{Connection, Listener, Metrics, Stopper, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::bench::{Bench, config, echoes, rest, soon, until};

/// An authority and the files that it makes.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: TempDir,
}

/// A certificate and its key in PEM form.
struct Pair {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, dir: tempfile::tempdir().unwrap() }
    }

    fn pair(&self) -> Pair {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn write(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, contents).unwrap();
        path
    }

    fn config(&self) -> bole_net::tls::Config {
        let pair = self.pair();
        bole_net::tls::Config::new(
            self.write("cert.pem", &pair.certificate),
            self.write("key.pem", &pair.key),
        )
    }

    fn client(&self, own: Option<Pair>, versions: &[&'static SupportedProtocolVersion]) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let builder = builder.with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain = vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        Client(TlsConnector::from(Arc::new(config)))
    }
}

struct Client(TlsConnector);

impl Client {
    async fn connect(&self, bench: &Bench) -> std::io::Result<TlsStream<TcpStream>> {
        let socket = TcpStream::connect(bench.address).await?;
        soon(self.0.connect(ServerName::try_from("localhost").unwrap(), socket)).await
    }

    /// Whether a connection comes about and works. (With TLS 1.3 a client learns only then that it was refused.)
    async fn works(&self, bench: &Bench) -> bool {
        match self.connect(bench).await {
            Ok(mut stream) => echoes(&mut stream, b"secret").await,
            Err(_) => false,
        }
    }
}

async fn start(tls: Tls) -> Bench {
    Bench::start(bole_net::listener::Config { tls: Some(tls), ..config() }).await
}

#[tokio::test]
async fn both_versions_are_served() {
    let authority = Authority::new();
    let bench = start(Tls::load(authority.config()).unwrap()).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut stream = authority.client(None, &[version]).connect(&bench).await.unwrap();
        assert!(echoes(&mut stream, b"secret").await);
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
    }
    assert!(bench.metrics.bytes_in.get() == 12 && bench.metrics.handshakes_failed.get() == 0);
    bench.stop().await;
}

#[tokio::test]
async fn only_clients_of_the_authority_are_served() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let mut config = authority.config();
    config.client_ca = Some(authority.write("ca.pem", &authority.issuer.pem()));
    let bench = start(Tls::load(config).unwrap()).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for (own, served) in [(Some(authority.pair()), true), (Some(stranger.pair()), false), (None, false)] {
            assert_eq!(authority.client(own, &[version]).works(&bench).await, served);
        }
    }
    until(|| bench.metrics.handshakes_failed.get() == 4).await;
    bench.stop().await;
}

#[tokio::test]
async fn a_slow_or_wrong_handshake_is_cut() {
    let authority = Authority::new();
    let mut config = authority.config();
    config.handshake_timeout = Duration::from_millis(50);
    let bench = start(Tls::load(config).unwrap()).await;
    let mut silent = TcpStream::connect(bench.address).await.unwrap();
    assert_eq!(rest(&mut silent).await, b"");
    assert_eq!(bench.metrics.handshakes_failed.get(), 1);
    let mut clear = TcpStream::connect(bench.address).await.unwrap();
    assert!(!echoes(&mut clear, b"GET / HTTP/1.1\r\n\r\n").await);
    until(|| bench.metrics.handshakes_failed.get() == 2).await;
    assert_eq!(bench.stop().await.aborted, 0);
}

#[tokio::test]
async fn changed_files_are_taken_over_and_broken_ones_are_not() {
    let (old, new) = (Authority::new(), Authority::new());
    let config = old.config();
    let (certificate, key) = (config.certificate.clone(), config.key.clone());
    let tls = Tls::load(config).unwrap();
    let (stopper, shutdown) = Stopper::new();
    let watching = tokio::spawn(tls.clone().watch(Duration::from_millis(1), shutdown));
    let bench = start(tls).await;
    let versions = [&rustls::version::TLS13];
    let (old_client, new_client) = (old.client(None, &versions), new.client(None, &versions));
    let mut open = old_client.connect(&bench).await.unwrap();
    let pair = new.pair();
    for broken in ["", "no certificate", &pair.certificate] {
        std::fs::write(&certificate, broken).unwrap();
        // Neither an empty file, nor nonsense, nor a certificate of another key is used.
        for _ in 0..5 {
            assert!(old_client.works(&bench).await, "after {broken:?}");
        }
    }
    std::fs::write(&key, &pair.key).unwrap();
    soon(async { while !new_client.works(&bench).await {} }).await;
    assert!(!old_client.works(&bench).await);
    assert!(echoes(&mut open, b"still here").await);
    stopper.stop();
    soon(watching).await.unwrap();
    bench.stop().await;
}

#[test]
fn unusable_files_are_named() {
    let authority = Authority::new();
    let good = authority.config();
    let other_key = authority.write("other.pem", &authority.pair().key);
    let nonsense = authority.write("nonsense.pem", "nonsense");
    let missing = authority.dir.path().join("missing.pem");
    let with = |certificate: &PathBuf, key: &PathBuf, client_ca: Option<&PathBuf>| bole_net::tls::Config {
        client_ca: client_ca.cloned(),
        ..bole_net::tls::Config::new(certificate, key)
    };
    for (config, expected) in [
        (with(&missing, &good.key, None), "missing.pem"),
        (with(&nonsense, &good.key, None), "nonsense.pem: no certificate"),
        (with(&good.certificate, &nonsense, None), "nonsense.pem: no private key"),
        (with(&good.certificate, &other_key, None), "other.pem"),
        (with(&good.certificate, &good.key, Some(&nonsense)), "nonsense.pem: no certificate"),
    ] {
        let text = Tls::load(config).unwrap_err().to_string();
        assert!(text.contains(expected), "{text} lacks {expected}");
    }
}

#[tokio::test]
async fn a_protocol_may_ask_for_tls_in_clear_first_and_split() {
    let authority = Authority::new();
    let tls = Tls::load(authority.config()).unwrap();
    let listener = Listener::bind("upgrade", "upgrade.listen", "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local();
    let (stopper, shutdown) = Stopper::new();
    let metrics = Metrics::new().service("upgrade");
    let handler = move |mut connection: Connection| {
        let tls = tls.clone();
        async move {
            assert!(!connection.stream.is_secured());
            assert_eq!(connection.stream.read_u8().await.unwrap(), b'S');
            let stream = connection.stream.secure(&tls).await.unwrap();
            assert!(stream.is_secured() && stream.client_certificate().is_none());
            let (mut receiving, mut sending) = stream.into_split();
            tokio::io::copy(&mut receiving, &mut sending).await.unwrap();
            sending.shutdown().await.unwrap();
        }
    };
    let serving = tokio::spawn(listener.serve(config(), metrics.clone(), shutdown, handler));
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(b"S").await.unwrap();
    let client = authority.client(None, &[&rustls::version::TLS13]);
    let mut stream =
        soon(client.0.connect(ServerName::try_from("localhost").unwrap(), socket)).await.unwrap();
    assert!(echoes(&mut stream, b"secret").await);
    stream.shutdown().await.unwrap();
    assert_eq!(rest(&mut stream).await, b"");
    stopper.stop();
    assert_eq!(soon(serving).await.unwrap().aborted, 0);
    // The byte in clear and the six through TLS.
    assert_eq!((metrics.bytes_in.get(), metrics.bytes_out.get()), (7, 6));
    assert_eq!(metrics.connections_panicked.get(), 0);
}
