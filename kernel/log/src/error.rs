//! What can go wrong between a shard and its journal.

use bole_base::{Kind, LogId, Offset};

/// An error of a journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No space is left for new entries: the disk, or the journal's own bound with nothing left to trim. Nothing was
    /// written; may be retried when space is back.
    #[error("the journal is full: {0}")]
    Full(String),
    /// The journal is sealed: it takes no more entries, here or ever. Look up where the log lives now.
    #[error("the journal is sealed")]
    Sealed,
    /// A write or fsync failed (promise P4). The journal acknowledges nothing more; unacknowledged entries may or may
    /// not be there after a restart.
    #[error("the journal failed and takes no more writes: {0}")]
    Failed(String),
    /// Stored bytes are not what was written.
    #[error("the journal is damaged: {0}")]
    Corrupt(String),
    /// The attachment that an entry names is not there.
    #[error("attachment {0} does not exist")]
    NoAttachment(String),
    /// A batch is larger than [`crate::entry::BATCH_BYTES_MAX`]. Nothing was written.
    #[error("batch of {bytes} bytes is larger than the {max} bytes that one batch may have")]
    BatchTooLarge {
        /// Bytes of the batch.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// A read starts beyond the end of a log.
    #[error("log {log} ends at offset {tail}; offset {offset} does not exist yet")]
    BeyondTail {
        /// The log.
        log: LogId,
        /// The offset asked for.
        offset: Offset,
        /// The offset that the next durable entry will get.
        tail: Offset,
    },
}

impl Error {
    /// What the caller can do about it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Full(_) => Kind::Full,
            Self::Sealed => Kind::Unavailable,
            Self::Failed(_) => Kind::Io,
            Self::Corrupt(_) => Kind::Corrupt,
            Self::NoAttachment(_) => Kind::NotFound,
            Self::BatchTooLarge { .. } | Self::BeyondTail { .. } => Kind::InvalidInput,
        }
    }
}

impl From<bole_wal::Error> for Error {
    fn from(error: bole_wal::Error) -> Self {
        match error {
            bole_wal::Error::Full(text) => Self::Full(text),
            bole_wal::Error::Sealed => Self::Sealed,
            bole_wal::Error::BatchTooLarge { bytes, max } => Self::BatchTooLarge { bytes, max },
            bole_wal::Error::BeyondTail { log, offset, tail } => Self::BeyondTail { log, offset, tail },
            damage @ bole_wal::Error::Corrupt { .. } => Self::Corrupt(damage.to_string()),
            other => Self::Failed(other.to_string()),
        }
    }
}
