//! The disk tier: each piece in a file of its own, with the head of its answer, so that a restart finds everything by looking at names and heads.
//!
//! A file is written under another name and renamed when it is whole; its head and each 64 KiB of its body have checksums. Nothing is
//! synced: what a power cut tears does not fit its checksums, is dropped and fetched again. A disk that is full, or fails, is not written to for a
//! while; reading goes on. Writing happens on one thread behind a bounded queue, and what does not fit the queue is not written.

pub mod codec;
mod files;
mod writer;

pub use files::Files;

use crate::key::Key;
use crate::limits::DiskConfig;
use crate::object::{Object, Piece, slice_of};
use codec::Record;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use writer::{Job, Writer};

/// The slice number under which a newer head of an object is kept, without bytes.
pub const HEAD_SLICE: u32 = u32::MAX;

/// What the disk tier counts.
#[derive(Debug, Default)]
pub struct DiskCounters {
    /// Pieces read.
    pub reads: AtomicU64,
    /// Pieces written.
    pub writes: AtomicU64,
    /// Pieces that were not written: the queue was full, or writing was off.
    pub skipped: AtomicU64,
    /// Files whose checksums did not fit, which were dropped.
    pub corrupt: AtomicU64,
    /// Writes that failed; each turns writing off for a while.
    pub failed: AtomicU64,
    /// Files that had to make room.
    pub evictions: AtomicU64,
}

/// The objects of each key, by the key's hash, each with a slice whose file was there when it was noted.
type Catalog = Mutex<HashMap<u128, Vec<(u64, u32)>>>;

/// Keys in the catalog beyond twice the files; then those without files are forgotten.
const CATALOG_SLACK: usize = 4_096;

/// The tier.
pub struct Disk {
    files: Arc<Files>,
    catalog: Arc<Catalog>,
    writer: Writer,
    counters: Arc<DiskCounters>,
    newest: u64,
}

impl Disk {
    /// Opens the folder and finds what is in it. Blocks while it reads the heads of all files.
    pub fn open(config: &DiskConfig) -> io::Result<Self> {
        let counters = Arc::new(DiskCounters::default());
        let files = Arc::new(Files::open(&config.folder, config.bytes, counters.clone())?);
        let (found, newest) = files.scan()?;
        let catalog: Arc<Catalog> = Arc::new(Mutex::new(HashMap::new()));
        for (key, object, slice) in found {
            note(&catalog, key, object, slice);
        }
        let writer = Writer::start(files.clone(), counters.clone())?;
        Ok(Self { files, catalog, writer, counters, newest })
    }

    /// The largest id of an object that was found.
    pub const fn newest(&self) -> u64 {
        self.newest
    }

    /// Counters.
    pub fn counters(&self) -> &DiskCounters {
        &self.counters
    }

    /// Bytes of files.
    pub fn bytes(&self) -> u64 {
        self.files.bytes()
    }

    /// Where the log of purges is.
    pub fn purge_log(config: &DiskConfig) -> PathBuf {
        config.folder.join("purges")
    }

    /// Whether anything may be stored for a key.
    pub fn may_have(&self, key: &Key) -> bool {
        self.catalog.lock().contains_key(&key.hash())
    }

    /// Whether there is a piece in a slice.
    pub fn has(&self, object: u64, slice: u32) -> bool {
        self.files.has(object, slice)
    }

    /// The objects of a key with the newest of their heads, oldest first. Blocks.
    pub fn objects(&self, key: &Key) -> Vec<Record> {
        let ids = self.catalog.lock().get(&key.hash()).cloned().unwrap_or_default();
        let mut records = Vec::new();
        for (id, slice) in ids {
            let found = self.files.newest_head(id, slice);
            match found {
                Some(record) if record.key == key.whole() => records.push(record),
                Some(_) => {}
                None => self.forget(key, id),
            }
        }
        records.sort_by_key(|record| record.object);
        records
    }

    /// The objects of a key like [`Disk::objects`], if no file has to be waited for. None: some have to, or there are none.
    pub fn objects_at_once(&self, key: &Key) -> Option<Vec<Record>> {
        let ids = self.catalog.lock().get(&key.hash())?.clone();
        let heads = ids.into_iter().map(|(id, slice)| self.files.newest_head_at_once(id, slice));
        let mut records = heads.collect::<Option<Vec<Record>>>()?;
        records.sort_by_key(|record| record.object);
        records.iter().all(|record| record.key == key.whole()).then_some(records)
    }

    /// A piece. Blocks. A file that is not what was written is dropped and is as if it had not been there.
    pub fn read(&self, object: u64, slice: u32) -> Option<Piece> {
        let piece = self.files.read(object, slice)?;
        self.counters.reads.fetch_add(1, Ordering::Relaxed);
        Some(piece)
    }

    /// Reads a piece like [`Disk::read`], if the system has its file in memory. Blocks not.
    pub fn read_at_once(&self, object: u64, slice: u32) -> Option<Piece> {
        let piece = self.files.read_at_once(object, slice)?;
        self.counters.reads.fetch_add(1, Ordering::Relaxed);
        Some(piece)
    }

    /// Has a piece written, some time.
    pub fn write(&self, object: &Arc<Object>, slice: u32, piece: Piece) {
        note(&self.catalog, object.key.hash(), object.id, slice);
        self.forget_evicted();
        self.writer.send(Job::Write { object: object.clone(), slice, piece });
    }

    /// Has the head of an object written anew, some time.
    pub fn write_head(&self, object: &Arc<Object>) {
        let piece = Piece::new(0, bytes::Bytes::new());
        self.writer.send(Job::Write { object: object.clone(), slice: HEAD_SLICE, piece });
    }

    /// Removes an object.
    pub fn remove(&self, object: &Object) {
        self.forget(&object.key, object.id);
        let last = object.whole().map_or(0, |whole| slice_of(whole.saturating_sub(1)));
        self.writer.send(Job::Remove { object: object.id, last });
    }

    /// Waits until what was sent so far is written or dropped. For tests and orderly ends.
    pub fn flush(&self) {
        self.writer.flush();
    }

    /// Keeps the catalog in proportion to the files that are there.
    fn forget_evicted(&self) {
        let mut catalog = self.catalog.lock();
        if catalog.len() > 2 * self.files.len() + CATALOG_SLACK {
            catalog.retain(|_, objects| {
                objects.retain(|(id, slice)| self.files.has(*id, *slice) || self.files.has(*id, 0));
                !objects.is_empty()
            });
        }
    }

    fn forget(&self, key: &Key, object: u64) {
        let mut catalog = self.catalog.lock();
        if let Some(objects) = catalog.get_mut(&key.hash()) {
            objects.retain(|(id, _)| *id != object);
            if objects.is_empty() {
                catalog.remove(&key.hash());
            }
        }
    }
}

fn note(catalog: &Catalog, key: u128, object: u64, slice: u32) {
    let mut catalog = catalog.lock();
    let objects = catalog.entry(key).or_default();
    match objects.iter_mut().find(|(id, _)| *id == object) {
        Some((_, known)) => *known = slice,
        None => objects.push((object, slice)),
    }
}
