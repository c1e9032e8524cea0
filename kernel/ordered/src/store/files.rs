//! The files beside the tree, and what a start does before the tree is opened.
//!
//! `format`, *persisted*, little-endian: `"BOLEORDR"`, u32 version, u32 whether the store has persisted (0 or 1), u64 log, u32 CRC32C of what comes
//! before, u32 zero.

use std::io;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use bole_base::disk::{read_all, renew_name, renewed, replace_file};
use bole_base::{Disk, LogId};
use lsm_tree::{AbstractTree, AnyTree};

use crate::Error;

const FORMAT: &str = "format";
const MAGIC: &[u8; 8] = b"BOLEORDR";
/// Raised with every change of what is on the disk: keys, the stand, the tree's files.
pub(super) const VERSION: u32 = 1;
const FORMAT_BYTES: usize = 32;

/// The tree's folder.
pub(super) fn tree(folder: &Path) -> PathBuf {
    folder.join("tree")
}

/// The file that names the tree's newest list of tables.
pub(super) fn current(folder: &Path) -> PathBuf {
    tree(folder).join("current")
}

/// What the format file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) version: u32,
    pub(super) born: bool,
    pub(super) log: LogId,
}

impl Format {
    fn encode(self) -> [u8; FORMAT_BYTES] {
        let mut out = [0; FORMAT_BYTES];
        out[..8].copy_from_slice(MAGIC);
        out[8..12].copy_from_slice(&self.version.to_le_bytes());
        out[12..16].copy_from_slice(&u32::from(self.born).to_le_bytes());
        out[16..24].copy_from_slice(&self.log.0.to_le_bytes());
        let crc = crc32c::crc32c(&out[..24]);
        out[24..28].copy_from_slice(&crc.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; FORMAT_BYTES] = bytes.try_into().ok()?;
        let word = |at: usize| {
            let word = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_le_bytes(word))
        };
        let log = u64::from(word(16)?) | (u64::from(word(20)?) << 32);
        let sound = &bytes[..8] == MAGIC && word(24)? == crc32c::crc32c(&bytes[..24]) && word(12)? <= 1;
        sound.then_some(Self { version: word(8)?, born: word(12)? == 1, log: LogId(log) })
    }
}

/// The format file; `None` if there is none. Errors: `Damaged`, `Io`.
pub(super) fn read_format(disk: &dyn Disk, folder: &Path) -> Result<Option<Format>, Error> {
    let bytes = match disk.open(&folder.join(FORMAT)).and_then(|file| read_all(&*file)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io(folder, &error)),
    };
    let format = Format::decode(&bytes);
    format.map(Some).ok_or_else(|| Error::damaged(folder, "the file `format` is damaged"))
}

fn write_format(disk: &dyn Disk, folder: &Path, log: LogId, born: bool) -> io::Result<()> {
    replace_file(disk, &folder.join(FORMAT), &Format { version: VERSION, born, log }.encode())
}

/// Notes that there is something to lose: without a tree the folder is damaged from now on, not new.
pub(super) fn give_birth(disk: &dyn Disk, folder: &Path, log: LogId) -> io::Result<()> {
    write_format(disk, folder, log, true)
}

/// Makes or examines the folder, so that the tree may be opened. Whether it has ever persisted.
pub(super) fn prepare(disk: &dyn Disk, folder: &Path, log: LogId) -> Result<bool, Error> {
    let io = |error: io::Error| Error::io(folder, &error);
    disk.create_dir(folder).map_err(io)?;
    let Some(format) = read_format(disk, folder)? else {
        let names = disk.list(folder).map_err(io)?;
        if names.iter().any(|name| name == "tree") {
            return Err(Error::damaged(folder, "it has tables and no file `format`"));
        }
        write_format(disk, folder, log, false).map_err(io)?;
        return Ok(false);
    };
    if format.version != VERSION {
        let text = format!(
            "{}: its format is version {}, this version of Bole knows {VERSION}; start the version that wrote it",
            folder.display(),
            format.version
        );
        return Err(Error::Refused(text));
    }
    if format.log != log {
        let text = format!("{}: it belongs to log {}, not to log {log}", folder.display(), format.log);
        return Err(Error::Refused(text));
    }
    renew(disk, folder).map_err(io)?;
    if format.born && disk.open(&current(folder)).is_err() {
        return Err(Error::damaged(folder, "the file `tree/current` is missing"));
    }
    Ok(format.born)
}

/// Makes the name of the newest list of tables durable: the process that made it may have been killed before it did, and opening the tree
/// removes what only the list before it names.
fn renew(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    let path = current(folder);
    if disk.open(&renewed(&path)).is_ok() {
        disk.rename(&renewed(&path), &path)?;
    } else if disk.open(&path).is_err() {
        return Ok(());
    }
    for name in disk.list(&tree(folder))?.iter().filter(|name| name.starts_with(".tmp")) {
        // A crash came before this was renamed to `current`.
        disk.remove(&tree(folder).join(name))?;
    }
    renew_name(disk, &path)?;
    disk.sync_dir(&tree(folder))
}

/// Opens the tree. What it cannot read, and what makes it panic, is damage.
pub(super) fn open_tree(
    folder: &Path,
    config: impl FnOnce(&Path) -> lsm_tree::Config,
) -> Result<AnyTree, Error> {
    let path = tree(folder);
    let opened = std::panic::catch_unwind(AssertUnwindSafe(|| config(&path).open()));
    match opened {
        Ok(Ok(tree)) => Ok(tree),
        Ok(Err(error)) => Err(Error::tree(folder, &error)),
        Err(_) => Err(Error::damaged(folder, "the tree's files make no sense")),
    }
}

/// Removes tables that a flush or compaction began and did not end: their numbers begin with `first`.
pub(super) fn remove_begun(folder: &Path, first: u64) -> io::Result<()> {
    for file in std::fs::read_dir(tree(folder).join("tables"))? {
        let file = file?;
        let number = file.file_name().to_str().and_then(|name| name.parse::<u64>().ok());
        if number.is_some_and(|number| number >= first) {
            std::fs::remove_file(file.path())?;
        }
    }
    Ok(())
}

/// The bytes of the file that names the newest list of tables; none before there is a tree.
pub(super) fn read_current(folder: &Path) -> io::Result<Vec<u8>> {
    match std::fs::read(current(folder)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        outcome => outcome,
    }
}

/// Removes a folder. The format file goes last, so that what a crash leaves of it is no new store.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    let present = |outcome: io::Result<()>| match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    };
    present(std::fs::remove_file(current(folder)))?;
    present(std::fs::remove_dir_all(tree(folder)))?;
    present(std::fs::remove_dir_all(folder))
}

/// Number of the tree's tables that will come next.
pub(super) fn next_table(tree: &AnyTree) -> u64 {
    tree.next_table_id()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_file_is_written_as_drawn() {
        let format = Format { version: 1, born: true, log: LogId(0x1234_5678_9abc) };
        let bytes = format.encode();
        assert_eq!(&bytes[..24], b"BOLEORDR\x01\0\0\0\x01\0\0\0\xbc\x9a\x78\x56\x34\x12\0\0");
        assert_eq!(Format::decode(&bytes), Some(format));
        for at in 0..28 {
            let mut flipped = bytes;
            flipped[at] ^= 4;
            assert_eq!(Format::decode(&flipped), None, "byte {at}");
        }
    }
}
