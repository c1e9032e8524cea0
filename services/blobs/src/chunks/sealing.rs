//! A body on its way into a chunk, sealed block by block.

use super::writer::{Writer, Written};
use super::{ChunkId, Error, Home};
use crate::seal::{DataKey, PLAIN_BYTES, TAG_BYTES, sealed_bytes};

/// Seals a body and frames it. Dropped before [`Sealing::finish`], the chunk is removed.
pub struct Sealing {
    id: ChunkId,
    writer: Writer,
    key: DataKey,
    /// The block that is filled: it is sealed when more comes, since the last one is told apart.
    block: Vec<u8>,
    number: u64,
}

impl Sealing {
    /// Begins the chunk of a body of about `body_bytes` bytes. Errors: `Full`, `Failed`.
    pub fn create(home: &dyn Home, id: ChunkId, body_bytes: u64, key: DataKey) -> Result<Self, Error> {
        let writer = Writer::create(home, id, sealed_bytes(body_bytes))?;
        Ok(Self { id, writer, key, block: Vec::with_capacity(PLAIN_BYTES + TAG_BYTES), number: 0 })
    }

    /// Takes the next bytes of the body. Errors: `Full`, `Failed`; the chunk cannot be finished then.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            if self.block.len() == PLAIN_BYTES {
                self.seal(false)?;
            }
            let (now, later) = bytes.split_at((PLAIN_BYTES - self.block.len()).min(bytes.len()));
            self.block.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Makes the chunk durable; its bytes are those that were sealed. Errors: `Full`, `Failed`.
    pub fn finish(mut self) -> Result<Written, Error> {
        if !self.block.is_empty() {
            self.seal(true)?;
        }
        self.writer.finish()
    }

    fn seal(&mut self, is_last: bool) -> Result<(), Error> {
        self.key.seal_block(self.id, self.number, is_last, &mut self.block);
        self.writer.push(&self.block)?;
        self.block.clear();
        self.number += 1;
        Ok(())
    }
}
