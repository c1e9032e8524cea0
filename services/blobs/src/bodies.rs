//! Bodies between connections and where they are kept: [`incoming`] reads one into memory or a chunk, through the digests that were asked
//! for; [`outgoing`] sends bytes, pieces and ranges of them. Both do what blocks on a [`Pool`], and have their memory from a [`gate::Gate`].
//!
//! # Invariants
//! - What is in memory for a body is at most what its place in the gate is for, however long the body is.
//! - No byte leaves that was not compared with its checksum; a body that is damaged ends before its length.
//! - A body that was given up leaves no chunk behind.

pub mod digests;
pub mod gate;
pub mod incoming;
pub mod outgoing;

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::chunks::{self, ChunkId, Home, Ids};
use crate::error::{self, Code};
use crate::pool::{Lost, Pool};

/// What bodies stand on. Cheap to clone.
#[derive(Clone)]
pub struct Bodies {
    /// Where chunks are.
    pub home: Arc<dyn Home>,
    /// The ids of new chunks.
    pub ids: Arc<dyn NewIds>,
    /// For what blocks.
    pub pool: Pool,
    /// Memory of uploads.
    pub uploads: gate::Gate,
    /// Memory of chunks of aws-chunked bodies. A body has its place among the uploads first, and waits for nothing else while it has one here: so these go on.
    pub framed: gate::Gate,
    /// Memory of downloads.
    pub downloads: gate::Gate,
}

/// Gives out the ids of new chunks.
pub trait NewIds: Send + Sync + 'static {
    /// One that no chunk ever had. Errors: what gives them out is not there now.
    fn new_id(&self) -> BoxFuture<'_, error::Result<ChunkId>>;
}

impl NewIds for Ids {
    fn new_id(&self) -> BoxFuture<'_, error::Result<ChunkId>> {
        Box::pin(std::future::ready(Ok(self.next())))
    }
}

/// What can go wrong with a body.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client's doing, or for the client to know.
    #[error(transparent)]
    Refused(#[from] error::Error),
    /// The chunk store's. Texts are for operators.
    #[error(transparent)]
    Chunks(#[from] chunks::Error),
    /// The work on it panicked, or no thread could be made for it.
    #[error("work on a body was lost")]
    Lost,
}

impl From<Lost> for Error {
    fn from(_: Lost) -> Self {
        Self::Lost
    }
}

impl Error {
    /// What the client hears. What is wrong with a disk is not for clients.
    pub fn to_client(&self) -> error::Error {
        match self {
            Self::Refused(refused) => refused.clone(),
            Self::Chunks(error) => chunk_refusal(error),
            Self::Lost => error::Error::new(Code::InternalError, INTERNAL),
        }
    }
}

const INTERNAL: &str = "We encountered an internal error. Please try again.";

/// What a client hears of the chunk store's errors.
pub fn chunk_refusal(error: &chunks::Error) -> error::Error {
    match error {
        chunks::Error::Full { .. } => error::Error::new(
            Code::ServiceUnavailable,
            "The disk is full. Reads and deletes are served; writes are when there is room again.",
        ),
        chunks::Error::Missing(_) | chunks::Error::Corrupt { .. } => crate::damage::refusal(),
        chunks::Error::Sealed { .. } => crate::seal::refusal(),
        chunks::Error::Failed(_) | chunks::Error::Io { .. } => {
            error::Error::new(Code::InternalError, INTERNAL)
        }
    }
}
