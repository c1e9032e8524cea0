//! Offline verification of a journal's attachments, for `bole check`. The journal must not be open.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bole_base::disk::{read_all, replace_file};
use bole_base::{Disk, LogId, Offset};
use bole_wal::check::visit_entries;
use bole_wal::entry::FLAG_ATTACHMENT;

use super::attachments::{Attachments, BLOCK, decode_next, encode_next};
use crate::{AttachmentId, Error};

/// What the folder of the attachments holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Attachments that are whole.
    pub sound: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is wrong with the file that says which number is the next; it can be written again.
    pub next_damaged: Option<String>,
    /// Attachments that an entry names and that are damaged or missing.
    pub damaged: Vec<Damaged>,
    /// Damaged files that no entry names: remains of writes that were never acknowledged.
    pub remains: Vec<PathBuf>,
}

/// An attachment that an entry names and that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// The log of the newest entry that names it.
    pub log: LogId,
    /// The offset of that entry.
    pub offset: Offset,
    /// The file and what is wrong with it.
    pub what: String,
}

/// Verifies the attachments of the journal in `dir`. Changes nothing.
///
/// Entries below a shard's checkpoint may name attachments that are gone for good reasons; the caller knows the checkpoints.
pub fn check(disk: &Arc<dyn Disk>, dir: &Path, journal_id: [u8; 16]) -> Result<Report, Error> {
    let folder = dir.join("attachments");
    let names = match disk.list(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        listed => listed.map_err(|error| failed("cannot list", &folder, &error))?,
    };
    let named = named(&**disk, dir)?;
    let any = names.iter().any(|name| parse_name(name).is_some());
    let mut report = Report { next_damaged: check_next(&**disk, &folder, any)?, ..Report::default() };
    let attachments = Attachments::unopened(Arc::clone(disk), &folder, journal_id);
    for (id, log, offset) in named.values() {
        if let Err(error) = attachments.get(id) {
            report.damaged.push(Damaged { log: *log, offset: *offset, what: error.to_string() });
        }
    }
    for number in names.iter().filter_map(|name| parse_name(name)) {
        match attachments.get_any(number) {
            Ok(length) => {
                report.sound += 1;
                report.bytes += length;
            }
            Err(_) if named.contains_key(&number) => {}
            Err(_) => report.remains.push(attachments.path(number)),
        }
    }
    Ok(report)
}

/// Writes the next number again, above all that were ever used as far as files and entries tell.
pub fn repair_next(disk: &dyn Disk, dir: &Path) -> Result<(), Error> {
    let folder = dir.join("attachments");
    let names = disk.list(&folder).map_err(|error| failed("cannot list", &folder, &error))?;
    let files = names.iter().filter_map(|name| parse_name(name)).max();
    let newest = files.max(named(disk, dir)?.keys().max().copied());
    let next = newest.map_or(0, |newest| newest + 1) + BLOCK;
    let path = folder.join("next");
    replace_file(disk, &path, &encode_next(next)).map_err(|error| failed("cannot write", &path, &error))
}

/// By number, what the entries of the journal name, each with the newest entry that does.
fn named(disk: &dyn Disk, dir: &Path) -> Result<BTreeMap<u64, (AttachmentId, LogId, Offset)>, Error> {
    let mut named = BTreeMap::new();
    visit_entries(disk, dir, &mut |entry| {
        if entry.header.flags & FLAG_ATTACHMENT != 0
            && let Some(id) = AttachmentId::from_bytes(entry.payload)
        {
            named.insert(id.number, (id, entry.header.log, entry.header.offset));
        }
    })?;
    Ok(named)
}

fn check_next(disk: &dyn Disk, folder: &Path, any: bool) -> Result<Option<String>, Error> {
    let path = folder.join("next");
    match disk.open(&path).and_then(|file| read_all(&*file)) {
        Ok(bytes) if decode_next(&bytes).is_some() => Ok(None),
        Ok(bytes) => {
            Ok(Some(format!("{}: its {} bytes are no number with its checksum", path.display(), bytes.len())))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(any.then(|| format!("{}: it is missing, and there are attachments", path.display())))
        }
        Err(error) => Err(failed("cannot read", &path, &error)),
    }
}

fn parse_name(name: &str) -> Option<u64> {
    (name.len() == 16).then(|| u64::from_str_radix(name, 16).ok())?
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Error {
    Error::Failed(format!("{what} {}: {error}", path.display()))
}
