//! Why there is no certificate yet.

use std::time::Duration;

/// Short for this crate's results.
pub type Result<T> = std::result::Result<T, Failure>;

/// Why a try to get a certificate came to nothing. Texts are for operators, bounded, and without secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The authority could not be asked, or what it said could not be read: it may be well again soon, and nothing counts against the account.
    #[error("{0}")]
    Unreached(String),
    /// The authority said no, or did not see the proofs: each such try counts against the account.
    #[error("{text}")]
    Refused {
        /// What it said.
        text: String,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// What has to be durable could not be kept, or read back.
    #[error("{0}")]
    Here(String),
}

impl Failure {
    /// A refusal without a time.
    pub fn refused(text: impl Into<String>) -> Self {
        Self::Refused { text: text.into(), retry_after: None }
    }
}
