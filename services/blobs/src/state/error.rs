//! What can go wrong with an operation, and the one table from that to S3's codes.

use bole_base::Kind;

use crate::error::{Code, Error as Refusal};

/// An error of an operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is wrong, not allowed or too late. Nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The journal or the shard did not take it. Nothing was changed.
    #[error(transparent)]
    Shard(#[from] bole_shard::Error),
    /// The journal failed after it had taken the change, which may be found after a restart.
    #[error("the change was made, and is not known to be durable: {0}")]
    Unsure(bole_shard::Error),
    /// The ordered store cannot be read.
    #[error(transparent)]
    Store(#[from] bole_ordered::Error),
    /// A row is not what it must be.
    #[error("{0}")]
    Row(String),
    /// The chunk store did not take it, or does not have it.
    #[error(transparent)]
    Chunks(#[from] crate::chunks::Error),
}

impl Error {
    /// What the caller can do about it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Refused(error) => error.code.kind(),
            Self::Shard(error) | Self::Unsure(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Row(_) => Kind::Corrupt,
            Self::Chunks(error) => error.kind(),
        }
    }

    /// Whether the write may have happened all the same.
    pub const fn may_have_happened(&self) -> bool {
        matches!(self, Self::Unsure(_))
    }

    /// What the client is told. The error's own text is for the operator.
    pub fn refusal(&self) -> Refusal {
        let (code, text) = match (self, self.kind()) {
            (Self::Refused(refusal), _) => return refusal.clone(),
            (_, Kind::Full) => (
                Code::ServiceUnavailable,
                "The disk is full. Reads and deletes are served; writes are when there is room again.",
            ),
            (_, Kind::Limit | Kind::Unavailable) => {
                (Code::ServiceUnavailable, "Please reduce your request rate, or try again later.")
            }
            _ => (Code::InternalError, "We encountered an internal error. The server's log says more."),
        };
        Refusal::new(code, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_a_code() {
        let quarantined = || bole_shard::Error::Quarantined { shard: "s".to_owned(), reason: "r".to_owned() };
        let full = || bole_shard::Error::Journal(bole_log::Error::Full("f".to_owned()));
        let rows = [
            (Error::Refused(Refusal::new(Code::NoSuchKey, "k")), Code::NoSuchKey, false),
            (Error::Shard(quarantined()), Code::ServiceUnavailable, false),
            (Error::Shard(full()), Code::ServiceUnavailable, false),
            (Error::Unsure(full()), Code::ServiceUnavailable, true),
            (Error::Row("r".to_owned()), Code::InternalError, false),
            (Error::Store(bole_ordered::Error::Refused("r".to_owned())), Code::InternalError, false),
            (
                Error::Chunks(crate::chunks::Error::Full { needed: 1, free: 0, reserve: 0 }),
                Code::ServiceUnavailable,
                false,
            ),
            (Error::Chunks(crate::chunks::Error::Failed("f".to_owned())), Code::InternalError, false),
        ];
        for (error, code, may_have_happened) in rows {
            assert_eq!(
                (error.refusal().code, error.may_have_happened()),
                (code, may_have_happened),
                "{error}"
            );
        }
    }
}
