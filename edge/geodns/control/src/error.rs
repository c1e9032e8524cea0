//! What can go wrong.

use bole_base::Kind;

/// Short for this crate's results.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a request was refused. Nothing has changed then, except for [`Error::Shard`], after which it may have.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The zone is not right.
    #[error("the zone is not right:\n{0}")]
    Zone(bole_geodns::zone::Problems),
    /// Its name is not that of the request.
    #[error("the zone in the text is {is}, and the request is for {expected}")]
    OtherZone {
        /// The one in the text.
        is: String,
        /// The one that was named.
        expected: String,
    },
    /// There is no such thing.
    #[error("{what} {name:?} does not exist")]
    Missing {
        /// Zone, target…
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// It is somebody else's to change.
    #[error("{0}")]
    Conflict(String),
    /// The zone has another revision than the request was made for.
    #[error("the zone has revision {is}, and the change was made for {expected}; read it again")]
    Stale {
        /// What it has.
        is: u64,
        /// What was asked for.
        expected: u64,
    },
    /// The request says something impossible.
    #[error("{0}")]
    Invalid(String),
    /// Too large, too many.
    #[error("{0}")]
    Limit(String),
    /// A thread ended before its work.
    #[error("the zone could not be read: {0}")]
    Internal(String),
    /// The shard or the journal.
    #[error(transparent)]
    Shard(#[from] bole_shard::Error),
}

impl From<bole_geodns::Error> for Error {
    fn from(error: bole_geodns::Error) -> Self {
        match error {
            bole_geodns::Error::Zone(problems) => Self::Zone(problems),
            bole_geodns::Error::NoZone(name) => Self::Missing { what: "zone", name },
            error if error.kind() == Kind::Conflict => Self::Conflict(error.to_string()),
            error => Self::Invalid(error.to_string()),
        }
    }
}

impl Error {
    /// What the client can do about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Zone(_) | Self::OtherZone { .. } | Self::Invalid(_) => Kind::InvalidInput,
            Self::Missing { .. } => Kind::NotFound,
            Self::Conflict(_) | Self::Stale { .. } => Kind::Conflict,
            Self::Limit(_) => Kind::Limit,
            Self::Internal(_) => Kind::Internal,
            Self::Shard(error) => error.kind(),
        }
    }
}
