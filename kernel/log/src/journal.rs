//! The [`Journal`] trait: the only thing that the shard runtime knows of where logs live.

use std::fmt;
use std::task::{Context, Poll};

use bole_base::{Durability, LogId, Offset, Position};
use bytes::Bytes;

use crate::{Batch, EntryHeader, EntryRef, Error};

/// A physical sequence of batches that many logs share.
///
/// # Order
/// Batches have the order in which `append` returned, and each acknowledgement implies those of all earlier batches of
/// the same or a stronger class. After a crash, what is left is a prefix of this order (promise P3).
///
/// # Threads and cancellation
/// Every method may be called from any thread. The `poll_…` methods register the context's waker and may be dropped at
/// any time without effect on the batch: an appended batch stays appended.
pub trait Journal: Send + Sync + 'static {
    /// Takes `bytes` of space for a later append, without waiting. `Ok(false)`: not now, wait with `poll_admit`.
    /// Space counts only when it is already allocated (promise P5). What a batch needs is `batch_cost`.
    ///
    /// Errors: `Full`, `Sealed`, `Failed`.
    fn try_admit(&self, bytes: u64) -> Result<bool, Error>;

    /// Takes `bytes` of space, when there is room. Bounds the bytes that are queued and not yet written.
    fn poll_admit(&self, bytes: u64, context: &mut Context<'_>) -> Poll<Result<(), Error>>;

    /// Gives back space that was taken and not used.
    fn return_admitted(&self, bytes: u64);

    /// The space that appending `batch_bytes` bytes of entries takes.
    fn batch_cost(&self, batch_bytes: usize) -> u64;

    /// The most bytes that the entries of one batch take; `append` refuses more with `BatchTooLarge`.
    fn batch_bytes_max(&self) -> usize;

    /// Queues `batch` as one record, atomic and in order, and returns the position at which it ends. Never waits, so it
    /// may be called while a shard is locked. The caller has taken `batch_cost` of space before; `append` uses it up.
    /// An empty batch is an error of the caller (panics).
    ///
    /// Not idempotent: appending twice writes twice. Errors, after which nothing was queued: `Sealed`, `Failed`,
    /// `BatchTooLarge`.
    fn append(&self, batch: &Batch) -> Result<Position, Error>;

    /// Hands queued batches to the operating system in this thread, unless another thread is doing so. Does not fsync.
    /// Errors: `Failed`.
    fn write_queued(&self) -> Result<(), Error>;

    /// Asks for an fsync of everything before `position`, and does not wait for it. What is of a weaker class is fsynced some time anyway; who is
    /// about to wait for that asks, so that it comes at once.
    fn want_sync(&self, position: Position);

    /// Has what was appended before `position` fsynced, in this thread where no other is at it: for who blocks and would have another thread woken for it, and be woken
    /// by that. What another does is not waited for. Errors: `Failed`.
    fn sync_here(&self, position: Position) -> Result<(), Error> {
        self.want_sync(position);
        Ok(())
    }

    /// Makes everything that was appended durable, and recorded as durable: nothing of it is a tail for recovery afterwards, so that extents which it
    /// names may be removed. `Ok(false)`: the journal is too full to record it; try again. Blocks. Errors: `Failed`.
    fn settle(&self) -> Result<bool, Error>;

    /// The position up to which everything is durable in the sense of `class`.
    fn reached(&self, class: Durability) -> Position;

    /// Ready when everything before `position` is durable in the sense of `class` (at once for `Memory`).
    /// Errors: `Failed`.
    fn poll_reached(
        &self,
        class: Durability,
        position: Position,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Error>>;

    /// Visits every retained entry of every log in journal order: what recovery replays. Entries of one log come in
    /// order of offset; copies that were moved forward come once. Stops at the first error of `visit` and returns it.
    fn replay(&self, visit: &mut dyn FnMut(&EntryRef<'_>) -> Result<(), Error>) -> Result<(), Error>;

    /// Durable entries of `log` from `from` on: at least one if there is one, no more than about `bytes_max` bytes, heads included and
    /// attachments not.
    /// If entries at `from` were trimmed, the answer says so in `gap` and starts after it.
    /// Errors: `BeyondTail`, `Corrupt`, `Failed`.
    fn read(&self, log: LogId, from: Offset, bytes_max: usize) -> Result<Read, Error>;

    /// The offset that the next durable entry of `log` will get: its entries below are fsynced. Zero for a log
    /// without entries, and after a restart for one whose entries were all dropped: who keeps a checkpoint goes on from that.
    fn tail(&self, log: LogId) -> Offset;

    /// The first retained offset of `log`: reads below it show a gap. Its tail if nothing is retained.
    fn first(&self, log: LogId) -> Offset;

    /// The offset below which the retained entries of `log` lie in the oldest stretch that holds any of them: to trim less of the log frees no
    /// space. Its tail if nothing is retained.
    fn stretch_end(&self, log: LogId) -> Offset;

    /// Ready when the durable tail of `log` is above `offset`.
    fn poll_tail(&self, log: LogId, offset: Offset, context: &mut Context<'_>)
    -> Poll<Result<Offset, Error>>;

    /// Lets the journal drop the entries of `log` below `below`; their space returns when all logs of a stretch allow it.
    /// Idempotent; going backwards has no effect; beyond the tail is cut to the tail. Not durable: after a crash, dropped
    /// entries may be there again.
    fn trim(&self, log: LogId, below: Offset);

    /// Forgets a log that was deleted: as `trim` of everything, and its bookkeeping goes.
    fn forget(&self, log: LogId);

    /// Bytes that the journal keeps because some log's entries are not trimmed.
    fn retained_bytes(&self) -> u64;

    /// The log whose retained entries reach back furthest: a checkpoint of it frees the most.
    fn oldest_log(&self) -> Option<LogId>;

    /// Ends the journal: after this returned, no append succeeds, here or on any other holder, and the returned position
    /// is its end. Idempotent.
    fn seal(&self) -> Result<Position, Error>;

    /// Stores bytes that an entry is going to name. Durable in the sense of `class` when this returns, which must be
    /// before the append of the naming entry. Blocks on disk or network; never call it while a shard is locked.
    fn put_attachment(&self, bytes: &[u8], class: Durability) -> Result<AttachmentId, Error>;

    /// Takes a number for an attachment of `length` bytes that [`Journal::append_with`] is going to store. May block on the disk now and
    /// then. Errors: `Full` if the bytes would not fit on the disk, `Failed`.
    fn new_attachment(&self, length: u64) -> Result<u64, Error>;

    /// As [`Journal::append`], for a batch whose entries name the attachment `id`. Never waits: the bytes are stored, durably, before the
    /// record that names them is written, by whoever writes it.
    fn append_with(&self, batch: &Batch, id: AttachmentId, bytes: Bytes) -> Result<Position, Error>;

    /// Reads an attachment, verified. Errors: `NoAttachment`, `Corrupt`.
    fn attachment(&self, id: &AttachmentId) -> Result<Bytes, Error>;

    /// Removes an attachment that no snapshot, retained entry or follower names. Idempotent.
    fn remove_attachment(&self, id: &AttachmentId) -> Result<(), Error>;

    /// All attachments, for the removal of orphans at start. Compare their numbers only: one whose description is damaged is
    /// listed with length and CRC zero.
    fn attachments(&self) -> Result<Vec<AttachmentId>, Error>;
}

/// What an entry holds instead of an attachment's bytes. *Persisted* as 24 bytes: `u64 number, u64 length, u32 CRC32C,
/// u32 zero`, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttachmentId {
    /// Unique in the journal, never reused.
    pub number: u64,
    /// Bytes.
    pub length: u64,
    /// CRC32C of the bytes.
    pub crc: u32,
}

impl AttachmentId {
    /// Bytes of the persisted form.
    pub const BYTES: usize = 24;

    /// The persisted form.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut out = [0; Self::BYTES];
        out[0..8].copy_from_slice(&self.number.to_le_bytes());
        out[8..16].copy_from_slice(&self.length.to_le_bytes());
        out[16..20].copy_from_slice(&self.crc.to_le_bytes());
        out
    }

    /// Reads the persisted form; `None` if it is not one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().ok()?;
        let (number, rest) = bytes.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<8>()?;
        let (crc, zero) = rest.split_first_chunk::<4>()?;
        (zero == [0; 4]).then(|| Self {
            number: u64::from_le_bytes(*number),
            length: u64::from_le_bytes(*length),
            crc: u32::from_le_bytes(*crc),
        })
    }
}

impl fmt::Display for AttachmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x} ({} bytes)", self.number, self.length)
    }
}

/// An entry that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    /// Everything but the bytes.
    pub header: EntryHeader,
    /// The extension list as stored.
    pub extensions: Bytes,
    /// The payload as stored.
    pub payload: Bytes,
}

/// The answer to a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Entries that were asked for and are gone, if any.
    pub gap: Option<Gap>,
    /// Durable entries in order of offset; empty at the tail.
    pub entries: Vec<StoredEntry>,
    /// Where the next read goes on.
    pub next: Offset,
}

/// Trimmed entries: `from` up to but not including `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first missing offset.
    pub from: Offset,
    /// The first offset after the gap.
    pub to: Offset,
}
