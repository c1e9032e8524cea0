//! What authorities look for: files that they fetch (RFC 8555, section 8.3), and handshakes of TLS (RFC 8737). The gateway looks here; an order puts
//! its proofs in, and they go when it ends, whichever way.

use crate::limits;
use parking_lot::RwLock;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What paths of files begin with.
pub const PATH: &str = "/.well-known/acme-challenge/";
/// The protocol that handshakes offer, and nothing else.
pub const ALPN: &[u8] = b"acme-tls/1";

/// What is there to be looked at. Cheap to ask where there is nothing.
#[derive(Debug, Default)]
pub struct Proofs {
    count: AtomicUsize,
    /// By host and token.
    files: RwLock<HashMap<(String, String), String>>,
    /// By host.
    handshakes: RwLock<HashMap<String, Arc<ServerConfig>>>,
}

/// A proof that is there until this is dropped.
#[derive(Debug)]
pub(crate) struct Guard {
    proofs: Arc<Proofs>,
    host: String,
    /// Of a file.
    token: Option<String>,
}

#[derive(Debug)]
struct One(Arc<CertifiedKey>);

impl ResolvesServerCert for One {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

impl Proofs {
    /// What the file at this path of a host holds, if an order needs it.
    pub fn file(&self, host: &str, path: &str) -> Option<String> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let token = path.strip_prefix(PATH)?;
        self.files.read().get(&(host.to_owned(), token.to_owned())).cloned()
    }

    /// With what a handshake for a host is answered, if an order needs it.
    pub fn handshake(&self, host: &str) -> Option<Arc<ServerConfig>> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.handshakes.read().get(&host.to_ascii_lowercase()).cloned()
    }

    fn admit(&self) -> Result<(), String> {
        let admit = |count: usize| (count < limits::PROOFS_MAX).then_some(count + 1);
        let counted = self.count.fetch_update(Ordering::AcqRel, Ordering::Acquire, admit);
        counted.map(|_| ()).map_err(|count| format!("{count} proofs are under way; that is the most"))
    }

    /// Puts a file there.
    pub(crate) fn put_file(
        self: &Arc<Self>,
        host: &str,
        token: &str,
        content: &str,
    ) -> Result<Guard, String> {
        // The token becomes a part of a path.
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if token.is_empty() || token.len() > 200 || !token.bytes().all(is_token) {
            return Err("the authority's token is not base64url".to_owned());
        }
        self.admit()?;
        self.files.write().insert((host.to_owned(), token.to_owned()), content.to_owned());
        Ok(Guard { proofs: Arc::clone(self), host: host.to_owned(), token: Some(token.to_owned()) })
    }

    /// Puts an answer to handshakes there.
    pub(crate) fn put_handshake(self: &Arc<Self>, host: &str, digest: &[u8]) -> Result<Guard, String> {
        let config = handshake(host, digest)?;
        self.admit()?;
        self.handshakes.write().insert(host.to_owned(), Arc::new(config));
        Ok(Guard { proofs: Arc::clone(self), host: host.to_owned(), token: None })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        match self.token.take() {
            Some(token) => drop(self.proofs.files.write().remove(&(std::mem::take(&mut self.host), token))),
            None => drop(self.proofs.handshakes.write().remove(&self.host)),
        }
        self.proofs.count.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A certificate that nobody signed, with the digest in it (RFC 8737, section 3).
fn handshake(host: &str, digest: &[u8]) -> Result<ServerConfig, String> {
    if digest.len() != 32 {
        return Err("a proof by handshake is of 32 bytes".to_owned());
    }
    let told = |error: rcgen::Error| format!("no certificate for the proof can be made: {error}");
    let mut params = CertificateParams::new(vec![host.to_owned()]).map_err(told)?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate().map_err(told)?;
    let certificate = params.self_signed(&key).map_err(told)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
    let told = |error: rustls::Error| error.to_string();
    let key = provider.key_provider.load_private_key(key.into()).map_err(told)?;
    // Not by way of what checks that both belong together: that refuses certificates with an extension that it does not know.
    let certified = CertifiedKey::new(vec![certificate.der().clone()], key);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(told)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(One(Arc::new(certified))));
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_are_there_for_their_host_until_their_order_ends() {
        let proofs = Arc::<Proofs>::default();
        assert_eq!(proofs.file("a.b", "/.well-known/acme-challenge/t"), None);
        let file = proofs.put_file("a.b", "t", "t.key").expect("there is room");
        let handshake = proofs.put_handshake("c.d", &[7; 32]).expect("there is room");
        let asked = |host, path| proofs.file(host, path);
        assert_eq!(asked("a.b", "/.well-known/acme-challenge/t").as_deref(), Some("t.key"));
        assert_eq!(asked("c.d", "/.well-known/acme-challenge/t"), None, "another host");
        assert_eq!(asked("a.b", "/.well-known/acme-challenge/u"), None, "another token");
        assert_eq!(asked("a.b", "/t"), None);
        assert!(proofs.handshake("C.D").is_some() && proofs.handshake("a.b").is_none());
        drop((file, handshake));
        assert_eq!(asked("a.b", "/.well-known/acme-challenge/t"), None);
        assert!(proofs.handshake("c.d").is_none());
    }

    #[test]
    fn tokens_that_are_none_and_too_many_proofs_are_refused() {
        let proofs = Arc::<Proofs>::default();
        for token in ["", "a/b", "..", "a b", "ä", &"t".repeat(201)] {
            assert!(proofs.put_file("a.b", token, "x").is_err(), "{token}");
        }
        let held: Vec<_> =
            (0..limits::PROOFS_MAX).map(|number| proofs.put_file("a.b", &number.to_string(), "x")).collect();
        assert!(held.iter().all(Result::is_ok));
        assert!(proofs.put_file("a.b", "more", "x").is_err());
        drop(held);
        assert!(proofs.put_file("a.b", "more", "x").is_ok());
    }
}
