//! The journal of a node without a cluster: [`bole_wal::Wal`] for entries, files for attachments.

mod attachments;
pub mod check;

use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};

use bole_base::{Clock, Disk, Durability, LogId, Offset, Position};
pub use bole_wal::Config;
use bole_wal::{Driver, Wal};
use bytes::Bytes;

use crate::entry::ENTRY_HEADER_BYTES;
use crate::{AttachmentId, Batch, EntryRef, Error, Gap, Journal, Read, StoredEntry};
use attachments::Attachments;

/// A journal in a folder. Without [`LocalJournal::start`] it has no thread, and a test drives it through [`LocalJournal::wal`].
pub struct LocalJournal {
    wal: Arc<Wal>,
    attachments: Arc<Attachments>,
    reserve_bytes: u64,
    driver: Option<Driver>,
}

impl LocalJournal {
    /// Opens or creates the journal in `dir` and recovers it. Starts no thread.
    pub fn open(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        dir: &Path,
        config: bole_wal::Config,
    ) -> Result<Self, Error> {
        let reserve_bytes = config.reserve_bytes;
        let wal = Wal::open(Arc::clone(&disk), clock, dir, config)?;
        let attachments = Attachments::open(disk, &dir.join("attachments"), wal.journal_id())?;
        Ok(Self { wal: Arc::new(wal), attachments: Arc::new(attachments), reserve_bytes, driver: None })
    }

    /// Starts the threads that fsync and prepare segments. They end when the journal is closed or dropped.
    pub fn start(mut self) -> Result<Self, Error> {
        self.driver = Some(Driver::start(Arc::clone(&self.wal))?);
        Ok(self)
    }

    /// Makes everything that was appended durable and ends the threads. Nothing should be appended afterwards.
    pub fn close(&self) -> Result<(), Error> {
        match &self.driver {
            Some(driver) => Ok(driver.stop()?),
            None => Ok(self.wal.close()?),
        }
    }

    /// The write-ahead log: positions, sizes, counters, copies, and the steps of a journal without threads.
    pub const fn wal(&self) -> &Arc<Wal> {
        &self.wal
    }
}

impl Journal for LocalJournal {
    fn try_admit(&self, bytes: u64) -> Result<bool, Error> {
        Ok(self.wal.try_admit(bytes)?)
    }

    fn poll_admit(&self, bytes: u64, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.wal.poll_admit(bytes, context).map_err(Error::from)
    }

    fn return_admitted(&self, bytes: u64) {
        self.wal.return_admitted(bytes);
    }

    fn batch_cost(&self, batch_bytes: usize) -> u64 {
        self.wal.batch_cost(batch_bytes)
    }

    fn batch_bytes_max(&self) -> usize {
        self.wal.batch_bytes_max()
    }

    fn append(&self, batch: &Batch) -> Result<Position, Error> {
        Ok(self.wal.append(batch)?)
    }

    fn write_queued(&self) -> Result<(), Error> {
        Ok(self.wal.write_queued()?)
    }

    fn want_sync(&self, position: Position) {
        self.wal.want_sync(position);
    }

    fn sync_here(&self, position: Position) -> Result<(), Error> {
        Ok(self.wal.sync_here(position)?)
    }

    fn settle(&self) -> Result<bool, Error> {
        Ok(self.wal.settle()?)
    }

    fn reached(&self, class: Durability) -> Position {
        self.wal.reached(class)
    }

    fn poll_reached(
        &self,
        class: Durability,
        position: Position,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        self.wal.poll_reached(class, position, context).map_err(Error::from)
    }

    fn replay(&self, visit: &mut dyn FnMut(&EntryRef<'_>) -> Result<(), Error>) -> Result<(), Error> {
        self.wal.replay(visit)
    }

    fn read(&self, log: LogId, from: Offset, bytes_max: usize) -> Result<Read, Error> {
        let mut entries = Vec::new();
        let mut bytes = 0;
        let end = self.wal.read(log, from, |entry| {
            bytes += ENTRY_HEADER_BYTES + entry.extensions.len() + entry.payload.len();
            entries.push(StoredEntry {
                header: entry.header,
                extensions: Bytes::copy_from_slice(entry.extensions),
                payload: Bytes::copy_from_slice(entry.payload),
            });
            bytes < bytes_max
        })?;
        let gap = end.gap.map(|(from, to)| Gap { from, to });
        Ok(Read { gap, entries, next: end.next.max(gap.map_or(Offset::ZERO, |gap| gap.to)) })
    }

    fn tail(&self, log: LogId) -> Offset {
        self.wal.tail(log)
    }

    fn first(&self, log: LogId) -> Offset {
        self.wal.first(log)
    }

    fn stretch_end(&self, log: LogId) -> Offset {
        self.wal.first_segment_end(log)
    }

    fn retained_bytes(&self) -> u64 {
        self.wal.usage().retained_bytes
    }

    fn oldest_log(&self) -> Option<LogId> {
        self.wal.oldest_pin().map(|(log, _)| log)
    }

    fn poll_tail(
        &self,
        log: LogId,
        offset: Offset,
        context: &mut Context<'_>,
    ) -> Poll<Result<Offset, Error>> {
        self.wal.poll_tail(log, offset, context).map_err(Error::from)
    }

    fn trim(&self, log: LogId, below: Offset) {
        self.wal.trim(log, below);
    }

    fn forget(&self, log: LogId) {
        self.wal.forget(log);
    }

    fn seal(&self) -> Result<Position, Error> {
        Ok(self.wal.seal()?)
    }

    fn put_attachment(&self, bytes: &[u8], class: Durability) -> Result<AttachmentId, Error> {
        self.attachments.put(bytes, class)
    }

    fn new_attachment(&self, length: u64) -> Result<u64, Error> {
        self.attachments.new_number(length, self.reserve_bytes)
    }

    fn append_with(&self, batch: &Batch, id: AttachmentId, bytes: Bytes) -> Result<Position, Error> {
        let attachments = Arc::clone(&self.attachments);
        let before = Box::new(move || attachments.store(&id, &bytes, Durability::Sync));
        Ok(self.wal.append_after(batch, Some(before))?)
    }

    fn attachment(&self, id: &AttachmentId) -> Result<Bytes, Error> {
        self.attachments.get(id)
    }

    fn remove_attachment(&self, id: &AttachmentId) -> Result<(), Error> {
        self.attachments.remove(id)
    }

    fn attachments(&self) -> Result<Vec<AttachmentId>, Error> {
        self.attachments.list()
    }
}
