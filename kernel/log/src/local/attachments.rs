//! Attachments as files: `attachments/<number as 16 hex digits>`. *Persisted*, version 1:
//!
//! ```text
//!  0  8  magic "BOLEATT1"
//!  8  4  CRC32C of bytes 12..56
//! 12  4  version = 1
//! 16 16  journal id
//! 32 24  the attachment's id as an entry names it: number, length, CRC32C of the bytes, zero
//! 56  .  the bytes
//! ```
//!
//! Numbers come from blocks that are taken durably in `attachments/next` before any of them is used, so that none comes twice,
//! also after the newest attachment was removed and the node restarted.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use bole_base::disk::{read_all, read_exact_at, replace_file};
use bole_base::{Disk, Durability, File};
use bytes::Bytes;
use parking_lot::Mutex;

use crate::{AttachmentId, Error};

const MAGIC: &[u8; 8] = b"BOLEATT1";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 56;
/// Numbers taken at once.
pub(super) const BLOCK: u64 = 1024;

/// The attachments of one journal.
pub(super) struct Attachments {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    journal_id: [u8; 16],
    numbers: Mutex<Numbers>,
    failure: OnceLock<String>,
}

struct Numbers {
    next: u64,
    taken: u64,
}

impl Attachments {
    pub(super) fn open(disk: Arc<dyn Disk>, dir: &Path, journal_id: [u8; 16]) -> Result<Self, Error> {
        disk.create_dir(dir).map_err(|error| failed("cannot create", dir, &error))?;
        let path = dir.join("next");
        let taken = match disk.open(&path).and_then(|file| read_all(file.as_ref())) {
            Ok(bytes) => decode_next(&bytes).ok_or_else(|| {
                Error::Corrupt(format!("{}: the next attachment number is damaged", path.display()))
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(failed("cannot read", &path, &error)),
        };
        let attachments = Self::unopened(disk, dir, journal_id);
        *attachments.numbers.lock() = Numbers { next: taken, taken };
        Ok(attachments)
    }

    /// For reading only: nothing was looked at, and no number may be taken.
    pub(super) fn unopened(disk: Arc<dyn Disk>, dir: &Path, journal_id: [u8; 16]) -> Self {
        let numbers = Mutex::new(Numbers { next: 0, taken: 0 });
        Self { disk, dir: dir.to_path_buf(), journal_id, numbers, failure: OnceLock::new() }
    }

    /// Reads and verifies an attachment by the id that its own header says; its length.
    pub(super) fn get_any(&self, number: u64) -> Result<u64, Error> {
        let path = self.path(number);
        let (_, id) = self.open_file(&path).map_err(|error| failed("cannot read", &path, &error))?;
        let id = id.filter(|id| id.number == number);
        let id = id
            .ok_or_else(|| Error::Corrupt(format!("attachment {}: its header is damaged", path.display())))?;
        self.get(&id).map(|_| id.length)
    }

    pub(super) fn path(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{number:016x}"))
    }

    pub(super) fn put(&self, bytes: &[u8], class: Durability) -> Result<AttachmentId, Error> {
        if let Some(text) = self.failure.get() {
            return Err(Error::Failed(text.clone()));
        }
        let number = self.number()?;
        let id = AttachmentId { number, length: bytes.len() as u64, crc: crc32c::crc32c(bytes) };
        self.store(&id, bytes, class)
            .map_err(|error| self.broken("cannot write", &self.path(number), &error))?;
        Ok(id)
    }

    /// Takes a number for `length` bytes, if the disk has room for them above `reserve_bytes`.
    pub(super) fn new_number(&self, length: u64, reserve_bytes: u64) -> Result<u64, Error> {
        let free =
            self.disk.free_bytes(&self.dir).map_err(|error| failed("cannot look at", &self.dir, &error))?;
        if free < length.saturating_add(reserve_bytes) {
            return Err(Error::Full(format!(
                "{length} bytes do not fit on the disk: {free} bytes are free, of which {reserve_bytes} are reserved"
            )));
        }
        self.number()
    }

    /// Stores bytes under an id whose number was taken before.
    pub(super) fn store(&self, id: &AttachmentId, bytes: &[u8], class: Durability) -> io::Result<()> {
        let path = self.path(id.number);
        let made = self.disk.create(&path).and_then(|file| self.fill(file.as_ref(), id, bytes, class));
        if made.is_err() {
            // Whatever is there is not named by anything; the sweep at start takes it if this does not.
            let _ = self.disk.remove(&path);
        }
        made
    }

    fn fill(&self, file: &dyn File, id: &AttachmentId, bytes: &[u8], class: Durability) -> io::Result<()> {
        file.write_all_at(0, &self.header(id))?;
        file.write_all_at(HEADER_BYTES as u64, bytes)?;
        if class == Durability::Sync {
            file.sync_data()?;
            self.disk.sync_dir(&self.dir)?;
        }
        Ok(())
    }

    /// A full disk may be retried; any other failed write or fsync is final (promise P4).
    fn broken(&self, what: &str, path: &Path, error: &io::Error) -> Error {
        let error = failed(what, path, error);
        if let Error::Failed(text) = &error {
            let _ = self.failure.set(text.clone());
        }
        error
    }

    fn number(&self) -> Result<u64, Error> {
        let mut numbers = self.numbers.lock();
        if numbers.next == numbers.taken {
            let path = self.dir.join("next");
            replace_file(self.disk.as_ref(), &path, &encode_next(numbers.taken + BLOCK))
                .map_err(|error| self.broken("cannot write", &path, &error))?;
            numbers.taken += BLOCK;
        }
        numbers.next += 1;
        Ok(numbers.next - 1)
    }

    fn header(&self, id: &AttachmentId) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[0..8].copy_from_slice(MAGIC);
        out[12..16].copy_from_slice(&VERSION.to_le_bytes());
        out[16..32].copy_from_slice(&self.journal_id);
        out[32..].copy_from_slice(&id.to_bytes());
        let crc = crc32c::crc32c(&out[12..]);
        out[8..12].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Opens an attachment and reads the id in its header; `None` if the header is damaged.
    fn open_file(&self, path: &Path) -> io::Result<(Arc<dyn File>, Option<AttachmentId>)> {
        let file = self.disk.open(path)?;
        let mut header = [0; HEADER_BYTES];
        match read_exact_at(file.as_ref(), 0, &mut header) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok((file, None)),
            other => other?,
        }
        let id = AttachmentId::from_bytes(&header[32..]).filter(|id| self.header(id) == header);
        Ok((file, id))
    }

    pub(super) fn get(&self, id: &AttachmentId) -> Result<Bytes, Error> {
        let path = self.path(id.number);
        let damaged = |what: &str| Error::Corrupt(format!("attachment {}: {what}", path.display()));
        let (file, stored) = match self.open_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::NoAttachment(id.to_string()));
            }
            Err(error) => return Err(damaged(&error.to_string())),
            Ok(opened) => opened,
        };
        if stored != Some(*id) {
            return Err(damaged("its header is damaged at byte 0, or names other bytes than the entry does"));
        }
        let len = file.len().map_err(|error| damaged(&error.to_string()))?;
        if len != HEADER_BYTES as u64 + id.length {
            return Err(damaged(&format!(
                "it has {len} bytes instead of {}",
                HEADER_BYTES as u64 + id.length
            )));
        }
        let mut bytes = vec![0; id.length as usize];
        read_exact_at(file.as_ref(), HEADER_BYTES as u64, &mut bytes)
            .map_err(|error| damaged(&error.to_string()))?;
        if crc32c::crc32c(&bytes) != id.crc {
            return Err(damaged(&format!("the checksum of the bytes from byte {HEADER_BYTES} on is wrong")));
        }
        Ok(Bytes::from(bytes))
    }

    pub(super) fn remove(&self, id: &AttachmentId) -> Result<(), Error> {
        let path = self.path(id.number);
        match self.disk.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("cannot remove", &path, &error))
            }
            _ => Ok(()),
        }
    }

    /// All attachments with a whole header. One without was never acknowledged or is damaged: it is named by its number, with length and
    /// CRC zero, so that a sweep removes it if no entry names it.
    pub(super) fn list(&self) -> Result<Vec<AttachmentId>, Error> {
        let names = self.disk.list(&self.dir).map_err(|error| failed("cannot list", &self.dir, &error))?;
        let mut ids = Vec::new();
        for name in names.iter().filter(|name| name.len() == 16) {
            let Ok(number) = u64::from_str_radix(name, 16) else { continue };
            let path = self.path(number);
            let (_, id) = self.open_file(&path).map_err(|error| failed("cannot read", &path, &error))?;
            ids.push(id.unwrap_or(AttachmentId { number, length: 0, crc: 0 }));
        }
        Ok(ids)
    }
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Error {
    let text = format!("{what} {}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full(text),
        _ => Error::Failed(text),
    }
}

/// The file `next`: the first number that no block holds, and its CRC32C.
pub(super) fn encode_next(next: u64) -> [u8; 12] {
    let mut out = [0; 12];
    out[..8].copy_from_slice(&next.to_le_bytes());
    let crc = crc32c::crc32c(&out[..8]);
    out[8..].copy_from_slice(&crc.to_le_bytes());
    out
}

pub(super) fn decode_next(bytes: &[u8]) -> Option<u64> {
    let (next, crc) = bytes.split_first_chunk::<8>()?;
    (crc == crc32c::crc32c(next).to_le_bytes()).then(|| u64::from_le_bytes(*next))
}
