//! What a document wants of authorities, with secrets in clear.

use bole_gateway_document::tls::{Acme, Challenge};
use std::path::PathBuf;

/// A certificate that is wanted. Two that are equal are the same order.
#[derive(Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What the document calls it.
    pub name: String,
    /// Names that it has to be for, in lower case and sorted.
    pub hosts: Vec<String>,
    /// URL of the authority's directory.
    pub directory: String,
    /// Whom the authority writes to: an address, with or without `mailto:`.
    pub contact: Option<String>,
    /// How the authority sees that the hosts lead here.
    pub challenge: Challenge,
    /// Which of its kinds of certificates.
    pub profile: Option<String>,
    /// PEM file of the authorities of its own server; the machine's without.
    pub authorities: Option<PathBuf>,
    /// An account that was made elsewhere.
    pub external: Option<External>,
}

/// An account that was made elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct External {
    /// What the authority calls it.
    pub id: String,
    /// Its key.
    pub key: Vec<u8>,
}

impl Wanted {
    /// What an object of the document wants. `external` is its account, its key in clear.
    pub fn new(name: &str, hosts: &[String], acme: &Acme, external: Option<External>) -> Self {
        let spelled = |host: &String| host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let mut hosts: Vec<String> = hosts.iter().map(spelled).collect();
        hosts.sort();
        hosts.dedup();
        Self {
            name: name.to_owned(),
            hosts,
            directory: acme.directory.clone(),
            contact: acme.contact.clone(),
            challenge: acme.challenge,
            profile: acme.profile.clone(),
            authorities: acme.authorities.clone(),
            external,
        }
    }

    /// The contact as a URL.
    pub fn contact_url(&self) -> Option<String> {
        let contact = self.contact.as_deref()?;
        Some(format!("mailto:{}", contact.strip_prefix("mailto:").unwrap_or(contact)))
    }
}
