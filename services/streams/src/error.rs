//! What can go wrong with a request, by what a client can do about it. The codes that clients see are in one table: [`Error::code`].

use bole_base::Kind;

use crate::protocol::error_code::ErrorCode;

/// A request that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The protocol's own refusal; the text is for the client.
    #[error("{text}")]
    Refused {
        /// The protocol's code.
        code: ErrorCode,
        /// What was wrong, with the value, and what to do.
        text: String,
    },
    /// The disk is full: nothing was written; it may be tried again when there is space.
    #[error("the disk is full: {0}; writes resume when there is space")]
    Full(String),
    /// A shard is not served, or the journal failed. The write may have happened if the journal failed after it was appended.
    #[error("{0}")]
    Storage(String),
}

impl Error {
    /// A refusal with a code of the protocol.
    pub fn refused(code: ErrorCode, text: impl Into<String>) -> Self {
        Self::Refused { code, text: text.into() }
    }

    /// The code that clients see.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Refused { code, .. } => *code,
            Self::Full(_) | Self::Storage(_) => ErrorCode::KafkaStorageError,
        }
    }
}

impl From<bole_shard::Error> for Error {
    fn from(error: bole_shard::Error) -> Self {
        match error.kind() {
            Kind::Full => Self::Full(error.to_string()),
            _ => Self::Storage(error.to_string()),
        }
    }
}

impl From<crate::groups::Error> for Error {
    fn from(error: crate::groups::Error) -> Self {
        let code = ErrorCode::from_number(error.code.number()).unwrap_or(ErrorCode::UnknownServerError);
        Self::refused(code, error.message)
    }
}

impl From<bole_identity::Error> for Error {
    fn from(error: bole_identity::Error) -> Self {
        match error {
            bole_identity::Error::Shard(error) => error.into(),
            other => Self::refused(ErrorCode::InvalidRequest, other.to_string()),
        }
    }
}

impl From<bole_log::Error> for Error {
    fn from(error: bole_log::Error) -> Self {
        bole_shard::Error::from(error).into()
    }
}

impl Error {
    /// A write to a segment file that failed before anything was logged.
    pub(crate) fn from_write(path: &std::path::Path, error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::Full(format!("{}: {error}", path.display()))
            }
            _ => Self::Storage(format!("cannot write {}: {error}", path.display())),
        }
    }
}
