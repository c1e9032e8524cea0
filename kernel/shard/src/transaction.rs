//! One batch in the making: the space that was admitted for it, and its entries.

use std::future::poll_fn;
use std::sync::Arc;

use bole_base::{Durability, Epoch, LogId, Offset, Position};
use bole_log::entry::FLAG_ATTACHMENT;
use bole_log::{Batch, EntryHeader, EntryRef, Journal, PayloadKind};
use bytes::Bytes;

use crate::Error;
use crate::attached::Attached;
use crate::large::{self, Large, SMALL_BYTES_MAX, SPACE_PER_SHARD};

/// Shards that one large transaction may touch, for the space that is admitted.
const SHARDS_MAX: usize = 4_096;

/// Where a shard that keeps its own books puts its next entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The shard's log.
    pub log: LogId,
    /// The offset that the entry gets.
    pub offset: Offset,
    /// The epoch in which this node appends.
    pub epoch: Epoch,
}

/// A batch in the making, with the journal space that is already taken for it. Reused from one operation to the next.
///
/// Dropping it returns the space and forgets entries that were not appended.
pub struct Transaction {
    journal: Arc<dyn Journal>,
    attached: Arc<Attached>,
    pub(crate) batch: Batch,
    /// Set when the effects may be too many for entries of their own.
    large: Option<Large>,
    /// Admitted bytes that no append has used up.
    credit: u64,
    pub(crate) hlc: u64,
}

impl Transaction {
    /// An empty transaction without space.
    pub(crate) fn new(journal: Arc<dyn Journal>, attached: Arc<Attached>) -> Self {
        Self { journal, attached, batch: Batch::new(), large: None, credit: 0, hlc: 0 }
    }

    /// Waits until journal space for `bytes` more bytes of entries is taken. Call it without holding a lock.
    pub async fn admit(&mut self, bytes: usize) -> Result<(), Error> {
        let needed = self.missing(bytes);
        if needed > 0 {
            if !self.journal.try_admit(needed)? {
                poll_fn(|context| self.journal.poll_admit(needed, context)).await?;
            }
            self.credit += needed;
        }
        Ok(())
    }

    /// As [`Transaction::admit`], without waiting. Nothing may have been applied yet when this is called: on
    /// [`Error::Wait`] the caller releases its locks, waits with [`Transaction::admit`] for the bytes that it names, and starts again.
    ///
    /// Above half a MiB the transaction becomes a large one: see [`crate::large`].
    pub fn reserve(&mut self, bytes: usize) -> Result<(), Error> {
        let bytes = self.grow(bytes)?;
        self.take(bytes)
    }

    /// As [`Transaction::reserve`], for effects that are to be entries of their own whatever their size, in one record.
    /// Errors: also `BatchTooLarge`.
    pub fn reserve_record(&mut self, bytes: usize) -> Result<(), Error> {
        at_most(self.batch.bytes().len() + bytes, self.journal.batch_bytes_max())?;
        self.take(bytes)
    }

    /// Takes journal space for `bytes` more.
    fn take(&mut self, bytes: usize) -> Result<(), Error> {
        let needed = self.missing(bytes);
        if needed == 0 {
            return Ok(());
        }
        if !self.journal.try_admit(needed)? {
            // What is held already goes back: two that wait holding what the other needs would wait for ever.
            if self.batch.is_empty() && self.credit > 0 {
                self.journal.return_admitted(self.credit);
                self.credit = 0;
            }
            return Err(Error::Wait { bytes: bytes as u64 });
        }
        self.credit += needed;
        Ok(())
    }

    /// Makes the transaction a large one if `bytes` more are too many for entries of their own. What has to be admitted.
    fn grow(&mut self, bytes: usize) -> Result<usize, Error> {
        let total = self.batch.bytes().len() + bytes;
        if self.large.is_none() && total > SMALL_BYTES_MAX {
            if !self.batch.is_empty() {
                if total <= self.journal.batch_bytes_max() {
                    return Ok(bytes);
                }
                return Err(Error::Refused(format!(
                    "the transaction would grow by {bytes} bytes after it has begun to change things; split it"
                )));
            }
            let number = self.journal.new_attachment(bytes as u64)?;
            let inline_max = SMALL_BYTES_MAX.min(self.journal.batch_bytes_max() / 2);
            self.large = Some(Large::new(number, inline_max));
            return Ok(SMALL_BYTES_MAX + SPACE_PER_SHARD * SHARDS_MAX);
        }
        Ok(if self.large.is_some() { 0 } else { bytes })
    }

    /// Whether the batch has grown beyond what one record may hold.
    pub(crate) fn check_size(&self) -> Result<(), Error> {
        at_most(self.batch.bytes().len(), self.journal.batch_bytes_max())
    }

    /// Whether `bytes` of entries at most, of `shards` shards, fit into one batch: for who makes something final before it pushes, when a refusal would come too late.
    /// Errors: `BatchTooLarge`.
    pub(crate) fn check_fits(&self, bytes: usize, shards: usize) -> Result<(), Error> {
        let (total, max) = (self.batch.bytes().len() + bytes, self.journal.batch_bytes_max());
        if self.is_large() || total > SMALL_BYTES_MAX {
            return at_most(SPACE_PER_SHARD * shards, max.min(SPACE_PER_SHARD * SHARDS_MAX));
        }
        at_most(total, max)
    }

    /// What must be admitted on top of the credit, for a batch that grows by `bytes`.
    fn missing(&self, bytes: usize) -> u64 {
        self.journal.batch_cost(self.batch.bytes().len() + bytes).saturating_sub(self.credit)
    }

    /// Sets the hybrid-logical-clock time of the entries that follow.
    pub fn set_time(&mut self, hlc: u64) {
        self.hlc = hlc;
    }

    /// As [`Batch::set_awaited`].
    pub const fn set_awaited(&mut self) {
        self.batch.set_awaited();
    }

    /// Whether there is nothing to append.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty() && self.large.as_ref().is_none_or(Large::is_empty)
    }

    /// The journal that the batch goes to.
    pub const fn journal(&self) -> &Arc<dyn Journal> {
        &self.journal
    }

    /// The strongest durability of the entries.
    pub fn class(&self) -> Durability {
        self.large.as_ref().map_or(Durability::Memory, Large::class).max(self.batch.class())
    }

    /// Adds the entry of a shard that is neither a [`crate::Shard`] nor a [`crate::durable::DurableShard`], under that shard's lock and with the space
    /// reserved. One entry for each shard and batch: it may become the part of a large transaction, which [`crate::transaction::effects`] takes apart again. Errors, after
    /// which the batch is as before: `Wait`, `BatchTooLarge`, the journal's.
    pub fn push(
        &mut self,
        place: Place,
        class: Durability,
        kind: PayloadKind,
        version: u8,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Error> {
        let Place { log, offset, epoch } = place;
        let mut header =
            EntryHeader { log, offset, epoch, hlc: self.hlc, origin: 0, kind, version, flags: 0 };
        if self.is_large() {
            (header.kind, header.version) = (PayloadKind::COMPOUND, 1);
            let (_, started) = self.add_large(&header, class, kind, version, encode);
            assert!(started, "a shard that keeps its own books has one entry in a batch");
            return Ok(());
        }
        let mark = self.batch.mark();
        self.batch.push(&header, class, encode);
        self.check_size().and_then(|()| self.reserve(0)).inspect_err(|_| self.batch.rewind(mark))
    }

    pub(crate) const fn is_large(&self) -> bool {
        self.large.is_some()
    }

    /// Adds an effect to a shard's entry in a large transaction; the entry's offset, and whether it was begun by this.
    pub(crate) fn add_large(
        &mut self,
        header: &EntryHeader,
        class: Durability,
        kind: PayloadKind,
        version: u8,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> (Offset, bool) {
        let large = self.large.as_mut().expect("only a large transaction collects effects by shard");
        large.add(header, class, kind, version, encode)
    }

    /// Appends the batch, while every shard that it touches is still locked, and empties it. The caller tells each of
    /// them the position.
    pub fn append(&mut self) -> Result<Position, Error> {
        let stored = self.large.take().and_then(|large| large.finish(&mut self.batch));
        let cost = self.journal.batch_cost(self.batch.bytes().len());
        assert!(
            cost <= self.credit,
            "a batch is admitted before it is applied: cost {cost}, admitted {}",
            self.credit
        );
        let position = match stored {
            None => self.journal.append(&self.batch)?,
            Some((id, bytes)) => {
                self.attached.add(id, self.batch.entries().map_while(Result::ok).map(|entry| entry.header));
                self.journal.append_with(&self.batch, id, bytes)?
            }
        };
        self.credit -= cost;
        self.batch.clear();
        Ok(position)
    }

    /// Returns the space that is left.
    pub fn finish(&mut self) {
        self.batch.clear();
        self.large = None;
        if self.credit > 0 {
            self.journal.return_admitted(self.credit);
            self.credit = 0;
        }
    }
}

/// Errors: `BatchTooLarge`.
fn at_most(bytes: usize, max: usize) -> Result<(), Error> {
    if bytes > max {
        return Err(bole_log::Error::BatchTooLarge { bytes, max }.into());
    }
    Ok(())
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The payload of an entry in the journal: from the attachment that it names, if it names one. `None`: the attachment is gone, as those of entries below a
/// checkpoint may be. Errors: the journal's.
pub fn payload(journal: &dyn Journal, entry: &EntryRef<'_>) -> Result<Option<Bytes>, Error> {
    if entry.header.flags & FLAG_ATTACHMENT == 0 {
        return Ok(Some(Bytes::copy_from_slice(entry.payload)));
    }
    let Some((id, part)) = large::part_name(entry.payload) else { return Ok(None) };
    match journal.attachment(&id) {
        Ok(bytes) => Ok(Some(bytes.slice(part))),
        Err(bole_log::Error::NoAttachment(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The effects of an entry that was pushed by [`Transaction::push`]: kind, version and bytes of each. Yields an error once and then ends if
/// the bytes do not fit.
pub fn effects<'a>(
    entry: &EntryRef<'a>,
) -> impl Iterator<Item = Result<(PayloadKind, u8, &'a [u8]), String>> + use<'a> {
    let compound = entry.header.kind == PayloadKind::COMPOUND;
    let one = (!compound).then_some(Ok((entry.header.kind, entry.header.version, entry.payload)));
    one.into_iter().chain(compound.then(|| large::effects(entry.payload)).into_iter().flatten())
}
