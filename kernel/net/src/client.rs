//! TLS towards other servers: what this node asks of them (keys of an issuer of tokens), with the machine's authorities or those of a file.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::{Error, Result};
use crate::tls;

/// Secures a connection to `host`, whose certificate has to be good for that name by an authority of the machine, or of the
/// PEM file `authorities` alone if given. Blocks shortly on files. Cancelling closes the socket.
pub async fn secure(
    socket: TcpStream,
    host: &str,
    authorities: Option<&Path>,
) -> Result<TlsStream<TcpStream>> {
    let roots = match authorities {
        Some(path) => tls::roots(&tls::read(path)?, path)?,
        None => machine_roots()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| Error::Handshake(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned());
    let name =
        name.map_err(|_| Error::Handshake(format!("\"{host}\" is neither a host name nor an address")))?;
    let secured = TlsConnector::from(Arc::new(config)).connect(name, socket).await;
    secured.map_err(|error| Error::Handshake(format!("with {host}: {error}")))
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
