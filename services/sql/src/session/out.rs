//! What goes to the client: bytes in a buffer that leaves when the messages are done, or earlier if it has grown.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use bole_sql_types::{Error, Result, SqlState};

use crate::pool::Pool;
use crate::store::{Database, Seen};

/// Bytes that are gathered before they leave early.
const CHUNK_BYTES: usize = 128 << 10;

/// The output of a session.
pub(crate) struct Out {
    /// What has not left.
    pub(crate) buffer: Vec<u8>,
    /// What has to be durable before it may.
    pub(crate) seen: Vec<Seen>,
    chunks: mpsc::Sender<Vec<u8>>,
    database: Arc<Database>,
    handle: Handle,
    pool: Pool,
    sent: u64,
}

/// A place in the output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    sent: u64,
    length: usize,
}

impl Out {
    pub(crate) fn new(
        chunks: mpsc::Sender<Vec<u8>>,
        database: Arc<Database>,
        handle: Handle,
        pool: Pool,
    ) -> Self {
        Self { buffer: Vec::new(), seen: Vec::new(), chunks, database, handle, pool, sent: 0 }
    }

    pub(crate) const fn mark(&self) -> Mark {
        Mark { sent: self.sent, length: self.buffer.len() }
    }

    /// How many times the buffer has left early.
    pub(crate) const fn chunks(&self) -> u64 {
        self.sent
    }

    /// Takes back what was written after the mark, as far as it has not left.
    pub(crate) fn back_to(&mut self, mark: Mark) {
        if self.sent == mark.sent {
            self.buffer.truncate(mark.length);
        }
    }

    /// Lets the buffer leave if it has grown. Blocks while the client does not take it. Errors: the connection is gone, or what was seen
    /// cannot become durable.
    pub(crate) fn relieve(&mut self) -> Result<()> {
        if self.buffer.len() < CHUNK_BYTES {
            return Ok(());
        }
        for seen in &self.seen {
            self.handle.block_on(self.database.durable(*seen))?;
        }
        self.seen.clear();
        self.sent += 1;
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 8));
        let gone = || Error::new(SqlState::CONNECTION_EXCEPTION, "the client is gone");
        match self.chunks.try_send(chunk) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(gone()),
            Err(mpsc::error::TrySendError::Full(chunk)) => {
                let _blocked = self.pool.blocked();
                self.chunks.blocking_send(chunk).map_err(|_| gone())
            }
        }
    }

    /// Notes what has to be durable before anything leaves.
    pub(crate) fn saw(&mut self, seen: Seen) {
        if self.seen.last() != Some(&seen) {
            self.seen.push(seen);
        }
    }
}
