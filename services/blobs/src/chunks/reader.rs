//! A part of a body on its way out of its chunk, verified block by block.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::frame::{BLOCK_BYTES, CHECKSUM_BYTES, HEADER_BYTES, block_at, block_bytes, checksum, header};
use super::{ChunkId, Error, Home, Opened};
use crate::seal::{DataKey, PLAIN_BYTES, plain_bytes};

/// Blocks that are read at once, unless the home says otherwise: what is in memory for a reader is at most this, and what the receiver has not let go.
pub const BLOCKS_AT_ONCE: u64 = 4;

/// Reads a part of a body.
pub struct Reader {
    home: Arc<dyn Home>,
    id: ChunkId,
    /// Bytes in the blocks: of the body, or of what it was sealed to.
    body_bytes: u64,
    /// Which of the body's.
    part: Range<u64>,
    key: Option<DataKey>,
    /// Blocks that were not read yet.
    blocks: Range<u64>,
    ready: VecDeque<Bytes>,
    /// The chunk, kept open between reads where its home does that.
    opened: Option<Box<dyn Opened>>,
    /// The bytes of the last read, whose memory the next one takes if nobody has them any more.
    spare: Bytes,
}

/// What is read next: blocks up to `until`, which stand in so many bytes from `from` on.
struct Next {
    until: u64,
    from: u64,
    bytes: usize,
}

impl Reader {
    /// Of the body of `body_bytes` bytes in chunk `id`, the bytes of `part`, which is cut to the body.
    pub fn new(home: Arc<dyn Home>, id: ChunkId, body_bytes: u64, part: Range<u64>) -> Self {
        Self::open(home, id, body_bytes, part, None)
    }

    /// As [`Reader::new`], where `key` sealed the body to `sealed_bytes` bytes; `part` is of the body.
    pub fn sealed(
        home: Arc<dyn Home>,
        id: ChunkId,
        sealed_bytes: u64,
        part: Range<u64>,
        key: DataKey,
    ) -> Self {
        Self::open(home, id, sealed_bytes, part, Some(key))
    }

    fn open(
        home: Arc<dyn Home>,
        id: ChunkId,
        body_bytes: u64,
        part: Range<u64>,
        key: Option<DataKey>,
    ) -> Self {
        let end = part.end.min(if key.is_some() { plain_bytes(body_bytes) } else { body_bytes });
        let part = part.start.min(end)..end;
        let (blocks, ready, opened, spare) = (0..0, VecDeque::new(), None, Bytes::new());
        let mut reader = Self { home, id, body_bytes, part, key, blocks, ready, opened, spare };
        if !reader.part.is_empty() {
            let unit = reader.unit();
            reader.blocks = reader.part.start / unit..reader.part.end.div_ceil(unit);
        }
        reader
    }

    /// Bytes of the body in a block.
    const fn unit(&self) -> u64 {
        if self.key.is_some() { PLAIN_BYTES as u64 } else { BLOCK_BYTES as u64 }
    }

    /// What is wrong is read again once before it is said: memory and cables fail as well as disks, and a mark stays.
    fn read_some(&mut self) -> Result<(), Error> {
        match self.try_some() {
            Err(Error::Corrupt { .. }) => self.try_some(),
            read => read,
        }
    }

    fn try_some(&mut self) -> Result<(), Error> {
        let next = self.next_read();
        if self.opened.is_none() && next.until < self.blocks.end {
            self.opened = self.home.open(self.id)?;
        }
        let framed = if let Some(opened) = &self.opened {
            let mut buffer = Self::buffer(&mut self.spare, next.bytes);
            let read = opened.read(next.from, &mut buffer)?;
            buffer.truncate(read);
            buffer.freeze()
        } else {
            let mut buffer = Vec::with_capacity(next.bytes);
            self.home.read(self.id, next.from, next.bytes, &mut buffer)?;
            buffer.into()
        };
        self.verify(&next, framed)
    }

    /// The next blocks, where they can be had without waiting for a disk. Does not block; what is wrong is left for [`Reader::next`] to read again and say.
    pub fn at_once(&mut self) -> Option<impl Iterator<Item = Bytes>> {
        if !self.ready.is_empty() {
            return Some(self.ready.drain(..));
        }
        let next = self.next_read();
        let opened = self.opened.as_ref().filter(|_| self.key.is_none() && next.bytes > 0)?;
        let mut buffer = Self::buffer(&mut self.spare, next.bytes);
        let is_whole = opened.read_at_once(next.from, &mut buffer).unwrap_or(false);
        let buffer = buffer.freeze();
        if is_whole && self.verify(&next, buffer.clone()).is_ok() {
            return Some(self.ready.drain(..));
        }
        self.ready.clear();
        self.spare = buffer;
        None
    }

    fn next_read(&self) -> Next {
        let first = self.blocks.start;
        let until = self.blocks.end.min(first + self.home.blocks_at_once());
        if first >= until {
            return Next { until, from: 0, bytes: 0 };
        }
        // The header stands right before block 0, and is compared whenever that is read.
        let from = if first == 0 { 0 } else { block_at(first) };
        let last = block_at(until - 1) + (block_bytes(until - 1, self.body_bytes) + CHECKSUM_BYTES) as u64;
        Next { until, from, bytes: (last - from) as usize }
    }

    /// Memory of that length, whatever is in it.
    fn buffer(spare: &mut Bytes, bytes: usize) -> BytesMut {
        let mut buffer = std::mem::take(spare).try_into_mut().unwrap_or_default();
        buffer.resize(bytes, 0);
        buffer
    }

    /// Takes what was read, if it is what was written.
    fn verify(&mut self, next: &Next, mut framed: Bytes) -> Result<(), Error> {
        self.ready.clear();
        self.spare = framed.clone();
        if framed.len() != next.bytes {
            return Err(self.damage(format!(
                "it ends at byte {}, within a body of {} bytes",
                next.from + framed.len() as u64,
                self.body_bytes
            )));
        }
        if self.blocks.start == 0 && framed.split_to(HEADER_BYTES)[..] != header(self.id) {
            return Err(self.damage("its header".to_owned()));
        }
        for number in self.blocks.start..next.until {
            let data = framed.split_to(block_bytes(number, self.body_bytes));
            let stored = framed.split_to(CHECKSUM_BYTES);
            if stored[..] != checksum(self.id, number, &data) {
                return Err(self
                    .damage(format!("block {number} of {BLOCK_BYTES} bytes, at byte {}", block_at(number))));
            }
            let data = self.unseal(number, data)?;
            self.ready.push_back(self.cut(number, &data));
        }
        self.blocks.start = next.until;
        if self.blocks.is_empty() {
            (self.opened, self.spare) = (None, Bytes::new());
        }
        Ok(())
    }

    fn unseal(&self, number: u64, data: Bytes) -> Result<Bytes, Error> {
        let Some(key) = &self.key else { return Ok(data) };
        let is_last = number + 1 == self.body_bytes.div_ceil(BLOCK_BYTES as u64);
        let opened = key.open_block(self.id, number, is_last, data.into());
        opened.map_err(|why| Error::Sealed { id: self.id, why })
    }

    /// What of a block is in the part.
    fn cut(&self, number: u64, data: &Bytes) -> Bytes {
        let begin = number * self.unit();
        let from = self.part.start.saturating_sub(begin) as usize;
        let to = (self.part.end - begin).min(data.len() as u64) as usize;
        data.slice(from..to)
    }

    fn damage(&self, what: String) -> Error {
        Error::Corrupt { id: self.id, what }
    }
}

/// At most a block at a time. May block on the home. Errors: `Missing`, `Corrupt`, `Io`; nothing comes after one.
impl Iterator for Reader {
    type Item = Result<Bytes, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty()
            && !self.blocks.is_empty()
            && let Err(error) = self.read_some()
        {
            self.blocks = 0..0;
            self.ready.clear();
            return Some(Err(error));
        }
        self.ready.pop_front().map(Ok)
    }
}

/// Reads a whole chunk and compares all checksums: what the scrubber does. Returns the bytes that it read. Errors: as [`Reader`].
pub fn verify(home: &Arc<dyn Home>, id: ChunkId, body_bytes: u64) -> Result<u64, Error> {
    let reader = Reader::new(Arc::clone(home), id, body_bytes, 0..body_bytes);
    reader.map(|bytes| bytes.map(|bytes| bytes.len() as u64)).sum()
}
