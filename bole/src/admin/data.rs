//! Moving the bytes of large objects between their homes, as this door shows it.

use serde::{Deserialize, Serialize};

use super::Error;

/// How fast bytes may be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveLimits {
    /// Chunks at a time.
    pub concurrency: usize,
    /// Bytes a second; nothing for as fast as it goes.
    #[serde(default)]
    pub bytes_per_second: Option<u64>,
}

/// How far a move is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moving {
    /// The home that chunks go to: where new ones are put.
    pub home: String,
    /// Whether it goes on.
    pub running: bool,
    /// Chunks that were elsewhere when it began.
    pub chunks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Chunks that were moved and verified.
    pub chunks_moved: u64,
    /// Their bytes.
    pub bytes_moved: u64,
    /// Chunks that could not be moved; another run tries again.
    pub failed: u64,
    /// Why: the first few.
    pub failures: Vec<String>,
    /// Why it ended before its end.
    pub ended: Option<String>,
}

/// Moves bytes.
pub trait Mover: Send + Sync + 'static {
    /// How far it is, or the last one was.
    fn progress(&self) -> Moving;
    /// Begins. Errors: `Conflict` while one goes on.
    fn begin(&self, limits: MoveLimits) -> Result<(), Error>;
    /// Ends what goes on, after the chunks that are on their way.
    fn stop(&self);
}
