//! The errors of this crate's boundary: what keeps a listener from starting, in the operator's words.

use std::net::SocketAddr;
use std::path::PathBuf;

use bole_base::Kind;

/// What keeps a listener from starting or a connection from being secured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process listens there.
    #[error("{service} cannot listen on {address}: the port is taken; set `{option}` to another address")]
    AddressTaken {
        /// The service that wanted to listen.
        service: &'static str,
        /// The configuration option that names the address.
        option: &'static str,
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on for another reason (not of this machine, a privileged port, ...).
    #[error("{service} cannot listen on {address}: {source}; check `{option}`")]
    Bind {
        /// The service that wanted to listen.
        service: &'static str,
        /// The configuration option that names the address.
        option: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A certificate, key or CA file cannot be used.
    #[error("TLS file {}: {reason}", path.display())]
    TlsFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and key cannot be used together.
    #[error("TLS certificate {} and key {}: {reason}", certificate.display(), key.display())]
    TlsPair {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
        /// What is wrong with them.
        reason: String,
    },
    /// The peer did not complete a TLS handshake.
    #[error("TLS handshake: {0}")]
    Handshake(String),
    /// The configuration would expose the node without authentication (P8).
    #[error("{0}")]
    Unsafe(String),
}

impl Error {
    /// What the caller can do about it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::AddressTaken { .. } => Kind::Conflict,
            Self::Bind { .. } | Self::TlsFile { .. } | Self::TlsPair { .. } => Kind::InvalidInput,
            Self::Handshake(_) => Kind::Io,
            Self::Unsafe(_) => Kind::Denied,
        }
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
