//! Certificates with which the gateway answers.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

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
    /// URL of its directory.
    pub directory: String,
    /// Whom it writes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// PEM file of the authorities of the authority's own server; the machine's without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities: Option<PathBuf>,
}
