//! The purges on disk, so that a restart does not bring back what was purged. *Persisted*, version 1:
//!
//! ```text
//! "BOLEPUR1"  then records: 4 length of the payload · 4 CRC32C of it · payload
//! payload:    8 epoch · 8 time in seconds · 1 soft · 1 kind (0 URL, 1 prefix, 2 host, 3 tag, 4 everything) · text
//! ```
//!
//! All numbers are little endian. A record that is cut off or does not fit its checksum ends the log: what follows was never acknowledged.

use super::{Purge, Purges, Target};
use bole_cdn_policy::Time;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"BOLEPUR1";
const HEAD_BYTES: usize = 18;

/// The longest target that is kept; a URL is at most as long as a key.
const TARGET_BYTES_MAX: usize = 64 << 10;

/// Above this length the log is begun anew at the next open, by purging everything older than its newest half.
const LOG_BYTES_MAX: u64 = 64 << 20;

/// The log, open for appending.
#[derive(Debug)]
pub struct Log {
    file: File,
    path: PathBuf,
    length: u64,
}

impl Log {
    /// Opens or creates the log and applies what it holds.
    pub fn open(path: &Path, purges: &Purges) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut at = MAGIC.len();
        if bytes.len() < at {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(MAGIC)?;
            file.sync_data()?;
        } else if &bytes[..at] != MAGIC {
            let text =
                format!("{} is no log of purges of this version; move it away to start", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        while let Some((purge, length)) = bytes.get(at..).and_then(read) {
            purges.apply(&purge);
            at += length;
        }
        let length = at as u64;
        file.set_len(length)?;
        file.seek(SeekFrom::Start(length))?;
        let mut log = Self { file, path: path.to_path_buf(), length };
        if length > LOG_BYTES_MAX {
            log.renew(purges)?;
        }
        Ok(log)
    }

    /// Appends a purge; on return it is on disk, or with `sync` off in the hands of the operating system.
    pub fn append(&mut self, purge: &Purge, sync: bool) -> io::Result<()> {
        let record = write(purge);
        let written = self.file.write_all(&record);
        let written = if sync { written.and_then(|()| self.file.sync_data()) } else { written };
        if let Err(error) = written {
            // What may have come through must not stand before a later record.
            self.file.set_len(self.length)?;
            self.file.seek(SeekFrom::Start(self.length))?;
            return Err(error);
        }
        self.length += record.len() as u64;
        Ok(())
    }

    /// Begins anew with one purge of everything that is older than now: more than was asked, in one record.
    fn renew(&mut self, purges: &Purges) -> io::Result<()> {
        let purge = purges.next(Target::Everything, false, Time(0));
        let renewed = self.path.with_extension("new");
        let mut file = File::create(&renewed)?;
        file.write_all(MAGIC)?;
        file.write_all(&write(&purge))?;
        file.sync_data()?;
        std::fs::rename(&renewed, &self.path)?;
        purges.apply(&purge);
        self.length = file.stream_position()?;
        self.file = file;
        Ok(())
    }
}

/// A record.
pub fn write(purge: &Purge) -> Vec<u8> {
    let (kind, text) = match &purge.target {
        Target::Url(text) => (0, text.as_str()),
        Target::Prefix(text) => (1, text.as_str()),
        Target::Host(text) => (2, text.as_str()),
        Target::Tag(text) => (3, text.as_str()),
        Target::Everything => (4, ""),
    };
    let mut payload = Vec::with_capacity(HEAD_BYTES + text.len());
    payload.extend(purge.epoch.to_le_bytes());
    payload.extend(purge.at.0.to_le_bytes());
    payload.extend([u8::from(purge.soft), kind]);
    payload.extend(text.as_bytes());
    let mut record = Vec::with_capacity(8 + payload.len());
    record.extend((payload.len() as u32).to_le_bytes());
    record.extend(crc32c::crc32c(&payload).to_le_bytes());
    record.extend(payload);
    record
}

/// The record at the beginning, and its length. `None`: there is no whole and sound one.
pub fn read(bytes: &[u8]) -> Option<(Purge, usize)> {
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let sum = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
    if !(HEAD_BYTES..=HEAD_BYTES + TARGET_BYTES_MAX).contains(&length) {
        return None;
    }
    let payload = bytes.get(8..8 + length)?;
    if crc32c::crc32c(payload) != sum {
        return None;
    }
    let text = || String::from_utf8(payload[HEAD_BYTES..].to_vec()).ok();
    let target = match payload[17] {
        0 => Target::Url(text()?),
        1 => Target::Prefix(text()?),
        2 => Target::Host(text()?),
        3 => Target::Tag(text()?),
        4 => Target::Everything,
        _ => return None,
    };
    let purge = Purge {
        epoch: u64::from_le_bytes(payload[..8].try_into().ok()?),
        at: Time(i64::from_le_bytes(payload[8..16].try_into().ok()?)),
        soft: payload[16] == 1,
        target,
    };
    Some((purge, 8 + length))
}
