//! What the door knows of large objects: damage, and the walk that looks for it.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::Error;

/// Chunks that are marked as damaged: `GET /api/blobs/damage`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Damage {
    /// The chunks.
    pub chunks: Vec<DamagedChunk>,
    /// Whether there are more chunks or objects than are listed.
    pub is_cut: bool,
}

/// A damaged chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DamagedChunk {
    /// Its id, which is its file's name.
    pub chunk: String,
    /// Where it is damaged, and how.
    pub what: String,
    /// When that was found, in milliseconds since 1970.
    pub found_ms: u64,
    /// The objects that are on it: bucket, key and version.
    pub objects: Vec<String>,
}

/// What looks after large objects.
pub trait Blobs: Send + Sync + 'static {
    /// Begins a walk over all of them; where one is under way, that goes on.
    fn begin_scrub(&self);

    /// The damage that is known. Takes as long as a look at all objects, where there is any.
    fn damage(&self) -> BoxFuture<'_, Result<Damage, Error>>;
}
