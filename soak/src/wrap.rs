//! Seams with a listener or a flaw: a journal that says where the last batch ended, and a disk that lies about checkpoints.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use bole_base::{Disk, Durability, File, LogId, Offset, Position};
use bole_log::{AttachmentId, Batch, EntryRef, Error, Journal, LocalJournal, Read};
use bytes::Bytes;

/// Entries of which a journal that loses some loses one.
const LOST_ONE_IN: u64 = 16;

/// The journal of a node, and where the last batch that was appended to it ends.
pub struct NotingJournal {
    inner: Arc<LocalJournal>,
    last: AtomicU64,
    /// Where the last batch ends that changes the catalog.
    last_of_catalog: AtomicU64,
    /// It says that everything is durable.
    lies: AtomicBool,
    /// Readers miss entries.
    loses: bool,
}

impl NotingJournal {
    /// Listens to `inner`.
    pub fn new(inner: Arc<LocalJournal>) -> Self {
        let (last, last_of_catalog) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { inner, last, last_of_catalog, lies: AtomicBool::new(false), loses: false }
    }

    /// One that nobody ever has to wait for.
    pub fn lying(inner: Arc<LocalJournal>) -> Self {
        Self { lies: AtomicBool::new(true), ..Self::new(inner) }
    }

    /// One whose readers miss an entry now and then.
    pub fn losing(inner: Arc<LocalJournal>) -> Self {
        Self { loses: true, ..Self::new(inner) }
    }

    /// Whether it says from now on that everything is durable.
    pub fn lie(&self, lies: bool) {
        self.lies.store(lies, Ordering::SeqCst);
    }

    /// Where the last batch ends; 0 before the first.
    pub fn last(&self) -> u64 {
        self.last.load(Ordering::SeqCst)
    }

    /// Where the last batch ends that changes the catalog; 0 before the first.
    pub fn last_of_catalog(&self) -> u64 {
        self.last_of_catalog.load(Ordering::SeqCst)
    }

    fn note(&self, batch: &Batch, position: Position) {
        self.last.store(position.0, Ordering::SeqCst);
        if batch.entries().map_while(Result::ok).any(|entry| entry.header.log == LogId::CATALOG) {
            self.last_of_catalog.store(position.0, Ordering::SeqCst);
        }
    }
}

impl Journal for NotingJournal {
    fn try_admit(&self, bytes: u64) -> Result<bool, Error> {
        self.inner.try_admit(bytes)
    }
    fn poll_admit(&self, bytes: u64, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_admit(bytes, context)
    }
    fn return_admitted(&self, bytes: u64) {
        self.inner.return_admitted(bytes);
    }
    fn batch_cost(&self, batch_bytes: usize) -> u64 {
        self.inner.batch_cost(batch_bytes)
    }
    fn batch_bytes_max(&self) -> usize {
        self.inner.batch_bytes_max()
    }
    fn append(&self, batch: &Batch) -> Result<Position, Error> {
        let position = self.inner.append(batch)?;
        self.note(batch, position);
        Ok(position)
    }
    fn append_with(&self, batch: &Batch, id: AttachmentId, bytes: Bytes) -> Result<Position, Error> {
        let position = self.inner.append_with(batch, id, bytes)?;
        self.note(batch, position);
        Ok(position)
    }
    fn new_attachment(&self, bytes: u64) -> Result<u64, Error> {
        self.inner.new_attachment(bytes)
    }
    fn first(&self, log: LogId) -> Offset {
        self.inner.first(log)
    }
    fn stretch_end(&self, log: LogId) -> Offset {
        self.inner.stretch_end(log)
    }
    fn write_queued(&self) -> Result<(), Error> {
        self.inner.write_queued()
    }
    fn want_sync(&self, position: Position) {
        self.inner.want_sync(position);
    }
    fn settle(&self) -> Result<bool, Error> {
        self.inner.settle()
    }
    fn reached(&self, class: Durability) -> Position {
        self.inner.reached(class)
    }
    fn poll_reached(
        &self,
        class: Durability,
        at: Position,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        if self.lies.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(()));
        }
        self.inner.poll_reached(class, at, context)
    }
    fn replay(&self, visit: &mut dyn FnMut(&EntryRef<'_>) -> Result<(), Error>) -> Result<(), Error> {
        self.inner.replay(visit)
    }
    fn read(&self, log: LogId, from: Offset, bytes_max: usize) -> Result<Read, Error> {
        let mut read = self.inner.read(log, from, bytes_max)?;
        if self.loses {
            read.entries.retain(|entry| entry.header.offset.0 % LOST_ONE_IN != LOST_ONE_IN - 1);
        }
        Ok(read)
    }
    fn tail(&self, log: LogId) -> Offset {
        self.inner.tail(log)
    }
    fn poll_tail(
        &self,
        log: LogId,
        offset: Offset,
        context: &mut Context<'_>,
    ) -> Poll<Result<Offset, Error>> {
        self.inner.poll_tail(log, offset, context)
    }
    fn trim(&self, log: LogId, below: Offset) {
        self.inner.trim(log, below);
    }
    fn forget(&self, log: LogId) {
        self.inner.forget(log);
    }
    fn retained_bytes(&self) -> u64 {
        self.inner.retained_bytes()
    }
    fn oldest_log(&self) -> Option<LogId> {
        self.inner.oldest_log()
    }
    fn seal(&self) -> Result<Position, Error> {
        self.inner.seal()
    }
    fn put_attachment(&self, bytes: &[u8], class: Durability) -> Result<AttachmentId, Error> {
        self.inner.put_attachment(bytes, class)
    }
    fn attachment(&self, id: &AttachmentId) -> Result<Bytes, Error> {
        self.inner.attachment(id)
    }
    fn remove_attachment(&self, id: &AttachmentId) -> Result<(), Error> {
        self.inner.remove_attachment(id)
    }
    fn attachments(&self) -> Result<Vec<AttachmentId>, Error> {
        self.inner.attachments()
    }
}

/// A disk that does not sync some files, and says that it did.
pub struct LyingDisk {
    disk: Arc<dyn Disk>,
    /// Whether it lies about a file of this name.
    lies: fn(&str) -> bool,
}

struct LyingFile(Arc<dyn File>);

impl LyingDisk {
    /// A disk that lies about files of such names.
    pub fn about(disk: &Arc<dyn Disk>, lies: fn(&str) -> bool) -> Arc<dyn Disk> {
        Arc::new(Self { disk: Arc::clone(disk), lies })
    }

    fn wrap(&self, path: &Path, file: Arc<dyn File>) -> Arc<dyn File> {
        if path.file_name().and_then(|name| name.to_str()).is_some_and(self.lies) {
            Arc::new(LyingFile(file))
        } else {
            file
        }
    }
}

impl Disk for LyingDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(self.wrap(path, self.disk.open(path)?))
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(self.wrap(path, self.disk.create(path)?))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir(dir)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }
    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        self.disk.free_bytes(dir)
    }
}

impl File for LyingFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, buffer)
    }
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(offset, bytes)
    }
    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn fill_zero(&self, len: u64) -> io::Result<()> {
        self.0.fill_zero(len)
    }
}
