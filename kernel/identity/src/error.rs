//! The errors of this crate's boundary.

use std::path::PathBuf;

use bole_base::Kind;

/// What keeps a user, role, secret or key from being used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name, password, pattern or limit is not acceptable; the text says which and why.
    #[error("{0}")]
    Invalid(String),
    /// There is no such user, role or access key.
    #[error("{what} \"{name}\" does not exist")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The change contradicts what exists.
    #[error("{0}")]
    Conflict(String),
    /// Too many passwords wait to be checked.
    #[error("{waiting} logins wait for their password to be checked; try again later")]
    Busy {
        /// How many wait.
        waiting: usize,
    },
    /// The key file cannot be read, written or trusted.
    #[error("key file {}: {reason}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A secret was encrypted under another key.
    #[error(
        "the secret of {context} was encrypted under the key {sealed_by}, but the key file holds the key {key}; restore the file that belongs to this data directory, or set the secret anew"
    )]
    WrongKey {
        /// What the secret belongs to.
        context: String,
        /// The id of the key that is needed.
        sealed_by: String,
        /// The id of the key that there is.
        key: String,
    },
    /// The stored bytes are not what was written.
    #[error("{0}")]
    Corrupt(String),
    /// The log did not take a change, or the shard does not serve.
    #[error(transparent)]
    Shard(#[from] bole_shard::Error),
    /// A defect of ours or of the platform.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// What the caller can do about it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Invalid(_) | Self::KeyFile { .. } | Self::WrongKey { .. } => Kind::InvalidInput,
            Self::NotFound { .. } => Kind::NotFound,
            Self::Conflict(_) => Kind::Conflict,
            Self::Busy { .. } => Kind::Limit,
            Self::Corrupt(_) => Kind::Corrupt,
            Self::Internal(_) => Kind::Internal,
            Self::Shard(error) => error.kind(),
        }
    }
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
