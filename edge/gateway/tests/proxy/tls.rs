//! TLS: certificates by name, client certificates, reload, and TLS to instances.

use crate::support::*;
use bole_gateway::config::Parts;
use bytes::Bytes;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// An authority with the certificates that it made, as files.
pub(crate) struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    certificate: CertificateDer<'static>,
    folder: tempfile::TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        let der = certificate.der().clone();
        Self { issuer: rcgen::Issuer::new(params, key), certificate: der, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes `name.pem` and `name.key`, for these hosts.
    pub(crate) fn make(
        &self,
        name: &str,
        hosts: &[&str],
    ) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = rcgen::KeyPair::generate().unwrap();
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>();
        let certificate =
            rcgen::CertificateParams::new(hosts).unwrap().signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
        std::fs::write(self.path(&format!("{name}.pem")), certificate.pem()).unwrap();
        (certificate.der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    }

    fn roots(&self) -> rustls::RootCertStore {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        roots
    }

    pub(crate) fn written(&self, name: &str, more: &str) -> String {
        let (chain, key) = (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key")));
        format!(
            "[certificates.{name}]\ncertificate = \"{}\"\nkey = \"{}\"\n{more}\n",
            chain.display(),
            key.display()
        )
    }
}

pub(crate) type Own = Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>;

/// A client's connection with TLS: the certificate that was shown, and the stream.
pub(crate) async fn connect(
    address: SocketAddr,
    authority: &Authority,
    name: &str,
    alpn: &[u8],
    own: Own,
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(authority.roots());
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder.with_client_auth_cert(vec![chain], key).unwrap(),
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    let socket = TcpStream::connect(address).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, socket).await
}

pub(crate) async fn ask(
    stream: &mut tokio_rustls::client::TlsStream<TcpStream>,
    host: &str,
) -> Option<String> {
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await.ok()?;
    tokio::time::timeout(PATIENCE, message(stream, &mut Vec::new())).await.unwrap()
}

pub(crate) fn shown(stream: &tokio_rustls::client::TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn certificates_are_chosen_by_name_and_read_again() {
    let authority = Authority::new();
    let (exact, _) = authority.make("exact", &["a.example"]);
    let (wild, _) = authority.make("wild", &["*.b.example"]);
    let text = format!(
        "{}{}[routes.a]\nreply = {{ status = 200, body = \"ok\" }}\n",
        authority.written("exact", ""),
        authority.written("wild", "")
    );
    let gateway = gateway_with(&text, Parts::default(), |config| {
        config.https = vec!["127.0.0.1:0".parse().unwrap()];
        config.reload_interval = std::time::Duration::from_millis(50);
    })
    .await;
    let address = gateway.https()[0];
    for (name, expected) in [("a.example", &exact), ("x.b.example", &wild)] {
        let mut stream = connect(address, &authority, name, b"http/1.1", None).await.unwrap();
        assert_eq!(shown(&stream), expected.to_vec(), "{name}");
        assert_eq!(status(&ask(&mut stream, name).await.unwrap()), 200);
    }
    for name in ["b.example", "x.y.b.example", "c.example"] {
        assert!(connect(address, &authority, name, b"http/1.1", None).await.is_err(), "{name}");
    }
    // A connection for one name carries no requests for another certificate's.
    let mut stream = connect(address, &authority, "a.example", b"http/1.1", None).await.unwrap();
    assert_eq!(status(&ask(&mut stream, "x.b.example").await.unwrap()), 421);
    // A broken file changes nothing; a good one takes its place.
    std::fs::write(authority.path("exact.pem"), "broken").unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let stream = connect(address, &authority, "a.example", b"http/1.1", None).await.unwrap();
    assert_eq!(shown(&stream), exact.to_vec());
    let (renewed, _) = authority.make("exact", &["a.example"]);
    let begun = std::time::Instant::now();
    while shown(&connect(address, &authority, "a.example", b"http/1.1", None).await.unwrap())
        != renewed.to_vec()
    {
        assert!(begun.elapsed() < PATIENCE, "the new certificate is never shown");
    }
}

#[tokio::test]
async fn http2_is_agreed_on_in_the_handshake() {
    let authority = Authority::new();
    authority.make("one", &["a.example"]);
    let backend = Backend::start(Behaviour::Echo).await;
    let text = format!("{}{}", document(&[&backend], ""), authority.written("one", ""));
    let gateway =
        gateway_with(&text, Parts::default(), |config| config.https = vec!["127.0.0.1:0".parse().unwrap()])
            .await;
    let stream = connect(gateway.https()[0], &authority, "a.example", b"h2", None).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("https://a.example/x").body(()).unwrap();
    let (answer, _) = sender.ready().await.unwrap().send_request(request, true).unwrap();
    let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap();
    let body = answer.into_body().data().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&body).contains("x-forwarded-proto: https"));
}

#[tokio::test]
async fn clients_show_certificates_where_they_must() {
    let authority = Authority::new();
    authority.make("open", &["open.example"]);
    authority.make("closed", &["closed.example"]);
    let (chain, key) = authority.make("client", &["client"]);
    let ca = format!("client_authorities = \"{}\"", authority.path("ca.pem").display());
    let text = format!(
        "{}{}[routes.a]\nreply = {{ status = 200 }}\n",
        authority.written("open", ""),
        authority.written("closed", &ca)
    );
    let gateway =
        gateway_with(&text, Parts::default(), |config| config.https = vec!["127.0.0.1:0".parse().unwrap()])
            .await;
    let address = gateway.https()[0];
    let with = connect(address, &authority, "closed.example", b"http/1.1", Some((chain, key))).await;
    assert_eq!(status(&ask(&mut with.unwrap(), "closed.example").await.unwrap()), 200);
    // With TLS 1.3 the refusal comes after the client's side of the handshake.
    if let Ok(mut without) = connect(address, &authority, "closed.example", b"http/1.1", None).await {
        assert_eq!(ask(&mut without, "closed.example").await, None);
    }
    let mut round = connect(address, &authority, "open.example", b"http/1.1", None).await.unwrap();
    assert_eq!(status(&ask(&mut round, "closed.example").await.unwrap()), 421, "not by way of another name");
}

#[tokio::test]
async fn certificates_are_logins() {
    let authority = Authority::new();
    authority.make("server", &["a.example"]);
    let (known, known_key) = authority.make("known", &["one.machines.example"]);
    let (other, other_key) = authority.make("other", &["one.elsewhere.example"]);
    let more =
        format!("client_authorities = \"{}\"\nclient_optional = true", authority.path("ca.pem").display());
    let text = format!(
        "{}[logins.machines.certificate]\nnames = [\"*.machines.example\"]\n[consumers.\"one.machines.example\"]\ngroups = [\"machines\"]\n\
         [routes.a]\nreply = {{ status = 200 }}\nlogin = [\"machines\"]\nallow = [\"@machines\"]\nresponse_headers = {{ set = {{ x-who = \"{{consumer}}\" }} }}\n",
        authority.written("server", &more)
    );
    let gateway =
        gateway_with(&text, Parts::default(), |config| config.https = vec!["127.0.0.1:0".parse().unwrap()])
            .await;
    for (own, expected, part) in [
        (Some((known, known_key)), 200, "x-who: one.machines.example"),
        (Some((other, other_key)), 403, "urn:bole:gateway:certificate"),
        (None, 403, "urn:bole:gateway:no-certificate"),
    ] {
        let mut stream =
            connect(gateway.https()[0], &authority, "a.example", b"http/1.1", own).await.unwrap();
        let answer = ask(&mut stream, "a.example").await.unwrap();
        assert!(status(&answer) == expected && answer.to_lowercase().contains(part), "{part}: {answer}");
    }
}

/// An instance with TLS that asks for certificates of its authority, and answers once a connection with the protocol agreed on.
async fn secured(authority: &Authority, name: &str, alpn: &[&[u8]]) -> SocketAddr {
    let (chain, key) = authority.make(name, &[name]);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
        Arc::new(authority.roots()),
        provider.clone(),
    );
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![chain], key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|alpn| alpn.to_vec()).collect();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(socket).await else { return };
                let named = stream.get_ref().1.server_name().unwrap_or("").to_owned();
                if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                    let mut connection = h2::server::handshake(stream).await.unwrap();
                    while let Some(Ok((_, mut answer))) = connection.accept().await {
                        let mut body = answer.send_response(http::Response::new(()), false).unwrap();
                        body.send_data(Bytes::from(format!("h2 {named}")), true).unwrap();
                    }
                } else if message(&mut stream, &mut Vec::new()).await.is_some() {
                    let body = format!("h1 {named}");
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    let _ = stream.shutdown().await;
                    let _ = stream.read(&mut [0; 16]).await;
                }
            });
        }
    });
    address
}

fn to_instance(address: SocketAddr, protocol: &str, tls: &str) -> String {
    format!(
        "[services.s]\ninstances = [\"{address}\"]\nprotocol = \"{protocol}\"\ntls = {{ {tls} }}\nretries = {{ attempts = 0 }}\n[routes.a]\nservice = \"s\"\n"
    )
}

#[tokio::test]
async fn instances_are_spoken_to_with_tls_and_know_who_asks() {
    let (authority, other) = (Authority::new(), Authority::new());
    authority.make("gateway", &["gateway"]);
    let path = |path: PathBuf| path.display().to_string();
    let own = format!(
        "certificate = \"{}\", key = \"{}\"",
        path(authority.path("gateway.pem")),
        path(authority.path("gateway.key"))
    );
    let trusts = |authority: &Authority| format!("authorities = \"{}\"", path(authority.path("ca.pem")));
    let h2 = secured(&authority, "two.internal", &[b"h2", b"http/1.1"]).await;
    let h1 = secured(&authority, "one.internal", &[b"http/1.1"]).await;
    let gateway = gateway("[routes.none]\npath = \"/none\"\nreply = { status = 200 }\n").await;
    let full = format!("{}, {own}", trusts(&authority));
    let rows: Vec<(SocketAddr, &str, String, u16, &str)> = vec![
        (h1, "http/1.1", format!("{full}, name = \"one.internal\""), 200, "h1 one.internal"),
        (h2, "http/1.1", format!("{full}, name = \"two.internal\""), 200, "h1 two.internal"),
        (h2, "http/2", format!("{full}, name = \"two.internal\""), 200, "h2 two.internal"),
        (h2, "auto", format!("{full}, name = \"two.internal\""), 200, "h2 two.internal"),
        (h1, "auto", format!("{full}, name = \"one.internal\""), 200, "h1 one.internal"),
        (h1, "http/1.1", format!("{full}, name = \"other.internal\""), 502, "tls-failed"),
        // Without a name the instance's address must be in the certificate.
        (h1, "http/1.1", full.clone(), 502, "tls-failed"),
        (h1, "http/1.1", format!("{}, {own}, name = \"one.internal\"", trusts(&other)), 502, "tls-failed"),
        (h1, "http/1.1", format!("{own}, insecure = true"), 200, "h1"),
        (
            h1,
            "http/1.1",
            format!("{}, name = \"one.internal\"", trusts(&authority)),
            502,
            "urn:bole:gateway:",
        ),
    ];
    for (address, protocol, tls, expected, part) in rows {
        gateway.apply(read(&to_instance(address, protocol, &tls))).await.unwrap();
        let answer = get(&gateway, "/").await;
        assert!(status(&answer) == expected && answer.contains(part), "{protocol} {tls}: {answer}");
    }
    let missing =
        to_instance(h1, "http/1.1", &format!("authorities = \"{}\"", Path::new("/nowhere/ca.pem").display()));
    let refused = gateway.apply(read(&missing)).await.unwrap_err().to_string();
    assert!(refused.contains("services.s.tls.authorities: /nowhere/ca.pem"), "{refused}");
    assert!(gateway.apply(read(&to_instance(h1, "auto", ""))).await.is_ok());
    let plain_auto = "[services.s]\ninstances = [\"127.0.0.1:1\"]\nprotocol = \"auto\"\n";
    assert!(gateway.apply(read(plain_auto)).await.is_err());
}
