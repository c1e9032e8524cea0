//! What can go wrong with an ordered store.

use std::io;
use std::path::{Path, PathBuf};

use bole_base::Kind;

/// An error of an ordered store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller asked for something that no store does.
    #[error("{0}")]
    Refused(String),
    /// The disk is full. The store is as it was; it may be tried again.
    #[error("{}: the disk is full: {reason}", .folder.display())]
    Full {
        /// The store's folder.
        folder: PathBuf,
        /// What did not fit.
        reason: String,
    },
    /// What is on the disk is not what was written. The folder is as it was found.
    #[error("{}: {reason}", .folder.display())]
    Damaged {
        /// The store's folder.
        folder: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The disk failed. Final (promise P4): the store takes no more writes.
    #[error("{}: {reason}", .folder.display())]
    Io {
        /// The store's folder.
        folder: PathBuf,
        /// What failed.
        reason: String,
    },
}

impl Error {
    /// What the caller can do about it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Refused(_) => Kind::InvalidInput,
            Self::Full { .. } => Kind::Full,
            Self::Damaged { .. } => Kind::Corrupt,
            Self::Io { .. } => Kind::Io,
        }
    }

    pub(crate) fn io(folder: &Path, error: &io::Error) -> Self {
        let (folder, reason) = (folder.to_owned(), error.to_string());
        if is_full(error) { Self::Full { folder, reason } } else { Self::Io { folder, reason } }
    }

    pub(crate) fn damaged(folder: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged { folder: folder.to_owned(), reason: reason.into() }
    }

    /// An error of the tree: of the disk, or of what was found on it.
    pub(crate) fn tree(folder: &Path, error: &lsm_tree::Error) -> Self {
        use io::ErrorKind::{InvalidData, InvalidInput, NotFound, UnexpectedEof};
        match error {
            // A table or list of tables that ends early was cut, and places in it make no sense any more.
            lsm_tree::Error::Io(error)
                if !matches!(error.kind(), UnexpectedEof | NotFound | InvalidInput | InvalidData) =>
            {
                Self::io(folder, error)
            }
            other => Self::damaged(folder, format!("a table or the list of tables is damaged ({other})")),
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            Kind::Full => io::ErrorKind::StorageFull,
            Kind::InvalidInput => io::ErrorKind::InvalidInput,
            Kind::Corrupt => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error.to_string())
    }
}

pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_tree_say_what_can_be_done() {
        let of = |kind: io::ErrorKind| lsm_tree::Error::Io(kind.into());
        let rows = [
            (of(io::ErrorKind::StorageFull), Kind::Full, io::ErrorKind::StorageFull),
            (of(io::ErrorKind::UnexpectedEof), Kind::Corrupt, io::ErrorKind::InvalidData),
            (of(io::ErrorKind::NotFound), Kind::Corrupt, io::ErrorKind::InvalidData),
            (of(io::ErrorKind::Other), Kind::Io, io::ErrorKind::Other),
            (lsm_tree::Error::Unrecoverable, Kind::Corrupt, io::ErrorKind::InvalidData),
        ];
        for (error, kind, as_io) in rows {
            let ours = Error::tree(Path::new("/store"), &error);
            assert_eq!(ours.kind(), kind, "{error}");
            assert!(ours.to_string().starts_with("/store: "), "{ours}");
            assert_eq!(io::Error::from(ours).kind(), as_io, "{error}");
        }
    }
}
