//! Entries and batches as bytes. *Persisted*: this layout is format version 1 of the journal.
//!
//! ```text
//! entry   0       4        6         7       8         16        24      32      36       38          40
//!         | u32   | u16    | u8      | u8    | u64     | u64     | u64   | u32   | u16    | u16       |
//!         | len   | kind   | version | flags | log id  | offset  | HLC   | epoch | origin | ext len E | E bytes | len bytes
//! ```
//!
//! All integers are little-endian; nothing is aligned. `len` counts the payload without header and extensions. The
//! extensions are a list of `u8 type, u16 length, bytes`: room for the id of an encryption key, actor, trace and
//! idempotency token; a reader skips types that it does not know. A batch is a row of entries.

use bole_base::{Durability, Epoch, LogId, Offset};

/// Bytes of an entry before its extensions and payload.
pub const ENTRY_HEADER_BYTES: usize = 40;
/// The most bytes that the entries of one batch may take, headers included. Larger payloads are attachments.
pub const BATCH_BYTES_MAX: usize = 1 << 20;

/// The payload names an attachment instead of holding the bytes.
pub const FLAG_ATTACHMENT: u8 = 1;
/// The entry is a copy of an older one of the same log and offset, moved forward so that its segment could be freed.
pub const FLAG_COPIED: u8 = 2;
/// The payload names bytes in a file of the service: see [`crate::extent`].
pub const FLAG_EXTENT: u8 = 4;

/// What a payload is: the service's own number for one of its layouts. Kinds of 0xFF00 and above belong to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PayloadKind(pub u16);

impl PayloadKind {
    /// Announces the epoch that the entry carries: who appends from here on. The payload is empty.
    pub const EPOCH: Self = Self(0xFF00);
    /// Several effects of one log under one offset: a row of `u16 kind, u8 version, u32 length, payload`.
    pub const COMPOUND: Self = Self(0xFF01);
}

/// An entry without its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryHeader {
    /// The log that the entry belongs to.
    pub log: LogId,
    /// Its place in that log.
    pub offset: Offset,
    /// The leader's epoch when it was appended.
    pub epoch: Epoch,
    /// Hybrid logical clock time.
    pub hlc: u64,
    /// The node that first accepted the entry; 0 is this one.
    pub origin: u16,
    /// The service's number for the payload's layout.
    pub kind: PayloadKind,
    /// The version of that layout.
    pub version: u8,
    /// `FLAG_…` bits.
    pub flags: u8,
}

/// An entry that borrows its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryRef<'a> {
    /// Everything but the bytes.
    pub header: EntryHeader,
    /// The extension list as stored.
    pub extensions: &'a [u8],
    /// The payload as stored: the service's bytes, or the name of an attachment.
    pub payload: &'a [u8],
}

/// Entries of one or several logs that become durable together or not at all, encoded as they are appended.
///
/// A batch is reused: [`Batch::clear`] keeps the buffer.
#[derive(Debug)]
pub struct Batch {
    bytes: Vec<u8>,
    count: u32,
    class: Durability,
    open: Option<usize>,
    awaited: bool,
}

/// A place in a batch in the making.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    bytes: usize,
    count: u32,
    class: Durability,
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    /// An empty batch.
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), count: 0, class: Durability::Memory, open: None, awaited: false }
    }

    /// Says that who appends it asks for its fsync soon after, so that nobody has to be woken for that at once. If that does not happen, the fsync comes with the
    /// next, or after the journal's interval.
    pub const fn set_awaited(&mut self) {
        self.awaited = true;
    }

    /// As [`Batch::set_awaited`] says.
    pub const fn is_awaited(&self) -> bool {
        self.awaited
    }

    /// Adds one entry whose payload `write` appends to the buffer it is given. `class` is the durability of the entry's
    /// dataset; the batch takes the strongest.
    pub fn push(&mut self, header: &EntryHeader, class: Durability, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; ENTRY_HEADER_BYTES]);
        self.open = Some(start);
        write(&mut self.bytes);
        let payload_len = self.bytes.len() - start - ENTRY_HEADER_BYTES;
        header.encode(payload_len as u32, 0, &mut self.bytes[start..start + ENTRY_HEADER_BYTES]);
        self.open = None;
        self.count += 1;
        self.class = self.class.max(class);
    }

    /// Adds an entry with an extension list and a payload that are at hand.
    pub fn push_entry(&mut self, entry: &EntryRef<'_>, class: Durability) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; ENTRY_HEADER_BYTES]);
        self.bytes.extend_from_slice(entry.extensions);
        self.bytes.extend_from_slice(entry.payload);
        let header = &mut self.bytes[start..start + ENTRY_HEADER_BYTES];
        entry.header.encode(entry.payload.len() as u32, entry.extensions.len() as u16, header);
        self.count += 1;
        self.class = self.class.max(class);
    }

    /// The place to `rewind` to.
    pub const fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), count: self.count, class: self.class }
    }

    /// Takes back what was pushed since `mark`.
    pub fn rewind(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        self.count = mark.count;
        self.class = mark.class;
    }

    /// The encoded entries. A write that panicked half-way leaves no trace here.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.open.unwrap_or(self.bytes.len())]
    }

    /// How many entries the batch holds.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Whether the batch holds no entry.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The strongest durability of the entries' datasets; `Memory` for an empty batch.
    pub const fn class(&self) -> Durability {
        self.class
    }

    /// The entries in order.
    pub fn entries(&self) -> Entries<'_> {
        Entries { rest: self.bytes() }
    }

    /// Empties the batch, keeping up to 64 KiB of its buffer.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(64 << 10);
        self.count = 0;
        self.class = Durability::Memory;
        self.open = None;
        self.awaited = false;
    }
}

impl EntryHeader {
    fn encode(&self, payload_len: u32, extensions_len: u16, out: &mut [u8]) {
        out[0..4].copy_from_slice(&payload_len.to_le_bytes());
        out[4..6].copy_from_slice(&self.kind.0.to_le_bytes());
        out[6] = self.version;
        out[7] = self.flags;
        out[8..16].copy_from_slice(&self.log.0.to_le_bytes());
        out[16..24].copy_from_slice(&self.offset.0.to_le_bytes());
        out[24..32].copy_from_slice(&self.hlc.to_le_bytes());
        out[32..36].copy_from_slice(&self.epoch.0.to_le_bytes());
        out[36..38].copy_from_slice(&self.origin.to_le_bytes());
        out[38..40].copy_from_slice(&extensions_len.to_le_bytes());
    }
}

/// The entries of an encoded batch, in order. Yields `Err` once and then ends if the bytes are not whole entries.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    /// Reads the entries in `bytes`, which a batch encoded.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

/// The bytes of a batch are not a row of whole entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("batch ends inside an entry: {left} bytes are left where {needed} are needed")]
pub struct Truncated {
    /// Bytes that are left.
    pub left: usize,
    /// Bytes that the entry needs.
    pub needed: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<EntryRef<'a>, Truncated>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let left = self.rest.len();
        let Some((head, body)) = self.rest.split_first_chunk::<ENTRY_HEADER_BYTES>() else {
            self.rest = &[];
            return Some(Err(Truncated { left, needed: ENTRY_HEADER_BYTES }));
        };
        let payload_len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let extensions_len = u16::from_le_bytes([head[38], head[39]]) as usize;
        let Some((extensions, body)) = body.split_at_checked(extensions_len) else {
            self.rest = &[];
            return Some(Err(Truncated { left, needed: ENTRY_HEADER_BYTES + extensions_len }));
        };
        let Some((payload, rest)) = body.split_at_checked(payload_len) else {
            self.rest = &[];
            return Some(Err(Truncated { left, needed: ENTRY_HEADER_BYTES + extensions_len + payload_len }));
        };
        self.rest = rest;
        Some(Ok(EntryRef { header: decode_header(head), extensions, payload }))
    }
}

fn decode_header(head: &[u8; ENTRY_HEADER_BYTES]) -> EntryHeader {
    let u64_at = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&head[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    EntryHeader {
        kind: PayloadKind(u16::from_le_bytes([head[4], head[5]])),
        version: head[6],
        flags: head[7],
        log: LogId(u64_at(8)),
        offset: Offset(u64_at(16)),
        hlc: u64_at(24),
        epoch: Epoch(u32::from_le_bytes([head[32], head[33], head[34], head[35]])),
        origin: u16::from_le_bytes([head[36], head[37]]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(log: u64, offset: u64) -> EntryHeader {
        EntryHeader {
            log: LogId(log),
            offset: Offset(offset),
            epoch: Epoch(3),
            hlc: 77 << 16,
            origin: 5,
            kind: PayloadKind(9),
            version: 2,
            flags: FLAG_COPIED,
        }
    }

    #[test]
    fn entries_come_back_in_order() {
        let mut batch = Batch::new();
        batch.push(&header(1, 10), Durability::Async, |out| out.extend_from_slice(b"first"));
        let second = EntryRef { header: header(2, 20), extensions: &[1, 1, 0, 42], payload: b"" };
        batch.push_entry(&second, Durability::Sync);
        assert_eq!((batch.count(), batch.class()), (2, Durability::Sync));
        let entries: Vec<_> = batch.entries().map(Result::unwrap).collect();
        assert_eq!(entries[0], EntryRef { header: header(1, 10), extensions: &[], payload: b"first" });
        assert_eq!(entries[1], second);
        batch.clear();
        assert!(batch.is_empty() && batch.bytes().is_empty());
    }

    #[test]
    fn every_cut_is_reported() {
        let mut batch = Batch::new();
        batch.push(&header(1, 10), Durability::Async, |out| out.extend_from_slice(b"payload"));
        for cut in 1..batch.bytes().len() {
            let mut entries = Entries::new(&batch.bytes()[..cut]);
            assert!(entries.next().unwrap().is_err(), "cut at {cut}");
            assert!(entries.next().is_none());
        }
    }
}
