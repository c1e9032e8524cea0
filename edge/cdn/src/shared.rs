//! Bytes of pieces in files that exist in memory alone (`memfd_create(2)`), so that the system can send them to a socket without another copy
//! (`sendfile(2)`). Such a file is sealed before it is shown to anybody: nothing can change or shorten it as long as it lives, neither while it is
//! mapped nor while the system still sends from it.

#![expect(unsafe_code, reason = "to map a file: each use says why it is sound")]

use bytes::Bytes;
use memmap2::{Mmap, MmapOptions};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Files at once, whatever the process may open.
const FILES_MAX: usize = 8_192;

/// Of the files that the process may open, the share of these.
const FILES_SHARE: u64 = 8;

/// Shortest piece that is worth a file.
pub const BYTES_MIN: usize = 32 << 10;

/// How many such files there are and may be.
#[derive(Clone, Debug)]
pub struct Room {
    used: Arc<AtomicUsize>,
    most: usize,
}

/// A file that never changes.
#[derive(Debug)]
pub struct Shared {
    file: File,
    used: Arc<AtomicUsize>,
}

impl Default for Room {
    fn default() -> Self {
        let open_max = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let share = open_max.map_or(usize::MAX, |most| (most / FILES_SHARE) as usize);
        Self { used: Arc::default(), most: share.min(FILES_MAX) }
    }
}

impl Room {
    /// How many there are.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Puts bytes into a file of their own: the file, and what is in it. `None`: there are too many already, or the system gives none.
    pub fn share(&self, bytes: &[u8]) -> Option<(Arc<Shared>, Bytes)> {
        if self.used.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.used.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        // From here on the file counts itself out.
        let file = memfd_create("piece", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING);
        let Ok(file) = file.map(File::from) else {
            self.used.fetch_sub(1, Ordering::Relaxed);
            return None;
        };
        let mut shared = Shared { file, used: self.used.clone() };
        shared.file.write_all(bytes).ok()?;
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
        fcntl_add_seals(&shared.file, seals).ok()?;
        let shared = Arc::new(shared);
        let mapped = Mapped { mapped: map(&shared.file)?, _file: shared.clone() };
        Some((shared, Bytes::from_owner(mapped)))
    }
}

/// Maps a file that was sealed.
fn map(file: &File) -> Option<Mmap> {
    // SAFETY: what is mapped must not change under its readers. The file has no name, the only descriptor of it is in this process, and its seals forbid
    // whoever has that one to write to it, to map it for writing, or to change its length.
    unsafe { MmapOptions::new().map(file) }.ok()
}

impl Shared {
    /// The file; its first byte is that of the piece.
    pub fn file(&self) -> &File {
        &self.file
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.used.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The bytes of a file, which lives as long as they do.
struct Mapped {
    mapped: Mmap,
    _file: Arc<Shared>,
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        &self.mapped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_can_be_read_in_both_ways_and_not_changed() {
        use std::os::unix::fs::FileExt as _;
        let room = Room::default();
        let bytes: Vec<u8> = (0..100_000u32).map(|number| number as u8).collect();
        let (shared, read) = room.share(&bytes).expect("room for one");
        assert!(read == bytes);
        let mut part = [0; 1_000];
        shared.file().read_exact_at(&mut part, 50_000).expect("a part");
        assert!(part == bytes[50_000..51_000]);
        assert!(shared.file().write_at(b"x", 0).is_err());
        assert!(shared.file().set_len(1).is_err());
        drop(shared);
        assert!(room.used() == 1 && read == bytes, "the bytes keep their file");
        drop(read);
        assert_eq!(room.used(), 0);
    }

    #[test]
    fn there_are_no_more_than_may_be() {
        let room = Room { used: Arc::default(), most: 1 };
        let first = room.share(b"1");
        assert!(first.is_some() && room.share(b"2").is_none());
        drop(first);
        assert!(room.share(b"3").is_some());
    }
}
