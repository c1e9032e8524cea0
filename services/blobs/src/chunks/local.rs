//! Chunks as files of this node: `chunks/XX/<id>`, `XX` the place in hexadecimal digits. *Persisted*: `chunks/version` says how, and that the folders are durable.
//!
//! A chunk is made under its final name, since nobody looks for a name that no durable entry has. It is durable when its data are synced and then its folder;
//! writers that finish in one folder at the same time share the sync of it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bole_base::disk::{read_all, replace_file};
use bole_base::{Disk, File};
use parking_lot::Mutex;

use super::{ChunkId, Error, Home, Opened, Upload};

/// What `chunks/version` holds.
const VERSION: &[u8] = b"BOLE CHUNKS 1\n";
const PLACES: usize = 256;

/// The files. Cheap to clone.
#[derive(Clone)]
pub struct Local {
    shared: Arc<Shared>,
}

struct Shared {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    folders: Vec<Folder>,
    reserve: u64,
    /// Bytes that were set aside for uploads and are not written yet.
    promised: AtomicU64,
    failure: OnceLock<String>,
}

/// Shares syncs of a folder.
#[derive(Default)]
struct Folder {
    /// Names that were made.
    made: AtomicU64,
    /// How many of them are durable.
    synced: Mutex<u64>,
}

impl Local {
    /// The files in `dir`, which is made if it is missing. Chunks leave `reserve` bytes of the disk free (promise P5). Blocks.
    /// Errors: `Failed`; the folder is of another version.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path, reserve: u64) -> Result<Self, Error> {
        let version = dir.join("version");
        match disk.open(&version).and_then(|file| read_all(file.as_ref())) {
            Ok(bytes) if bytes == VERSION => {}
            Ok(bytes) => {
                let found = String::from_utf8_lossy(&bytes[..bytes.len().min(32)]).into_owned();
                let text = format!(
                    "{} holds {found:?}; this version writes and reads \"BOLE CHUNKS 1\"",
                    version.display()
                );
                return Err(Error::Failed(text));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_folders(&*disk, dir)
                    .map_err(|error| Error::Failed(format!("{}: {error}", dir.display())))?;
            }
            Err(error) => return Err(Error::Failed(format!("{}: {error}", version.display()))),
        }
        let folders = (0..PLACES).map(|_| Folder::default()).collect();
        let (promised, failure) = (AtomicU64::new(0), OnceLock::new());
        let shared = Shared { disk, dir: dir.to_path_buf(), folders, reserve, promised, failure };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Why nothing is written any more, if a write or sync failed.
    pub fn failure(&self) -> Option<&str> {
        self.shared.failure.get().map(String::as_str)
    }

    /// Bytes that were set aside for uploads and are not written yet.
    pub fn promised_bytes(&self) -> u64 {
        self.shared.promised.load(Ordering::Relaxed)
    }
}

/// The marker comes last: where it is found, all folders are durable.
fn make_folders(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    disk.create_dir(dir)?;
    for place in 0..PLACES {
        disk.create_dir(&dir.join(format!("{place:02x}")))?;
    }
    replace_file(disk, &dir.join("version"), VERSION)
}

impl Shared {
    fn folder(&self, place: u8) -> PathBuf {
        self.dir.join(format!("{place:02x}"))
    }

    fn path(&self, id: ChunkId) -> PathBuf {
        self.folder(id.place()).join(id.to_string())
    }

    fn check(&self) -> Result<(), Error> {
        self.failure.get().map_or(Ok(()), |text| Err(Error::Failed(text.clone())))
    }

    /// Sets `bytes` aside.
    fn promise(&self, bytes: u64) -> Result<(), Error> {
        let before = self.promised.fetch_add(bytes, Ordering::AcqRel);
        let free = self.disk.free_bytes(&self.dir).unwrap_or(0);
        if free.saturating_sub(before) < self.reserve.saturating_add(bytes) {
            self.promised.fetch_sub(bytes, Ordering::AcqRel);
            return Err(self.full(bytes, free.saturating_sub(before)));
        }
        Ok(())
    }

    const fn full(&self, needed: u64, free: u64) -> Error {
        Error::Full { needed, free, reserve: self.reserve }
    }

    /// A write that found no room harms only its own chunk; any other failure is final.
    fn failed(&self, what: &str, id: ChunkId, error: &io::Error) -> Error {
        let text = format!("{what} {}: {error}", self.path(id).display());
        tracing::error!("{text}; no more chunks are written");
        Error::Failed(self.failure.get_or_init(|| text).clone())
    }

    /// Makes the names that were made in a folder so far durable, unless another did since.
    fn sync_folder(&self, id: ChunkId) -> Result<(), Error> {
        let folder = &self.folders[usize::from(id.place())];
        let mine = folder.made.fetch_add(1, Ordering::AcqRel) + 1;
        let mut synced = folder.synced.lock();
        if *synced >= mine {
            return Ok(());
        }
        self.check()?;
        let made = folder.made.load(Ordering::Acquire);
        self.disk
            .sync_dir(&self.folder(id.place()))
            .map_err(|error| self.failed("the folder cannot be synced for", id, &error))?;
        *synced = made;
        Ok(())
    }
}

impl Home for Local {
    fn create(&self, id: ChunkId, bytes: u64) -> Result<Box<dyn Upload>, Error> {
        let shared = &self.shared;
        shared.check()?;
        shared.promise(bytes)?;
        let mut upload = LocalUpload {
            shared: Arc::clone(shared),
            id,
            file: None,
            at: 0,
            promised: bytes,
            finished: false,
        };
        match shared.disk.create(&shared.path(id)) {
            Ok(file) => upload.file = Some(file),
            Err(error) if is_full(&error) => return Err(shared.full(bytes, 0)),
            Err(error) => return Err(shared.failed("cannot create", id, &error)),
        }
        Ok(Box::new(upload))
    }

    fn read(&self, id: ChunkId, from: u64, bytes: usize, out: &mut Vec<u8>) -> Result<(), Error> {
        let file = self.opened(id)?;
        let start = out.len();
        out.resize(start + bytes, 0);
        let read = file.read(from, &mut out[start..])?;
        out.truncate(start + read);
        Ok(())
    }

    fn open(&self, id: ChunkId) -> Result<Option<Box<dyn Opened>>, Error> {
        Ok(Some(Box::new(self.opened(id)?)))
    }

    fn remove(&self, id: ChunkId) -> Result<(), Error> {
        match self.shared.disk.remove(&self.shared.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::Io { what: format!("removal of chunk {id}"), error })
            }
            _ => Ok(()),
        }
    }

    fn list(&self, place: u8) -> Result<Vec<ChunkId>, Error> {
        let folder = self.shared.folder(place);
        let names = self.shared.disk.list(&folder);
        let names =
            names.map_err(|error| Error::Io { what: format!("list of {}", folder.display()), error })?;
        Ok(names
            .iter()
            .filter_map(|name| name.parse().ok())
            .filter(|id: &ChunkId| id.place() == place)
            .collect())
    }
}

impl Local {
    fn opened(&self, id: ChunkId) -> Result<OpenFile, Error> {
        match self.shared.disk.open(&self.shared.path(id)) {
            Ok(file) => Ok(OpenFile { id, file }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::Missing(id)),
            Err(error) => Err(unread(id, error)),
        }
    }
}

/// A chunk's file that is kept open.
struct OpenFile {
    id: ChunkId,
    file: Arc<dyn File>,
}

fn unread(id: ChunkId, error: io::Error) -> Error {
    Error::Io { what: format!("read of chunk {id}"), error }
}

impl Opened for OpenFile {
    fn read(&self, from: u64, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut read = 0;
        while read < buffer.len() {
            match self.file.read_at(from + read as u64, &mut buffer[read..]) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unread(self.id, error)),
            }
        }
        Ok(read)
    }

    fn read_at_once(&self, from: u64, buffer: &mut [u8]) -> Result<bool, Error> {
        let read = self.file.read_at_once(from, buffer).map_err(|error| unread(self.id, error))?;
        Ok(read == Some(buffer.len()))
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

struct LocalUpload {
    shared: Arc<Shared>,
    id: ChunkId,
    file: Option<Arc<dyn File>>,
    at: u64,
    /// What is left of the bytes that were set aside.
    promised: u64,
    finished: bool,
}

impl Upload for LocalUpload {
    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let count = bytes.len() as u64;
        self.shared.check()?;
        let further = count.saturating_sub(self.promised);
        if further > 0 {
            self.shared.promise(further)?;
            self.promised += further;
        }
        let Some(file) = &self.file else { return Err(Error::Missing(self.id)) };
        match file.write_all_at(self.at, bytes) {
            Ok(()) => {
                self.at += count;
                self.promised -= count;
                self.shared.promised.fetch_sub(count, Ordering::AcqRel);
                Ok(())
            }
            Err(error) if is_full(&error) => {
                self.file = None;
                Err(self.shared.full(count, 0))
            }
            Err(error) => Err(self.shared.failed("cannot write", self.id, &error)),
        }
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        self.shared.check()?;
        let Some(file) = self.file.take() else { return Err(Error::Missing(self.id)) };
        file.sync_data().map_err(|error| self.shared.failed("cannot sync", self.id, &error))?;
        self.shared.sync_folder(self.id)?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for LocalUpload {
    fn drop(&mut self) {
        self.shared.promised.fetch_sub(self.promised, Ordering::AcqRel);
        if !self.finished
            && let Err(error) = self.shared.disk.remove(&self.shared.path(self.id))
            && error.kind() != io::ErrorKind::NotFound
        {
            // The sweep after the next start removes it.
            tracing::debug!(chunk = %self.id, %error, "a chunk that was given up could not be removed");
        }
    }
}
