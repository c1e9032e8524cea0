//! A body on its way into a chunk.

use super::frame::{BLOCK_BYTES, CHECKSUM_BYTES, HEADER_BYTES, checksum, framed_bytes, header};
use super::{ChunkId, Error, Home, Upload};

/// Bytes that are collected before they are given to the home. With what is being written, this is the memory of an upload.
pub const BUFFER_BYTES: usize = 4 * (BLOCK_BYTES + CHECKSUM_BYTES);

/// Frames a body. Dropped before [`Writer::finish`], the chunk is removed.
pub struct Writer {
    id: ChunkId,
    upload: Box<dyn Upload>,
    /// Framed bytes that the home does not have yet, and at its end the block that is being filled.
    buffer: Vec<u8>,
    /// Where in the buffer that block begins.
    block: usize,
    number: u64,
    body_bytes: u64,
}

/// A chunk that is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its id.
    pub id: ChunkId,
    /// Bytes of the body.
    pub body_bytes: u64,
}

impl Writer {
    /// Begins the chunk of a body of about `body_bytes` bytes. Errors: `Full`, `Failed`.
    pub fn create(home: &dyn Home, id: ChunkId, body_bytes: u64) -> Result<Self, Error> {
        let upload = home.create(id, framed_bytes(body_bytes))?;
        let room = framed_bytes(body_bytes).min((BUFFER_BYTES + HEADER_BYTES) as u64);
        let mut buffer = Vec::with_capacity(room as usize);
        buffer.extend_from_slice(&header(id));
        Ok(Self { id, upload, buffer, block: HEADER_BYTES, number: 0, body_bytes: 0 })
    }

    /// Bytes of the body so far.
    pub const fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Takes the next bytes of the body. Errors: `Full`, `Failed`; the chunk cannot be finished then.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        self.body_bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = BLOCK_BYTES - (self.buffer.len() - self.block);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() - self.block == BLOCK_BYTES {
                self.seal_block();
                if self.buffer.len() >= BUFFER_BYTES {
                    self.flush()?;
                }
            }
        }
        Ok(())
    }

    /// Makes the chunk durable. Errors: `Full`, `Failed`.
    pub fn finish(mut self) -> Result<Written, Error> {
        if self.buffer.len() > self.block {
            self.seal_block();
        }
        self.flush()?;
        self.upload.finish()?;
        Ok(Written { id: self.id, body_bytes: self.body_bytes })
    }

    fn seal_block(&mut self) {
        let checksum = checksum(self.id, self.number, &self.buffer[self.block..]);
        self.buffer.extend_from_slice(&checksum);
        self.block = self.buffer.len();
        self.number += 1;
    }

    fn flush(&mut self) -> Result<(), Error> {
        if !self.buffer.is_empty() {
            self.upload.append(&self.buffer)?;
        }
        self.buffer.clear();
        self.block = 0;
        Ok(())
    }
}
