//! The errors of this crate's boundary.

use crate::zone::Problems;
use bole_base::Kind;
use std::path::PathBuf;

/// What keeps the server from opening, or a zone from being taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A zone is not right; the one before it stays.
    #[error("{0}")]
    Zone(Problems),
    /// Two zones have one apex.
    #[error("{}: the zone {origin} is there already, from {first}", file.display())]
    Twice {
        /// The later file.
        file: PathBuf,
        /// The apex.
        origin: String,
        /// The earlier source.
        first: String,
    },
    /// A file cannot be read.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A setting is wrong.
    #[error("`{option}`: {reason}")]
    Setting {
        /// Which.
        option: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// No zone has this apex.
    #[error("there is no zone {0}")]
    NoZone(String),
    /// An address cannot be listened on, or TLS not be used.
    #[error(transparent)]
    Net(#[from] bole_net::Error),
    /// The system has no randomness.
    #[error("the system gives no random bytes")]
    Randomness,
}

impl Error {
    /// What the caller can do about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Zone(_) | Self::Setting { .. } => Kind::InvalidInput,
            Self::Twice { .. } => Kind::Conflict,
            Self::File { .. } => Kind::Io,
            Self::NoZone(_) => Kind::NotFound,
            Self::Net(error) => error.kind(),
            Self::Randomness => Kind::Unavailable,
        }
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
