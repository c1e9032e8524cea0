//! The segment files of all partitions: names, open handles, writes at decided places, reads, fsyncs.
//!
//! ```text
//! DATA/streams/0000000000000123-00000000000000004096-00000000.log
//!              '-- log id ----' '-- base offset ---' '- gen-'
//! ```
//!
//! A file is a row of whole batches, as a consumer gets them. What lies beyond a segment's size is left over from a crash and is written over.
//! Three kinds of writes are kept apart: *extents*, which entries name and the journal's fsync waits for, *flushes*, which only a checkpoint
//! waits for, and those of *compactions*.
//!
//! # Invariants
//! - A failed fsync is final (promise P4): every later one fails as well, and the owner stops the node. A failed write is the appender's business:
//!   nothing names the bytes yet.
//! - A name is durable with the first write to its file in the life of a process. That a start finds it says nothing: a failed fsync of the folder may have marked
//!   it clean. So a file from before is renamed away and back first, which makes its name a new one.
//! - At most [`OPEN_FILES_MAX`] files are open, besides those with unsynced writes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bole_base::disk::{RENEWED, read_exact_at, renew_name};
use bole_base::{Disk, File, LogId};
use bole_log::{EntryRef, Extents, PayloadKind};
use bytes::Bytes;
use parking_lot::Mutex;

use super::batch::{HEAD_BYTES, head};
use super::entry::{Append, Effect};
use super::index::Indexes;
use super::segments::SegmentId;

/// Files that are held open for the next read or write.
pub const OPEN_FILES_MAX: usize = 512;
/// Above so many files with unsynced extents, further ones go into the journal, so that an fsync of it never has to fsync more.
pub const EXTENT_FILES_MAX: usize = 128;

/// One segment of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// The partition's log.
    pub log: LogId,
    /// Its segment.
    pub segment: SegmentId,
}

impl FileId {
    fn name(&self) -> String {
        format!("{:016x}-{:020}-{:08x}.log", self.log.0, self.segment.base, self.segment.generation)
    }

    fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(".log")?.split('-');
        let log = LogId(u64::from_str_radix(parts.next()?, 16).ok()?);
        let base = parts.next()?.parse().ok()?;
        let generation = u32::from_str_radix(parts.next()?, 16).ok()?;
        let id = Self { log, segment: SegmentId { base, generation } };
        (id.name() == name).then_some(id)
    }
}

/// The files of a node's partitions.
pub struct SegmentFiles {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    handles: Mutex<Handles>,
    extents: Unsynced,
    flushes: Unsynced,
    compactions: Unsynced,
    names: Names,
    /// An fsync failed.
    failed: AtomicBool,
    /// Where in each file batches begin.
    pub indexes: Indexes,
    /// Bytes written for each purpose.
    written: [AtomicU64; 3],
}

#[derive(Default)]
struct Handles {
    open: HashMap<FileId, (Arc<dyn File>, u64)>,
    clock: u64,
}

/// What has to be fsynced for one purpose.
#[derive(Default)]
struct Unsynced {
    /// In order of their names, so that a simulation syncs them in the same order each time.
    files: Mutex<BTreeMap<FileId, Arc<dyn File>>>,
    /// Who fsyncs has this: another one whose writes are among those waits for the outcome.
    turn: Mutex<()>,
}

/// Counts names that were made, and up to which of them the folder is synced.
#[derive(Default)]
struct Names {
    made: AtomicU64,
    synced: Mutex<u64>,
    /// The files that were written since the start: at most as many as there are.
    known: Mutex<HashSet<FileId>>,
}

/// Why a batch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An entry is going to name it.
    Extent,
    /// The journal holds it, and shall not for ever.
    Flush,
    /// It is written again, in a file that nothing names yet.
    Compaction,
}

impl SegmentFiles {
    /// The files in `dir`, which is made if it is missing.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path) -> io::Result<Self> {
        disk.create_dir(dir)?;
        for name in disk.list(dir)? {
            if let Some(proper) = name.strip_suffix(RENEWED).filter(|proper| FileId::parse(proper).is_some())
            {
                disk.rename(&dir.join(&name), &dir.join(proper))?;
            }
        }
        disk.sync_dir(dir)?;
        Ok(Self {
            disk,
            dir: dir.to_path_buf(),
            handles: Mutex::default(),
            extents: Unsynced::default(),
            flushes: Unsynced::default(),
            compactions: Unsynced::default(),
            names: Names::default(),
            failed: AtomicBool::new(false),
            indexes: Indexes::default(),
            written: Default::default(),
        })
    }

    /// The path of a file, for messages.
    pub fn path(&self, id: FileId) -> PathBuf {
        self.dir.join(id.name())
    }

    /// Bytes that may still be written on the file system.
    pub fn free_bytes(&self) -> io::Result<u64> {
        self.disk.free_bytes(&self.dir)
    }

    /// Bytes that were written as extents, and by flushes.
    pub fn written(&self) -> (u64, u64) {
        let [extents, flushes, _] = &self.written;
        (extents.load(Ordering::Relaxed), flushes.load(Ordering::Relaxed))
    }

    /// Whether another file may take extents before the next fsync.
    pub fn takes_extents(&self, id: FileId) -> bool {
        let extents = self.extents.files.lock();
        extents.len() < EXTENT_FILES_MAX || extents.contains_key(&id)
    }

    /// Writes `bytes` at `position`. Not durable before the fsync of its purpose.
    pub fn write(&self, id: FileId, position: u64, bytes: &[u8], purpose: Purpose) -> io::Result<()> {
        let file = self.handle(id, true)?;
        self.renew(id)?;
        file.write_all_at(position, bytes)?;
        self.unsynced(purpose).files.lock().insert(id, file);
        self.written[purpose as usize].fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Makes the name of a file that is from before this process one that the next sync of the folder makes durable.
    fn renew(&self, id: FileId) -> io::Result<()> {
        if self.names.known.lock().contains(&id) {
            return Ok(());
        }
        // Nobody opens the file between the two names.
        let _handles = self.handles.lock();
        let mut known = self.names.known.lock();
        if known.contains(&id) {
            return Ok(());
        }
        renew_name(&*self.disk, &self.path(id))?;
        self.names.made.fetch_add(1, Ordering::AcqRel);
        known.insert(id);
        Ok(())
    }

    const fn unsynced(&self, purpose: Purpose) -> &Unsynced {
        match purpose {
            Purpose::Extent => &self.extents,
            Purpose::Flush => &self.flushes,
            Purpose::Compaction => &self.compactions,
        }
    }

    /// Writes a batch, head and body, at `position`.
    pub fn write_batch(&self, id: FileId, append: &Append, purpose: Purpose) -> io::Result<()> {
        let batch = &append.batch;
        let mut bytes = Vec::with_capacity(batch.bytes());
        bytes.extend_from_slice(&batch.head());
        bytes.extend_from_slice(&batch.body);
        self.write(id, append.place.position, &bytes, purpose)
    }

    /// Makes the writes of `purpose` durable, those that were made before the call. An error is final.
    pub fn sync_writes(&self, purpose: Purpose) -> io::Result<()> {
        let unsynced = self.unsynced(purpose);
        let _turn = unsynced.turn.lock();
        if self.failed.load(Ordering::Acquire) {
            return Err(io::Error::other("an fsync of segment files has failed; restart the node"));
        }
        let files = std::mem::take(&mut *unsynced.files.lock());
        let synced = files.values().try_for_each(|file| file.sync_data()).and_then(|()| self.sync_names());
        synced.inspect_err(|_| self.failed.store(true, Ordering::Release))
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut synced = self.names.synced.lock();
        let made = self.names.made.load(Ordering::Acquire);
        if *synced < made {
            self.disk.sync_dir(&self.dir)?;
            *synced = made;
        }
        Ok(())
    }

    /// Exactly `bytes` bytes at `position`.
    pub fn read(&self, id: FileId, position: u64, bytes: usize) -> io::Result<Bytes> {
        let file = self.handle(id, false)?;
        let mut buffer = vec![0; bytes];
        read_exact_at(&*file, position, &mut buffer)?;
        Ok(buffer.into())
    }

    /// Removes a file; none of that name is fine. Durable some time later: until then a start finds it again and removes it.
    pub fn remove(&self, id: FileId) -> io::Result<()> {
        self.handles.lock().open.remove(&id);
        self.extents.files.lock().remove(&id);
        self.flushes.files.lock().remove(&id);
        self.compactions.files.lock().remove(&id);
        self.indexes.forget(id);
        self.names.known.lock().remove(&id);
        match self.disk.remove(&self.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes every file that is not in `named`. After recovery, before anything is written.
    pub fn sweep(&self, named: &HashSet<FileId>) -> io::Result<u64> {
        let mut removed = 0;
        for name in self.disk.list(&self.dir)? {
            if FileId::parse(&name).is_some_and(|id| !named.contains(&id)) {
                self.disk.remove(&self.dir.join(&name))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// An open handle; with `create` the file is made if it is missing.
    fn handle(&self, id: FileId, create: bool) -> io::Result<Arc<dyn File>> {
        let mut handles = self.handles.lock();
        handles.clock += 1;
        let now = handles.clock;
        if let Some((file, used)) = handles.open.get_mut(&id) {
            *used = now;
            return Ok(Arc::clone(file));
        }
        let path = self.path(id);
        let file = match self.disk.open(&path) {
            Err(error) if create && error.kind() == io::ErrorKind::NotFound => {
                let file = self.disk.create(&path)?;
                self.names.known.lock().insert(id);
                self.names.made.fetch_add(1, Ordering::AcqRel);
                file
            }
            opened => opened?,
        };
        if handles.open.len() >= OPEN_FILES_MAX {
            let oldest = handles.open.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| *id);
            oldest.map(|id| handles.open.remove(&id));
        }
        handles.open.insert(id, (Arc::clone(&file), now));
        Ok(file)
    }
}

impl Extents for SegmentFiles {
    fn sync(&self) -> io::Result<()> {
        self.sync_writes(Purpose::Extent)
    }

    fn hold(&self, entry: &EntryRef<'_>, rewrite: bool) -> io::Result<bool> {
        let Some((id, append)) = named_extent(entry) else { return Ok(true) };
        let Some(extent) = append.extent else { return Ok(true) };
        let bytes = HEAD_BYTES + extent.body_bytes as usize;
        let found = match self.read(id, append.place.position, bytes) {
            Ok(found) => found,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let expected = head(append.batch.base_offset, extent.body_bytes as usize, append.batch.leader_epoch);
        let whole = found[..HEAD_BYTES] == expected && crc32c::crc32c(&found[HEAD_BYTES..]) == extent.crc;
        if whole && rewrite {
            self.write(id, append.place.position, &found, Purpose::Extent)?;
        }
        Ok(whole)
    }
}

/// The extent that an entry names, if it is one of a partition's. Only the stream service flags entries of its layouts so.
fn named_extent(entry: &EntryRef<'_>) -> Option<(FileId, Append)> {
    let kind: PayloadKind = entry.header.kind;
    let Ok(Effect::Append(append)) = Effect::decode(kind, entry.header.version, entry.payload) else {
        return None;
    };
    Some((FileId { log: entry.header.log, segment: append.place.segment }, append))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bole_base::RealDisk;

    fn id(log: u64, base: i64) -> FileId {
        FileId { log: LogId(log), segment: SegmentId { base, generation: 0 } }
    }

    #[test]
    fn names_come_back_and_no_others_do() {
        let given = FileId { log: LogId(0x123), segment: SegmentId { base: 4_096, generation: 2 } };
        assert_eq!(FileId::parse(&given.name()), Some(given));
        for name in ["", "x.log", "0000000000000123-00000000000000004096-00000002", "123-4096-2.log"] {
            assert_eq!(FileId::parse(name), None, "{name}");
        }
    }

    #[test]
    fn what_was_written_is_read_and_handles_are_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let files = SegmentFiles::open(Arc::new(RealDisk), &dir.path().join("streams")).unwrap();
        for log in 0..OPEN_FILES_MAX as u64 + 20 {
            files.write(id(log, 0), 5, &log.to_le_bytes(), Purpose::Flush).unwrap();
        }
        assert_eq!(files.handles.lock().open.len(), OPEN_FILES_MAX);
        files.sync_writes(Purpose::Flush).unwrap();
        for log in 0..OPEN_FILES_MAX as u64 + 20 {
            assert_eq!(files.read(id(log, 0), 5, 8).unwrap(), log.to_le_bytes()[..]);
        }
        assert_eq!(files.read(id(0, 0), 6, 8).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(files.sweep(&HashSet::from([id(3, 0)])).unwrap(), OPEN_FILES_MAX as u64 + 19);
        files.remove(id(3, 0)).unwrap();
        files.remove(id(3, 0)).unwrap();
        assert_eq!(files.read(id(3, 0), 0, 1).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn extents_are_refused_when_too_many_files_wait() {
        let dir = tempfile::tempdir().unwrap();
        let files = SegmentFiles::open(Arc::new(RealDisk), dir.path()).unwrap();
        for log in 0..EXTENT_FILES_MAX as u64 {
            assert!(files.takes_extents(id(log, 0)));
            files.write(id(log, 0), 0, b"x", Purpose::Extent).unwrap();
        }
        assert!(files.takes_extents(id(0, 0)) && !files.takes_extents(id(9_999, 0)));
        files.sync().unwrap();
        assert!(files.takes_extents(id(9_999, 0)));
    }
}
