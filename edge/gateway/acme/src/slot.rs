//! Where a certificate is shown: the place from which handshakes take it. It changes while connections go on, and is empty until there is one.

use crate::kept::Issued;
use crate::limits;
use arc_swap::ArcSwapOption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::Arc;
use x509_parser::extensions::GeneralName;

/// A certificate that can be shown, and what it says of itself.
#[derive(Debug)]
pub struct Shown {
    /// With its key.
    pub certified: Arc<CertifiedKey>,
    /// Names that it is for, in lower case.
    pub names: Vec<String>,
    /// When it begins to be good, in seconds since 1970.
    pub not_before: i64,
    /// When it ends, in seconds since 1970.
    pub not_after: i64,
}

impl Shown {
    /// Reads what is kept; the error says what is wrong with it, without the key.
    pub fn read(issued: &Issued) -> Result<Self, String> {
        if issued.chain.len() > limits::CHAIN_BYTES_MAX {
            return Err(format!(
                "its chain has {} bytes; at most {} are possible",
                issued.chain.len(),
                limits::CHAIN_BYTES_MAX
            ));
        }
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(issued.chain.as_bytes()).collect();
        let chain = chain.map_err(|error| format!("its chain is no PEM: {error}"))?;
        let first = chain.first().ok_or("its chain is empty")?;
        let (_, parsed) = x509_parser::parse_x509_certificate(first)
            .map_err(|error| format!("its first certificate cannot be read: {error}"))?;
        let names = parsed.subject_alternative_name().ok().flatten();
        let names = names.iter().flat_map(|names| &names.value.general_names);
        let names = names.filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        });
        let names: Vec<String> = names.collect();
        if let Some(missing) = issued.hosts.iter().find(|host| !names.contains(host)) {
            return Err(format!("it is not for {missing:?}, only for {}", names.join(", ")));
        }
        let validity = parsed.validity();
        let (not_before, not_after) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        if not_after <= not_before {
            return Err("it ends before it begins".to_owned());
        }
        let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).map_err(|_| "its key is no PEM")?;
        let provider = rustls::crypto::ring::default_provider();
        let certified = CertifiedKey::from_der(chain, key, &provider);
        let certified =
            certified.map_err(|error| format!("certificate and key do not belong together: {error}"))?;
        Ok(Self { certified: Arc::new(certified), names, not_before, not_after })
    }

    fn is_for(&self, host: &str) -> bool {
        let wildcard = |name: &String| {
            name.strip_prefix("*.")
                .is_some_and(|rest| host.split_once('.').is_some_and(|(_, own)| own == rest))
        };
        self.names.iter().any(|name| name == host || wildcard(name))
    }
}

/// A place for a certificate.
#[derive(Debug, Default)]
pub struct Slot(ArcSwapOption<Shown>);

impl Slot {
    /// Shows this one from now on. Connections keep what they began with.
    pub(crate) fn show(&self, shown: Arc<Shown>) {
        self.0.store(Some(shown));
    }

    /// The one that is shown.
    pub fn shown(&self) -> Option<Arc<Shown>> {
        self.0.load_full()
    }

    /// The one for a host that a client asks for; whichever there is for one that names none. Nothing if it is for others only: an older one may
    /// lack hosts that came later.
    pub fn find(&self, host: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let shown = self.0.load();
        let shown = shown.as_ref()?;
        host.is_none_or(|host| shown.is_for(&host.to_ascii_lowercase())).then(|| shown.certified.clone())
    }
}

impl ResolvesServerCert for Slot {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name())
    }
}
