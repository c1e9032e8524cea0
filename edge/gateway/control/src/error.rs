//! What can go wrong.

use bole_base::Kind;

/// Short for this crate's results.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a request was refused. Nothing has changed then, except for [`Error::Shard`], after which it may have.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The document would not be right.
    #[error("{}", .0.join("\n"))]
    Invalid(Vec<String>),
    /// There is no such thing.
    #[error("{what} {name:?} does not exist")]
    Missing {
        /// Route, service, instance…
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The document has another revision than the request was made for.
    #[error("the document has revision {is}, and the change was made for {expected}; read it again")]
    Stale {
        /// What it has.
        is: u64,
        /// What was asked for.
        expected: u64,
    },
    /// Others changed the document each time that it was tried.
    #[error("the document was changed by others {0} times while this change was tried; try again")]
    Busy(usize),
    /// The document is read from a file.
    #[error("the document is read from {0}; change it there")]
    FromFile(String),
    /// Too large, too many, too often.
    #[error("{0}")]
    Limit(String),
    /// The shard or the journal.
    #[error(transparent)]
    Shard(#[from] bole_shard::Error),
}

impl Error {
    /// What the client can do about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Invalid(_) => Kind::InvalidInput,
            Self::Missing { .. } => Kind::NotFound,
            Self::Stale { .. } | Self::FromFile(_) => Kind::Conflict,
            Self::Busy(_) => Kind::Unavailable,
            Self::Limit(_) => Kind::Limit,
            Self::Shard(error) => error.kind(),
        }
    }
}
