//! Segment files: their header (*persisted*, drawn in `docs/internals/wal.md`), their names, and making new ones.

use std::cmp::Ordering;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bole_base::disk::read_exact_at;
use bole_base::{Disk, File};

use crate::Error;
use crate::frame::{u32_at, u64_at};

/// Bytes before the first frame of a segment.
pub(crate) const HEADER_BLOCK_BYTES: u64 = 4096;
const HEADER_BYTES: usize = 64;
const MAGIC: &[u8] = b"BOLEWAL1";
const SPARE_MAGIC: &[u8] = b"BOLESPAR";
/// The generation in the mark of a file that is about to be removed.
const NOBODY: u64 = u64::MAX;
const VERSION: u32 = 1;

/// What the header block of a segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) generation: u64,
    pub(crate) base: u64,
    pub(crate) synced: u64,
    pub(crate) journal_id: [u8; 16],
}

impl SegmentHeader {
    /// The whole header block.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; HEADER_BLOCK_BYTES as usize];
        out[0..8].copy_from_slice(MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[16..24].copy_from_slice(&self.generation.to_le_bytes());
        out[24..32].copy_from_slice(&self.base.to_le_bytes());
        out[32..40].copy_from_slice(&self.synced.to_le_bytes());
        out[40..56].copy_from_slice(&self.journal_id);
        let crc = crc32c::crc32c(&out[16..HEADER_BYTES]);
        out[12..16].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a block whose checksum is right. Errors: another version.
    fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, String> {
        let version = u32_at(bytes, 8);
        if version != VERSION {
            return Err(format!(
                "the segment has format version {version}; this program reads version {VERSION}"
            ));
        }
        let mut journal_id = [0; 16];
        journal_id.copy_from_slice(&bytes[40..56]);
        Ok(Self {
            generation: u64_at(bytes, 16),
            base: u64_at(bytes, 24),
            synced: u64_at(bytes, 32),
            journal_id,
        })
    }

    fn is_sound(&self) -> bool {
        self.synced <= self.base && self.base.is_multiple_of(8) && self.base < 1 << 62
    }
}

/// What the header block of a file says about it, given the generation in its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// It is this segment.
    Segment(SegmentHeader),
    /// It was promised to a later generation: what it held is not needed, and this name is a leftover.
    Leftover,
    /// It is the segment of a later generation, under a name that it had before.
    Misnamed {
        /// The generation that the header says.
        generation: u64,
    },
    /// Nothing: a spare, or a header that is damaged.
    Blank,
}

impl Head {
    fn decode(bytes: &[u8; HEADER_BYTES], name: u64) -> Result<Self, String> {
        if u32_at(bytes, 12) != crc32c::crc32c(&bytes[16..]) {
            return Ok(Self::Blank);
        }
        let generation = u64_at(bytes, 16);
        match &bytes[..8] {
            SPARE_MAGIC if generation > name => Ok(Self::Leftover),
            MAGIC => {
                let header = SegmentHeader::decode(bytes)?;
                Ok(match generation.cmp(&name) {
                    Ordering::Equal if header.is_sound() => Self::Segment(header),
                    Ordering::Greater => Self::Misnamed { generation },
                    _ => Self::Blank,
                })
            }
            _ => Ok(Self::Blank),
        }
    }
}

/// The header block of a file that holds nothing and is to be the spare of `generation`.
fn spare_mark(generation: u64) -> Vec<u8> {
    let mut out = vec![0; HEADER_BLOCK_BYTES as usize];
    out[0..8].copy_from_slice(SPARE_MAGIC);
    out[8..12].copy_from_slice(&VERSION.to_le_bytes());
    out[16..24].copy_from_slice(&generation.to_le_bytes());
    let crc = crc32c::crc32c(&out[16..HEADER_BYTES]);
    out[12..16].copy_from_slice(&crc.to_le_bytes());
    out
}

/// A segment file that is in use.
pub(crate) struct Segment {
    pub(crate) generation: u64,
    /// The position of the first frame.
    pub(crate) base: u64,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn File>,
    /// Bytes of the file.
    pub(crate) len: u64,
}

impl Segment {
    /// Where in the file the frame at `position` starts.
    pub(crate) const fn offset_of(&self, position: u64) -> u64 {
        position - self.base + HEADER_BLOCK_BYTES
    }
}

/// A zero-filled or recycled file that has the name of a segment to come and no valid header of it.
pub(crate) struct Spare {
    pub(crate) generation: u64,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn File>,
    pub(crate) len: u64,
}

impl Spare {
    /// The segment that this file becomes when its header is written.
    pub(crate) fn into_segment(self, base: u64) -> Segment {
        Segment { generation: self.generation, base, path: self.path, file: self.file, len: self.len }
    }
}

/// The file name of the segment `generation`.
pub(crate) fn file_name(generation: u64) -> String {
    format!("{generation:016}.wal")
}

/// The generation that a file name says, if it is a segment's.
pub(crate) fn parse_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".wal")?;
    let sound = digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_digit());
    sound.then(|| digits.parse().ok()).flatten()
}

/// Makes a zero-filled, durable file with the name of `generation`. A file that cannot be completed is removed.
pub(crate) fn prepare(disk: &dyn Disk, dir: &Path, generation: u64, len: u64) -> Result<Spare, Error> {
    let path = dir.join(file_name(generation));
    remove_if_there(disk, &path)?;
    let made = disk.create(&path).and_then(|file| {
        file.fill_zero(len)?;
        file.sync_data()?;
        disk.sync_dir(dir)?;
        Ok(file)
    });
    match made {
        Ok(file) => Ok(Spare { generation, path, file, len }),
        Err(error) => {
            // The file is useless; if it cannot be removed now, the next attempt or start removes it.
            let _ = disk.remove(&path);
            Err(Error::space(&path, "cannot prepare segment", &error))
        }
    }
}

/// Gives a file that is no longer read the name of `generation`, durably. The header goes first, durably too: should the new name
/// be lost, the old one means nothing any more.
pub(crate) fn recycle(disk: &dyn Disk, dir: &Path, from: &Path, generation: u64) -> Result<Spare, Error> {
    mark(disk, from, generation)?;
    let path = dir.join(file_name(generation));
    let renamed = disk.rename(from, &path).and_then(|()| disk.sync_dir(dir)).and_then(|()| disk.open(&path));
    let file = renamed.map_err(|error| Error::io(&path, "cannot recycle segment", &error))?;
    let len = file.len().map_err(|error| Error::io(&path, "cannot read the length", &error))?;
    Ok(Spare { generation, path, file, len })
}

/// Removes a file that is no longer read; its header goes first, as in [`recycle`]. The caller fsyncs the folder.
pub(crate) fn discard(disk: &dyn Disk, path: &Path) -> Result<(), Error> {
    mark(disk, path, NOBODY)?;
    remove_if_there(disk, path)
}

/// Writes the mark of the spare of `generation` over the header, durably. A file too short for a header needs none.
fn mark(disk: &dyn Disk, path: &Path, generation: u64) -> Result<(), Error> {
    let marked = disk.open(path).and_then(|file| {
        if file.len()? < HEADER_BLOCK_BYTES {
            return Ok(());
        }
        file.write_all_at(0, &spare_mark(generation))?;
        file.sync_data()
    });
    marked.map_err(|error| Error::io(path, "cannot mark as a spare", &error))
}

/// Removes a name whose file was promised to, or is, a later generation. The file may have that other name as well, so its header is
/// written again as it is: it may have been in the page cache only.
pub(crate) fn drop_leftover(disk: &dyn Disk, path: &Path) -> Result<(), Error> {
    let written = disk.open(path).and_then(|file| {
        let mut block = vec![0; HEADER_BLOCK_BYTES as usize];
        read_exact_at(file.as_ref(), 0, &mut block)?;
        file.write_all_at(0, &block)?;
        file.sync_data()
    });
    written.map_err(|error| Error::io(path, "cannot write the header again", &error))?;
    remove_if_there(disk, path)
}

/// Reads the header of a segment file whose name says `generation`.
pub(crate) fn read_head(file: &dyn File, path: &Path, generation: u64) -> Result<Head, Error> {
    let mut bytes = [0; HEADER_BYTES];
    match read_exact_at(file, 0, &mut bytes) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Head::Blank),
        Err(error) => return Err(Error::io(path, "cannot read the header", &error)),
    }
    Head::decode(&bytes, generation).map_err(|what| Error::Io { file: path.to_path_buf(), what })
}

pub(crate) fn remove_if_there(disk: &dyn Disk, path: &Path) -> Result<(), Error> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io(path, "cannot remove", &error))
        }
        _ => Ok(()),
    }
}
