//! What can go wrong between a service and its shards.

use bole_base::Kind;
use bole_log as log;

/// An error of the shard runtime.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The journal refused or failed.
    #[error(transparent)]
    Journal(#[from] log::Error),
    /// The journal has no room this moment. Nothing was applied: release the locks, wait for `bytes` of admission, and
    /// run the operation again.
    #[error("{bytes} bytes of journal space are not free yet")]
    Wait {
        /// What to wait for: bytes of entries, as [`crate::Transaction::admit`] takes them.
        bytes: u64,
    },
    /// The shard stopped itself after a panic or an unreadable entry; it takes neither reads nor writes.
    #[error("shard {shard} is quarantined: {reason}")]
    Quarantined {
        /// The shard's name.
        shard: String,
        /// What happened.
        reason: String,
    },
    /// A checkpoint could not be read or written.
    #[error("checkpoint of shard {shard}: {reason}")]
    Checkpoint {
        /// The shard's name.
        shard: String,
        /// What happened.
        reason: String,
        /// What the caller can do about it.
        kind: Kind,
    },
    /// A store that a service keeps of its own, such as a database's files, does not take it now.
    #[error("{reason}")]
    Store {
        /// What happened.
        reason: String,
        /// What the caller can do about it.
        kind: Kind,
    },
    /// The operation names no shard of this node, or shards of different journals.
    #[error("{0}")]
    Refused(String),
}

impl Error {
    /// What the caller can do about it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Journal(error) => error.kind(),
            Self::Wait { .. } => Kind::Limit,
            Self::Quarantined { .. } => Kind::Unavailable,
            Self::Checkpoint { kind, .. } | Self::Store { kind, .. } => *kind,
            Self::Refused(_) => Kind::InvalidInput,
        }
    }
}
