//! What can go wrong in a journal on disk.

use std::io;
use std::path::{Path, PathBuf};

use bole_base::{Kind, LogId, Offset};

/// An error of the journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The settings cannot work.
    #[error("{0}")]
    Config(String),
    /// The disk is full. Nothing was written; appends go on when space is back.
    #[error("no space for journal segments: {0}")]
    Full(String),
    /// The journal is sealed and takes no more batches.
    #[error("the journal is sealed")]
    Sealed,
    /// A write or fsync failed (promise P4): final.
    #[error("{0}")]
    Failed(String),
    /// Stored bytes are not what was written.
    #[error(
        "{} is damaged at byte {offset}: {what}; \"bole check DIR\" inspects the data directory, \
         \"bole check --repair DIR\" repairs it",
        file.display()
    )]
    Corrupt {
        /// The damaged file.
        file: PathBuf,
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// A file cannot be read, listed or created; nothing is known about its bytes.
    #[error("{}: {what}", file.display())]
    Io {
        /// The file or folder.
        file: PathBuf,
        /// What the operating system said.
        what: String,
    },
    /// A batch is larger than one may be.
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
        /// The durable end of the log.
        tail: Offset,
    },
}

impl Error {
    /// What the caller can do about it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Config(_) | Self::BatchTooLarge { .. } | Self::BeyondTail { .. } => Kind::InvalidInput,
            Self::Full(_) => Kind::Full,
            Self::Sealed => Kind::Unavailable,
            Self::Failed(_) | Self::Io { .. } => Kind::Io,
            Self::Corrupt { .. } => Kind::Corrupt,
        }
    }

    pub(crate) fn io(file: &Path, what: &str, error: &io::Error) -> Self {
        Self::Io { file: file.to_path_buf(), what: format!("{what}: {error}") }
    }

    /// The error of making room: a full disk is told from a broken one.
    pub(crate) fn space(file: &Path, what: &str, error: &io::Error) -> Self {
        if is_full(error) {
            return Self::Full(format!("{what} {}: {error}", file.display()));
        }
        Self::io(file, what, error)
    }
}

/// Whether the operating system says that no space is left.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
