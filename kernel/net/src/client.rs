//! TLS towards servers: what a node asks of others (keys of an issuer of tokens), and what the command line asks of a node.
//!
//! A server's certificate has to be good for the name by which it is called, by an authority of the machine or, if a file is
//! given, by one of that file alone. There is no way to do without.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::{Error, Result};
use crate::tls;

/// Files with a client's own certificate and key, as in [`tls::Config`].
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    /// The certificate, then those of the authorities between it and the root.
    pub certificate: &'a Path,
    /// Its private key.
    pub key: &'a Path,
}

/// TLS that is ready to connect. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Loads the PEM files: whom to trust (`None`: the machine's authorities), and what to show to servers that ask. Blocks
    /// on them. Errors: `TlsFile`, `TlsPair`, `Handshake`.
    pub fn load(authorities: Option<&Path>, own: Option<Own<'_>>) -> Result<Self> {
        let roots = match authorities {
            Some(path) => tls::roots(&tls::read(path)?, path)?,
            None => machine_roots()?,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| Error::Handshake(error.to_string()))?
            .with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some(Own { certificate, key }) => {
                let chain = tls::certificates(&tls::read(certificate)?, certificate)?;
                let private = tls::private_key(&tls::read(key)?, key)?;
                let pair = |error: rustls::Error| Error::TlsPair {
                    certificate: certificate.to_owned(),
                    key: key.to_owned(),
                    reason: error.to_string(),
                };
                builder.with_client_auth_cert(chain, private).map_err(pair)?
            }
        };
        Ok(Self(Arc::new(config)))
    }

    /// Secures a connection to `host`, a name or an address. Cancelling closes the socket. Errors: `Handshake`.
    pub async fn connect(&self, socket: TcpStream, host: &str) -> Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned());
        let name =
            name.map_err(|_| Error::Handshake(format!("\"{host}\" is neither a host name nor an address")))?;
        let secured = TlsConnector::from(Arc::clone(&self.0)).connect(name, socket).await;
        secured.map_err(|error| Error::Handshake(format!("with {host}: {error}")))
    }
}

/// [`Tls::load`] without a certificate of its own, and [`Tls::connect`], for a single connection.
pub async fn secure(
    socket: TcpStream,
    host: &str,
    authorities: Option<&Path>,
) -> Result<TlsStream<TcpStream>> {
    Tls::load(authorities, None)?.connect(socket, host).await
}

fn machine_roots() -> Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _unusable) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let reason = found.errors.first().map_or("there are none".to_owned(), ToString::to_string);
        return Err(Error::Handshake(format!("this machine's authorities cannot be used: {reason}")));
    }
    Ok(roots)
}
