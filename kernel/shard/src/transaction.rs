//! One batch in the making: the space that was admitted for it, and its entries.

use std::future::poll_fn;
use std::sync::Arc;

use bole_base::{Durability, Position};
use bole_log::entry::BATCH_BYTES_MAX;
use bole_log::{Batch, Journal};

use crate::Error;

/// A batch in the making, with the journal space that is already taken for it. Reused from one operation to the next.
///
/// Dropping it returns the space and forgets entries that were not appended.
pub struct Transaction {
    journal: Arc<dyn Journal>,
    pub(crate) batch: Batch,
    /// Admitted bytes that no append has used up.
    credit: u64,
    pub(crate) hlc: u64,
}

impl Transaction {
    /// An empty transaction without space.
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        Self { journal, batch: Batch::new(), credit: 0, hlc: 0 }
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
    /// [`Error::Wait`] the caller releases its locks, waits, and starts again.
    pub fn reserve(&mut self, bytes: usize) -> Result<(), Error> {
        let needed = self.missing(bytes);
        if needed == 0 {
            return Ok(());
        }
        if !self.journal.try_admit(needed)? {
            return Err(Error::Wait { bytes: needed });
        }
        self.credit += needed;
        Ok(())
    }

    /// Whether the batch has grown beyond what one record may hold.
    pub(crate) fn check_size(&self) -> Result<(), Error> {
        let bytes = self.batch.bytes().len();
        if bytes > BATCH_BYTES_MAX {
            return Err(bole_log::Error::BatchTooLarge { bytes, max: BATCH_BYTES_MAX }.into());
        }
        Ok(())
    }

    /// What must be admitted on top of the credit, for a batch that grows by `bytes`.
    fn missing(&self, bytes: usize) -> u64 {
        self.journal.batch_cost(self.batch.bytes().len() + bytes).saturating_sub(self.credit)
    }

    /// Sets the hybrid-logical-clock time of the entries that follow.
    pub fn set_time(&mut self, hlc: u64) {
        self.hlc = hlc;
    }

    /// Whether there is nothing to append.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// The journal that the batch goes to.
    pub const fn journal(&self) -> &Arc<dyn Journal> {
        &self.journal
    }

    /// The strongest durability of the entries.
    pub fn class(&self) -> Durability {
        self.batch.class()
    }

    /// Appends the batch, while every shard that it touches is still locked, and empties it. The caller tells each of
    /// them the position.
    pub fn append(&mut self) -> Result<Position, Error> {
        let cost = self.journal.batch_cost(self.batch.bytes().len());
        assert!(
            cost <= self.credit,
            "a batch is admitted before it is applied: cost {cost}, admitted {}",
            self.credit
        );
        let position = self.journal.append(&self.batch)?;
        self.credit -= cost;
        self.batch.clear();
        Ok(position)
    }

    /// Returns the space that is left.
    pub fn finish(&mut self) {
        self.batch.clear();
        if self.credit > 0 {
            self.journal.return_admitted(self.credit);
            self.credit = 0;
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.finish();
    }
}
