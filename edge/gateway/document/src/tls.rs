//! Certificates with which the gateway answers.

use crate::access::Secret;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The authority where a document names none.
pub const PUBLIC_DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// A certificate: from files, or from an authority that speaks ACME.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Names that it is used for, `*.example.com` included; those in the certificate without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// PEM file of the chain, the own certificate first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// PEM file of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Or whom to ask for one. Needs `hosts`, without wildcards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acme: Option<Acme>,
    /// Asks clients of these hosts for a certificate of one of these authorities (PEM file).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_authorities: Option<PathBuf>,
    /// Lets clients in without one; routes may then ask for it by a login of the kind `certificate`.
    #[serde(default)]
    pub client_optional: bool,
}

/// An authority that gives certificates by itself (RFC 8555).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acme {
    /// URL of its directory; that of Let's Encrypt without.
    #[serde(default = "public_directory", skip_serializing_if = "is_public_directory")]
    pub directory: String,
    /// Its terms of service were read and are agreed to. Nothing is asked of it without.
    #[serde(default)]
    pub terms_agreed: bool,
    /// Whom it writes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// How it sees that the names lead here.
    #[serde(default, skip_serializing_if = "Challenge::is_default")]
    pub challenge: Challenge,
    /// Which of its kinds of certificates; its own choice without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// PEM file of the authorities of the authority's own server; the machine's without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities: Option<PathBuf>,
    /// An account that one has with it already, which it asks for (RFC 8555, section 7.3.4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_account: Option<ExternalAccount>,
}

/// How an authority sees that a name leads to this gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Challenge {
    /// It fetches a file from port 80 of the name (RFC 8555, section 8.3).
    #[default]
    #[serde(rename = "http-01")]
    Http,
    /// It makes a handshake of TLS with port 443 of the name (RFC 8737).
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn,
}

/// An account that was made elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalAccount {
    /// What the authority calls it.
    pub id: String,
    /// Its key: base64url, as the authority shows it.
    pub key: Secret,
}

fn public_directory() -> String {
    PUBLIC_DIRECTORY.to_owned()
}

fn is_public_directory(directory: &str) -> bool {
    directory == PUBLIC_DIRECTORY
}

impl Challenge {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http-01",
            Self::TlsAlpn => "tls-alpn-01",
        }
    }
}
