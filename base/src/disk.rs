//! The seam to the disk. Everything that the kernel keeps in files of its own goes through [`Disk`] and [`File`], so
//! that tests can tear writes, lose unsynced data, fill the disk and fail fsync.
//!
//! The contract is the one that a careful program may assume of a POSIX file system, and no more:
//! - bytes written are durable after [`File::sync_data`] on that file returned `Ok`;
//! - a created, renamed or removed name is durable after [`Disk::sync_dir`] on its directory returned `Ok`;
//! - unsynced writes may survive a power cut in any subset and order, torn at 512-byte sectors;
//! - after a failed sync the state of the unsynced bytes is unknown for good (promise P4): never retry.

mod real;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use real::RealDisk;

/// A file system, or what a test puts in its place. Paths are absolute or relative to the process, as given.
pub trait Disk: Send + Sync + 'static {
    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Creates a new, empty file. `AlreadyExists` if the name is taken.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Renames a file, replacing `to` if it exists. Atomic; durable after `sync_dir`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Durable after `sync_dir`.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// The names of the files and folders directly in `dir`, sorted. `NotFound` if there is no such folder.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Creates a folder and its parents where they are missing, and makes them durable.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// Makes the names in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Bytes that this process may still write on the file system of `dir`.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
}

/// An open file with positioned reads and writes; shared between threads.
pub trait File: Send + Sync {
    /// Reads up to `buffer.len()` bytes at `offset`; fewer at the end of the file, and possibly fewer elsewhere.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// As [`File::read_at`], where that does not wait for the disk; `None` where it would, or where nobody can tell.
    fn read_at_once(&self, _offset: u64, _buffer: &mut [u8]) -> io::Result<Option<usize>> {
        Ok(None)
    }
    /// Writes all of `bytes` at `offset`, extending the file where needed. On an error any part may have been written.
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes written bytes and the file's length durable (fdatasync).
    fn sync_data(&self) -> io::Result<()>;
    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Cuts or extends (with zeros) the file.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Allocates and zero-fills the first `len` bytes with real writes, so that a later overwrite inside them neither
    /// runs out of space nor changes metadata. Not durable before `sync_data`.
    fn fill_zero(&self, len: u64) -> io::Result<()>;
}

/// Reads exactly `buffer.len()` bytes at `offset`, or fails with `UnexpectedEof`.
pub fn read_exact_at(file: &dyn File, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        match file.read_at(offset, buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                buffer = &mut buffer[read..];
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads a whole file.
pub fn read_all(file: &dyn File) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; file.len()? as usize];
    read_exact_at(file, 0, &mut bytes)?;
    Ok(bytes)
}

/// Behind the name of a file while [`renew_name`] is at work on it.
pub const RENEWED: &str = ".renewed";

/// The name that `path` has while it is renewed. Where a crash left a file under it, that is the newest of the name `path`.
pub fn renewed(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(RENEWED);
    name.into()
}

/// Gives a file its name anew, so that the next sync of the folder makes it durable. That a start finds a name says nothing: the process that
/// made it may have been killed before it synced the folder, or that failed, which may have marked the name clean. Takes no space. A crash may
/// leave the file as [`renewed`]; who looks for it renames it back.
pub fn renew_name(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let other = renewed(path);
    disk.rename(path, &other)?;
    disk.rename(&other, path)
}

/// Puts `bytes` under the name `path` atomically and durably: a new file beside it, synced, renamed over it, and the
/// folder synced. After a crash the name holds either the old bytes or the new ones.
pub fn replace_file(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    match disk.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.create(&temporary)?;
    file.write_all_at(0, bytes)?;
    file.sync_data()?;
    disk.rename(&temporary, path)?;
    disk.sync_dir(path.parent().unwrap_or_else(|| Path::new(".")))
}
