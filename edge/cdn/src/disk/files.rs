//! The files of the disk tier: names, the bound on their bytes, what is read and removed.

use super::codec::{self, FIXED_BYTES, Fixed, Record};
use super::{DiskCounters, HEAD_SLICE};
use crate::object::Piece;
use quick_cache::sync::Cache;
use quick_cache::{Lifecycle, OptionsBuilder, Weighter};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::{ReadWriteFlags, preadv2};
use std::fs::{self, File};
use std::io::{self, IoSliceMut, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What file systems give out space in.
const CLUSTER_BYTES: u64 = 4 << 10;

/// Folders that are looked through at once at a start: a disk answers several questions sooner than one after the other.
const SCANNERS: usize = 8;

/// A file that was found: the hash of its key, its object and its slice.
type Found = (u128, u64, u32);

/// Of a file, what is read at once to find its head.
const HEAD_AT_ONCE_BYTES: usize = 4 << 10;

#[derive(Clone)]
struct FileWeight;

impl Weighter<(u64, u32), u64> for FileWeight {
    fn weight(&self, _: &(u64, u32), bytes: &u64) -> u64 {
        bytes.div_ceil(CLUSTER_BYTES).max(1) * CLUSTER_BYTES
    }
}

/// Collects the files that have to make room.
#[derive(Clone)]
struct Evicted;

impl Lifecycle<(u64, u32), u64> for Evicted {
    type RequestState = Vec<(u64, u32)>;

    fn begin_request(&self) -> Self::RequestState {
        Vec::new()
    }

    fn on_evict(&self, gone: &mut Self::RequestState, name: (u64, u32), _: u64) {
        gone.push(name);
    }
}

type Sizes = Cache<(u64, u32), u64, FileWeight, std::collections::hash_map::RandomState, Evicted>;

/// The files.
pub struct Files {
    folder: PathBuf,
    sizes: Sizes,
    counters: Arc<DiskCounters>,
    temporary: AtomicU64,
}

impl Files {
    /// Opens the folder, and removes what was never finished.
    pub fn open(folder: &Path, bytes: u64, counters: Arc<DiskCounters>) -> io::Result<Self> {
        for number in 0..=u8::MAX {
            fs::create_dir_all(folder.join("pieces").join(format!("{number:02x}")))?;
        }
        let _ = fs::remove_dir_all(folder.join("temporary"));
        fs::create_dir_all(folder.join("temporary"))?;
        let options = OptionsBuilder::new()
            .weight_capacity(bytes)
            .estimated_items_capacity((bytes / (64 << 10)).clamp(64, 4 << 20) as usize)
            .shards((bytes / (64 << 20)).clamp(1, 16) as usize)
            .build()
            .expect("all that the builder asks for is given");
        let sizes = Cache::with_options(
            options,
            FileWeight,
            std::collections::hash_map::RandomState::default(),
            Evicted,
        );
        Ok(Self { folder: folder.to_path_buf(), sizes, counters, temporary: AtomicU64::new(0) })
    }

    /// Finds all files: the hash of the key, the object and the slice of each, and the largest object. What is no file of ours is removed.
    pub fn scan(&self) -> io::Result<(Vec<Found>, u64)> {
        let folders: io::Result<Vec<PathBuf>> =
            fs::read_dir(self.folder.join("pieces"))?.map(|entry| Ok(entry?.path())).collect();
        let (folders, next) = (folders?, AtomicUsize::new(0));
        let scanned = std::thread::scope(|scope| {
            let scan = || {
                let mut found = Vec::new();
                while let Some(folder) = folders.get(next.fetch_add(1, Ordering::Relaxed)) {
                    self.scan_folder(folder, &mut found)?;
                }
                io::Result::Ok(found)
            };
            let scanners: Vec<_> = (0..SCANNERS).map(|_| scope.spawn(scan)).collect();
            let join = |scanner: std::thread::ScopedJoinHandle<'_, _>| scanner.join();
            scanners.into_iter().map(join).collect::<Vec<_>>()
        });
        let mut all = Vec::new();
        for found in scanned {
            let found = found.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all.extend(found?);
        }
        let newest = all.iter().map(|(_, object, _)| *object).max().unwrap_or(0);
        Ok((all, newest))
    }

    fn scan_folder(&self, folder: &Path, found: &mut Vec<Found>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let Some((fixed, record)) = read_head(&path) else {
                self.counters.corrupt.fetch_add(1, Ordering::Relaxed);
                fs::remove_file(&path)?;
                continue;
            };
            found.push((crate::key::hash(record.key.as_bytes()), fixed.object, fixed.slice));
            self.keep((fixed.object, fixed.slice), fixed.file_bytes() as u64);
        }
        Ok(())
    }

    /// Bytes of files.
    pub fn bytes(&self) -> u64 {
        self.sizes.weight()
    }

    /// Whether there is a file.
    pub fn has(&self, object: u64, slice: u32) -> bool {
        self.sizes.contains_key(&(object, slice))
    }

    /// Writes a file: under another name first, so that a name always stands for a whole file.
    pub fn write(&self, record: &Record, piece: &Piece) -> io::Result<()> {
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = self.folder.join("temporary").join(number.to_string());
        let bytes = record.write(piece);
        let name = (record.object, record.slice);
        let written = fs::write(&temporary, &bytes).and_then(|()| fs::rename(&temporary, self.path(name)));
        if let Err(error) = written {
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        self.keep(name, bytes.len() as u64);
        Ok(())
    }

    fn keep(&self, name: (u64, u32), bytes: u64) {
        let gone = self.sizes.insert_with_lifecycle(name, bytes);
        for name in gone {
            self.counters.evictions.fetch_add(1, Ordering::Relaxed);
            let _ = fs::remove_file(self.path(name));
        }
    }

    /// Reads a piece. One that is not what was written is removed.
    pub fn read(&self, object: u64, slice: u32) -> Option<Piece> {
        let name = (object, slice);
        self.sizes.get(&name)?;
        self.take(name, fs::read(self.path(name)).ok())
    }

    /// Reads a piece like [`Files::read`], but only if neither its name nor its bytes have to be waited for.
    pub fn read_at_once(&self, object: u64, slice: u32) -> Option<Piece> {
        let name = (object, slice);
        let mut buffer = vec![0; self.sizes.get(&name)? as usize];
        let read = begin_at_once(&self.path(name), &mut buffer)?;
        if read < buffer.len() { None } else { self.take(name, Some(buffer)) }
    }

    /// The piece in a file that was read.
    fn take(&self, name: (u64, u32), bytes: Option<Vec<u8>>) -> Option<Piece> {
        match bytes.and_then(codec::read) {
            Some((fixed, piece)) if (fixed.object, fixed.slice) == name => Some(piece),
            _ => {
                self.counters.corrupt.fetch_add(1, Ordering::Relaxed);
                let (object, slice) = name;
                tracing::warn!(object, slice, "a file of the cache is not what was written; it is dropped");
                self.remove(name);
                None
            }
        }
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.sizes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sizes.is_empty()
    }

    /// The newest head of an object: of its first slice, of one that is known, or the head that was written alone.
    pub fn newest_head(&self, object: u64, slice: u32) -> Option<Record> {
        let heads = [0, slice, HEAD_SLICE].into_iter().filter(|slice| self.has(object, *slice));
        let heads = heads.filter_map(|slice| read_head(&self.path((object, slice))));
        // Of equal versions the one that was written alone is the newer.
        heads.map(|(_, record)| record).max_by_key(|record| record.version)
    }

    /// The newest head of an object like [`Files::newest_head`], if none of them has to be waited for.
    pub fn newest_head_at_once(&self, object: u64, slice: u32) -> Option<Record> {
        let heads = [0, slice, HEAD_SLICE].into_iter().filter(|slice| self.has(object, *slice));
        let heads: Option<Vec<Record>> = heads.map(|slice| self.head_at_once((object, slice))).collect();
        heads?.into_iter().max_by_key(|record| record.version)
    }

    fn head_at_once(&self, name: (u64, u32)) -> Option<Record> {
        let mut buffer = [0; HEAD_AT_ONCE_BYTES];
        let read = begin_at_once(&self.path(name), &mut buffer)?;
        let fixed = codec::read_fixed(&buffer[..read])?;
        let is_whole = self.sizes.get(&name) == Some(fixed.file_bytes() as u64);
        if is_whole { Record::read(&fixed, &buffer[..read]) } else { None }
    }

    /// Removes the files of an object up to its last slice.
    pub fn remove_object(&self, object: u64, last: u32) {
        for slice in (0..=last).chain([HEAD_SLICE]).filter(|slice| self.has(object, *slice)) {
            self.remove((object, slice));
        }
    }

    fn remove(&self, name: (u64, u32)) {
        self.sizes.remove(&name);
        let _ = fs::remove_file(self.path(name));
    }

    fn path(&self, (object, slice): (u64, u32)) -> PathBuf {
        let folder = format!("{:02x}", object as u8);
        self.folder.join("pieces").join(folder).join(format!("{object:016x}-{slice:08x}"))
    }
}

/// The begin of a file, if neither its name nor its bytes have to be waited for; how much of it there is.
fn begin_at_once(path: &Path, buffer: &mut [u8]) -> Option<usize> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).ok()?;
    preadv2(file, &mut [IoSliceMut::new(buffer)], 0, ReadWriteFlags::NOWAIT).ok()
}

/// The head of a file, read without its body.
fn read_head(path: &Path) -> Option<(Fixed, Record)> {
    let mut file = File::open(path).ok()?;
    // Nearly all heads are there with one read.
    let mut bytes = Vec::with_capacity(HEAD_AT_ONCE_BYTES);
    file.by_ref().take(HEAD_AT_ONCE_BYTES as u64).read_to_end(&mut bytes).ok()?;
    let fixed = codec::read_fixed(bytes.get(..FIXED_BYTES)?)?;
    if file.metadata().ok()?.len() != fixed.file_bytes() as u64 {
        return None;
    }
    let end = FIXED_BYTES + fixed.head;
    if let Some(left) = end.checked_sub(bytes.len()).filter(|left| *left > 0) {
        file.take(left as u64).read_to_end(&mut bytes).ok()?;
    }
    let record = Record::read(&fixed, bytes.get(..end)?)?;
    Some((fixed, record))
}
