//! The lock on a data directory: one process at a time. The operating system releases it with the process, however
//! that ends, so a stale file never keeps a node from starting.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// The file in the data directory that carries the lock. It holds the owner's process id.
pub const FILE_NAME: &str = "lock";

/// An exclusive lock on a data directory, held until it is dropped.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

/// Why the directory cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has it.
    #[error("data directory {} is in use by process {pid}; stop that, or choose another with --data", dir.display())]
    Held {
        /// The directory.
        dir: PathBuf,
        /// The owner's process id, as it wrote it.
        pid: String,
    },
    /// The file cannot be opened, locked or written.
    #[error("data directory {} cannot be locked: {source}", dir.display())]
    Io {
        /// The directory.
        dir: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
}

impl DataLock {
    /// Locks `dir`, which must exist. Never waits.
    pub fn acquire(dir: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Io { dir: dir.to_path_buf(), source };
        let path = dir.join(FILE_NAME);
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = options.map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(Error::Held { dir: dir.to_path_buf(), pid: owner(&mut file) });
            }
            Err(error) => return Err(failed(error.into())),
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write(&mut file).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// The process id in the file; the owner may be between locking and writing it.
fn owner(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(32).read_to_string(&mut text);
    let pid = read.ok().and_then(|_| text.trim().parse::<u32>().ok());
    pid.map_or_else(|| "(unknown)".to_owned(), |pid| pid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_is_refused_with_the_owner_until_the_first_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let lock = DataLock::acquire(dir.path()).unwrap();
        let message = DataLock::acquire(dir.path()).unwrap_err().to_string();
        assert!(message.contains(&format!("process {};", std::process::id())), "{message}");
        drop(lock);
        DataLock::acquire(dir.path()).unwrap();
    }

    #[test]
    fn a_missing_directory_is_named() {
        let message = DataLock::acquire(Path::new("/nonexistent/data")).unwrap_err().to_string();
        assert!(message.contains("/nonexistent/data"), "{message}");
    }
}
