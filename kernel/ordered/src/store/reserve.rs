//! A file of zeros that holds a place on the disk for what is in memory (promise P5). When a flush finds the disk too full, the file
//! goes, and no writes are taken until it is back.

use std::io;
use std::path::{Path, PathBuf};

use bole_base::Disk;

use crate::error::is_full;

const NAME: &str = "reserve";

pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
    whole: bool,
}

impl Reserve {
    /// The reserve of a folder, made if the disk has room for it.
    pub(super) fn open(disk: &dyn Disk, folder: &Path, bytes: u64) -> io::Result<Self> {
        let path = folder.join(NAME);
        let whole = match disk.open(&path).and_then(|file| file.len()) {
            Ok(len) if len == bytes => true,
            Ok(_) => {
                disk.remove(&path)?;
                false
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        let mut reserve = Self { path, bytes, whole };
        reserve.restore(disk)?;
        Ok(reserve)
    }

    pub(super) const fn is_whole(&self) -> bool {
        self.whole
    }

    /// Gives the place away if less than that is free otherwise.
    pub(super) fn give_way(&mut self, disk: &dyn Disk) -> io::Result<()> {
        if self.whole && disk.free_bytes(self.folder())? < self.bytes {
            disk.remove(&self.path)?;
            self.whole = false;
        }
        Ok(())
    }

    /// Takes the place again if there is room for it, and half as much beside it: else it would come and go with every flush.
    pub(super) fn restore(&mut self, disk: &dyn Disk) -> io::Result<()> {
        if self.whole || disk.free_bytes(self.folder())? < self.bytes + self.bytes / 2 {
            return Ok(());
        }
        let made = disk.create(&self.path).and_then(|file| file.fill_zero(self.bytes));
        match made {
            Ok(()) => self.whole = true,
            Err(error) => {
                match disk.remove(&self.path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
                if !is_full(&error) {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or_else(|| Path::new("."))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bole_base::Disk;
    use bole_testing::{FaultDisk, Faults};

    use super::*;

    fn disk(capacity: u64) -> Arc<FaultDisk> {
        let disk = FaultDisk::new(1, Faults { capacity, ..Faults::default() });
        disk.create_dir(Path::new("/store")).expect("an empty disk takes a folder");
        disk
    }

    #[test]
    fn the_place_goes_when_it_is_needed_and_comes_back_with_room_to_spare() {
        let folder = Path::new("/store");
        let disk = disk(64 << 12);
        let mut reserve = Reserve::open(&*disk, folder, 16 << 12).expect("there is room");
        assert!(reserve.is_whole());
        reserve.give_way(&*disk).expect("there is room");
        assert!(reserve.is_whole(), "nobody needs its place");
        let other = disk.create(Path::new("/store/other")).expect("there is room");
        other.fill_zero(40 << 12).expect("there is room");
        reserve.give_way(&*disk).expect("it can be removed");
        assert!(!reserve.is_whole());
        other.set_len(0).expect("it shrinks");
        other.fill_zero(41 << 12).expect("there is room");
        reserve.restore(&*disk).expect("a full disk is no error");
        assert!(!reserve.is_whole(), "23 are free, it wants 24");
        other.set_len(0).expect("it shrinks");
        reserve.restore(&*disk).expect("there is room");
        assert!(reserve.is_whole());
        let again = Reserve::open(&*disk, folder, 16 << 12).expect("it is there");
        assert!(again.is_whole());
        let larger = Reserve::open(&*disk, folder, 20 << 12).expect("there is room");
        assert!(larger.is_whole());
        let len = disk.open(&folder.join(NAME)).and_then(|file| file.len());
        assert_eq!(len.expect("it is there"), 20 << 12);
    }
}
