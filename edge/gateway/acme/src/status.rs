//! What can be seen of a certificate that is wanted.

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was asked yet, or it waits for its turn.
    #[default]
    Waiting,
    /// An order is under way.
    Ordering,
    /// There is one, and it is what is wanted.
    Good,
    /// The last try failed; there may be one from before.
    Failing,
}

impl Phase {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Ordering => "ordering",
            Self::Good => "good",
            Self::Failing => "failing",
        }
    }
}

/// A certificate that is wanted. Times are in seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// For which names.
    pub hosts: Vec<String>,
    /// Whose directory.
    pub directory: String,
    /// How far it is.
    pub phase: Phase,
    /// Names that the one that is shown is for; none if none is.
    pub shown_hosts: Vec<String>,
    /// When the one that is shown ends.
    pub not_after: Option<i64>,
    /// When the next order is planned: a renewal, or a try after failures.
    pub next: Option<i64>,
    /// Tries that failed since the last that did not.
    pub failures: u32,
    /// Why the last one did.
    pub last_error: Option<String>,
}
