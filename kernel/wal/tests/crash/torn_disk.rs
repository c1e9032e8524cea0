//! A disk in memory that a crash cuts: unsynced sectors survive in any subset.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bole_base::{Disk, File};

const SECTOR: usize = 512;

/// Xorshift: enough randomness for a test, the same for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

#[derive(Default)]
struct Data {
    now: Vec<u8>,
    synced: Vec<u8>,
}

#[derive(Default)]
struct Names {
    now: BTreeMap<PathBuf, Arc<TornFile>>,
    synced: BTreeMap<PathBuf, Arc<TornFile>>,
}

pub(crate) struct TornFile {
    data: Mutex<Data>,
    fuse: Arc<Fuse>,
}

/// Makes the disk fail after so many more operations, and space run out.
pub(crate) struct Fuse {
    pub(crate) left: AtomicU64,
    pub(crate) free: AtomicU64,
}

impl Fuse {
    fn burn(&self) -> io::Result<()> {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map(|_| ()).map_err(|_| io::Error::other("the disk is gone"))
    }
}

#[derive(Clone)]
pub(crate) struct TornDisk {
    names: Arc<Mutex<Names>>,
    pub(crate) fuse: Arc<Fuse>,
}

impl TornDisk {
    pub(crate) fn new() -> Self {
        let fuse = Fuse { left: AtomicU64::new(u64::MAX), free: AtomicU64::new(1 << 40) };
        Self { names: Arc::default(), fuse: Arc::new(fuse) }
    }

    /// Cuts the power: names go back to their synced state, each unsynced sector survives by chance.
    pub(crate) fn crash(&self, random: &mut Random) -> Self {
        let after = Self::new();
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = Names::default();
        // Name changes reach the disk in order: all or none is one legal outcome of each.
        let table = if random.below(2) == 0 { &names.now } else { &names.synced };
        let odds = random.below(5);
        for (path, file) in table {
            let data = file.data.lock().unwrap_or_else(PoisonError::into_inner);
            let mut bytes = data.synced.clone();
            bytes.resize(data.now.len().max(data.synced.len()), 0);
            for start in (0..data.now.len()).step_by(SECTOR) {
                let end = (start + SECTOR).min(data.now.len());
                if random.below(4) < odds {
                    bytes[start..end].copy_from_slice(&data.now[start..end]);
                }
            }
            let data = Mutex::new(Data { now: bytes.clone(), synced: bytes });
            let file = Arc::new(TornFile { data, fuse: Arc::clone(&after.fuse) });
            kept.now.insert(path.clone(), Arc::clone(&file));
            kept.synced.insert(path.clone(), file);
        }
        *after.names.lock().unwrap() = kept;
        after
    }

    /// Kills the process: everything that was written stays.
    pub(crate) fn kill(&self) -> Self {
        let after = Self::new();
        let names = self.names.lock().unwrap();
        let mut kept = Names::default();
        for (path, file) in &names.now {
            let data = file.data.lock().unwrap();
            let data = Mutex::new(Data { now: data.now.clone(), synced: data.synced.clone() });
            let file = Arc::new(TornFile { data, fuse: Arc::clone(&after.fuse) });
            kept.now.insert(path.clone(), Arc::clone(&file));
            kept.synced.insert(path.clone(), file);
        }
        *after.names.lock().unwrap() = kept;
        after
    }

    pub(crate) fn flip(&self, path: &Path, at: u64, bit: u8) {
        let names = self.names.lock().unwrap();
        let data = &mut *names.now[path].data.lock().unwrap();
        data.now[at as usize] ^= 1 << bit;
        data.synced.clone_from(&data.now);
    }

    fn find(&self, path: &Path) -> io::Result<Arc<TornFile>> {
        let names = self.names.lock().unwrap();
        names.now.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for TornDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(self.find(path)?)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.fuse.burn()?;
        let mut names = self.names.lock().unwrap();
        if names.now.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = Arc::new(TornFile { data: Mutex::default(), fuse: Arc::clone(&self.fuse) });
        names.now.insert(path.to_path_buf(), Arc::clone(&file));
        Ok(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.fuse.burn()?;
        let mut names = self.names.lock().unwrap();
        let file = names.now.remove(from).ok_or(io::ErrorKind::NotFound)?;
        names.now.insert(to.to_path_buf(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.fuse.burn()?;
        self.names.lock().unwrap().now.remove(path).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let names = self.names.lock().unwrap();
        let inside = names.now.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
    }

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        self.fuse.burn()?;
        let mut names = self.names.lock().unwrap();
        names.synced = names.now.clone();
        Ok(())
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(self.fuse.free.load(Ordering::SeqCst))
    }
}

impl File for TornFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let data = self.data.lock().unwrap();
        let rest = data.now.get(offset as usize..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.fuse.burn()?;
        let mut data = self.data.lock().unwrap();
        let end = offset as usize + bytes.len();
        if data.now.len() < end {
            data.now.resize(end, 0);
        }
        data.now[offset as usize..end].copy_from_slice(bytes);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.fuse.burn()?;
        let data = &mut *self.data.lock().unwrap();
        data.synced.clone_from(&data.now);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.data.lock().unwrap().now.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.data.lock().unwrap().now.resize(len as usize, 0);
        Ok(())
    }

    fn fill_zero(&self, len: u64) -> io::Result<()> {
        if self.fuse.free.load(Ordering::SeqCst) < len {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.write_all_at(0, &vec![0; len as usize])
    }
}
