//! Where the bytes of large bodies are: chunks, each written once from its beginning to its end, and never changed.
//!
//! A [`Home`] keeps bytes under an id and knows nothing of what they mean; [`frame`] says how a body becomes such bytes, with a checksum for each block,
//! and so a chunk is the same bytes in each home. Everything here blocks: call it from the service's threads for that, never under a shard's lock.
//!
//! Reading order: this file → [`frame`] (the layout, *persisted*) → [`writer`] and [`reader`] (bodies in and out) → [`local`] (files) and [`cluster`] (objects elsewhere) → [`homes`] (both of a node) → [`sweep`] (what a crash left).
//!
//! # Invariants
//! - A chunk that [`Upload::finish`] returned for is durable. An entry names it only then.
//! - No id comes twice: it holds the epoch of the opening that gave it, and a counter.
//! - No byte of a block leaves a [`reader::Reader`] before its checksum was compared.

pub mod cluster;
pub mod frame;
pub mod homes;
pub mod local;
pub mod memory;
pub mod reader;
pub mod s3;
pub mod sealing;
pub mod suite;
pub mod sweep;
pub mod writer;

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use bole_base::{Epoch, Kind};

/// The name of a chunk, in rows and in its home. *Persisted* as 16 bytes: `u32 epoch, u32 zero, u64 counter`, big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkId {
    /// Of the opening that wrote it.
    pub epoch: Epoch,
    /// Within that epoch.
    pub counter: u64,
}

impl ChunkId {
    /// Bytes of the persisted form.
    pub const BYTES: usize = 16;

    /// The persisted form.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut out = [0; Self::BYTES];
        out[..4].copy_from_slice(&self.epoch.0.to_be_bytes());
        out[8..].copy_from_slice(&self.counter.to_be_bytes());
        out
    }

    /// Reads the persisted form; `None` if it is not one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().ok()?;
        let (epoch, rest) = bytes.split_first_chunk::<4>()?;
        let (zero, counter) = rest.split_first_chunk::<4>()?;
        let counter = u64::from_be_bytes(counter.try_into().ok()?);
        (zero == &[0; 4]).then(|| Self { epoch: Epoch(u32::from_be_bytes(*epoch)), counter })
    }

    /// Which of the 256 places of a home it is in.
    pub const fn place(self) -> u8 {
        self.counter as u8
    }
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", u64::from(self.epoch.0) << 32, self.counter)
    }
}

impl FromStr for ChunkId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() != 2 * Self::BYTES || !digits {
            return Err(());
        }
        let number = u128::from_str_radix(text, 16).map_err(|_| ())?;
        Self::from_bytes(&number.to_be_bytes()).ok_or(())
    }
}

/// Gives out the ids of one opening.
#[derive(Debug)]
pub struct Ids {
    epoch: Epoch,
    next: AtomicU64,
}

impl Ids {
    /// For the epoch that the shard announced when it was opened.
    pub const fn new(epoch: Epoch) -> Self {
        Self { epoch, next: AtomicU64::new(0) }
    }

    /// One that was never given before.
    pub fn next(&self) -> ChunkId {
        ChunkId { epoch: self.epoch, counter: self.next.fetch_add(1, Ordering::Relaxed) }
    }
}

/// What can go wrong with chunks. Texts are for operators.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no room for it; what was there before is as it was.
    #[error("{needed} bytes are needed for a chunk and {free} are free, of which {reserve} are kept back")]
    Full {
        /// Bytes that it needs.
        needed: u64,
        /// Bytes that are free.
        free: u64,
        /// Bytes that chunks must leave.
        reserve: u64,
    },
    /// The home does not have it.
    #[error("chunk {0} is missing")]
    Missing(ChunkId),
    /// It is not what was written.
    #[error("chunk {id} is damaged: {what}")]
    Corrupt {
        /// The chunk.
        id: ChunkId,
        /// Where, and how.
        what: String,
    },
    /// It is what was written, and does not open under the key that it was sealed with.
    #[error("chunk {id}: {why}")]
    Sealed {
        /// The chunk.
        id: ChunkId,
        /// Why it does not open.
        why: crate::seal::Error,
    },
    /// A write or sync failed. What is durable is not known any more, so nothing more is written by this process (promise P4).
    #[error("chunks cannot be written: {0}")]
    Failed(String),
    /// A request to the home failed and harmed nothing else; it may be tried again.
    #[error("chunk store: {what}: {error}")]
    Io {
        /// What was done, to which chunk or place.
        what: String,
        /// What the home said.
        error: io::Error,
    },
}

impl Error {
    /// What the caller can do about it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Full { .. } => Kind::Full,
            Self::Missing(_) | Self::Corrupt { .. } | Self::Sealed { .. } => Kind::Corrupt,
            Self::Failed(_) | Self::Io { .. } => Kind::Io,
        }
    }
}

/// Where chunks are: files of this node, or a cluster elsewhere. [`suite`] says what each must do.
pub trait Home: Send + Sync + 'static {
    /// Begins a chunk of about `bytes` bytes, which are set aside for it. More may come, and is then set aside in its turn.
    /// Errors: `Full`, `Failed`.
    fn create(&self, id: ChunkId, bytes: u64) -> Result<Box<dyn Upload>, Error>;

    /// Appends up to `bytes` bytes from `from` on to `out`; fewer only where the chunk ends. Errors: `Missing`, `Io`.
    fn read(&self, id: ChunkId, from: u64, bytes: usize, out: &mut Vec<u8>) -> Result<(), Error>;

    /// Keeps a chunk open for several reads, in a home where that costs less than finding it each time; it can be read then even when it was removed meanwhile.
    /// Errors: `Missing`, `Io`.
    fn open(&self, _id: ChunkId) -> Result<Option<Box<dyn Opened>>, Error> {
        Ok(None)
    }

    /// Removes a chunk; one that is not there is removed already. After a power cut it may be there again. Errors: `Io`.
    fn remove(&self, id: ChunkId) -> Result<(), Error>;

    /// The chunks in one of the 256 places, complete or not, in any order. Memory: 16 bytes each. Errors: `Io`.
    fn list(&self, place: u8) -> Result<Vec<ChunkId>, Error>;

    /// Bytes that an upload of a body of `bytes` bytes has in memory, besides the writer's buffer.
    fn upload_bytes(&self, _bytes: u64) -> u64 {
        0
    }

    /// Blocks that a reader asks for at once: more where each request takes its time.
    fn blocks_at_once(&self) -> u64 {
        reader::BLOCKS_AT_ONCE
    }
}

/// A chunk that is kept open.
pub trait Opened: Send {
    /// Fills `buffer` with what is there from `from` on; less only where the chunk ends. Errors: `Io`.
    fn read(&self, from: u64, buffer: &mut [u8]) -> Result<usize, Error>;

    /// Whether it could fill the whole of `buffer` without waiting for a disk. Does not block. Errors: `Io`.
    fn read_at_once(&self, from: u64, buffer: &mut [u8]) -> Result<bool, Error>;
}

/// A chunk that is being written. Dropped before it was finished, it is removed.
pub trait Upload: Send {
    /// Appends bytes. Errors: `Full`, `Failed`, `Io`; after any the chunk cannot be finished.
    fn append(&mut self, bytes: &[u8]) -> Result<(), Error>;

    /// Makes the chunk durable. Errors: `Failed`, `Io`, after which it may be there or not.
    fn finish(self: Box<Self>) -> Result<(), Error>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_form() {
        let id = ChunkId { epoch: Epoch(0x0102_0304), counter: 0x0a0b_0c0d_0e0f_1011 };
        assert_eq!(id.to_string(), "01020304000000000a0b0c0d0e0f1011");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(ChunkId::from_bytes(&id.to_bytes()), Some(id));
        assert_eq!(id.place(), 0x11);
        for wrong in
            ["", "0102030400000000", "01020304000000010a0b0c0d0e0f1011", "+1020304000000000a0b0c0d0e0f1011"]
        {
            assert_eq!(wrong.parse::<ChunkId>(), Err(()), "{wrong}");
        }
        let ids = Ids::new(Epoch(7));
        assert!(ids.next() < ids.next());
    }
}
