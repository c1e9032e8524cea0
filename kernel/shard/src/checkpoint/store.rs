//! The folder in which one shard's checkpoint stands: `manifest` and numbered section files.
//!
//! A section file is a row of sections' bytes behind a 16-byte head (`"BOLESECT"`, version u32, zero u32); the manifest says
//! where each starts, how long it is and its CRC32C.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bole_base::disk::{RENEWED, read_all, read_exact_at, renew_name, renewed, replace_file};
use bole_base::{Disk, File, LogId};

use super::manifest::{Manifest, SectionPlace};

/// The file that names what counts.
const MANIFEST: &str = "manifest";
const FILE_HEAD: &[u8; 16] = b"BOLESECT\x01\0\0\0\0\0\0\0";
/// Sections are collected into writes of about this size.
const WRITE_BYTES: usize = 1 << 20;

/// The checkpoint folder of one shard.
pub struct Store {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    manifest: Option<Manifest>,
    next_file: u64,
    file_bytes: BTreeMap<u64, u64>,
}

/// What a verification of a store found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreReport {
    /// Sections that were read and match their checksums.
    pub sections: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What is damaged: file and reason.
    pub damage: Vec<String>,
}

impl Store {
    /// The folder of log `log` under `root`.
    pub fn dir(root: &Path, log: LogId) -> PathBuf {
        root.join(format!("{:016x}", log.0))
    }

    /// Opens the store, creating its folder if there is none, and removes files that the manifest does not name. The error is
    /// a sentence for the operator.
    pub fn open(disk: Arc<dyn Disk>, root: &Path, log: LogId) -> Result<Self, String> {
        let dir = Self::dir(root, log);
        let names = match disk.list(&dir) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(format!("{}: {error}", dir.display())),
        };
        let is_manifest = |name: &String| name.strip_suffix(RENEWED).unwrap_or(name) == MANIFEST;
        let manifest = if names.iter().any(is_manifest) {
            let path = dir.join(MANIFEST);
            if names.iter().any(|name| name.ends_with(RENEWED)) {
                let back = disk.rename(&renewed(&path), &path);
                back.map_err(|error| format!("{}: {error}", path.display()))?;
            }
            Some(read_manifest(&*disk, &dir, log)?)
        } else {
            None
        };
        let mut store = Self { disk, dir, manifest, next_file: 1, file_bytes: BTreeMap::new() };
        if names.iter().any(|name| name == "manifest.new") {
            let path = store.dir.join("manifest.new");
            store.disk.remove(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        if store.manifest.is_some() {
            // What follows relies on it: files that only the manifest before it names are removed, and the journal is trimmed.
            let path = store.dir.join(MANIFEST);
            let durable = renew_name(&*store.disk, &path).and_then(|()| store.disk.sync_dir(&store.dir));
            durable.map_err(|error| format!("{}: {error}", path.display()))?;
        }
        for name in &names {
            let number = name.strip_suffix(".sections").and_then(|stem| u64::from_str_radix(stem, 16).ok());
            if let Some(number) = number {
                store.next_file = store.next_file.max(number + 1);
                let path = store.file_path(number);
                let len = store.disk.open(&path).and_then(|file| file.len());
                store.file_bytes.insert(number, len.map_err(|error| format!("{}: {error}", path.display()))?);
            }
        }
        store.remove_unnamed().map_err(|error| format!("{}: {error}", store.dir.display()))?;
        Ok(store)
    }

    /// The newest complete checkpoint.
    pub const fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// Bytes of all section files, live or not.
    pub fn total_bytes(&self) -> u64 {
        self.file_bytes.values().sum()
    }

    /// Whether so much of the files is dead that the next pass should write every section again.
    pub fn wants_full_pass(&self) -> bool {
        let live = self.manifest.as_ref().map_or(0, Manifest::live_bytes);
        self.total_bytes() > 2 * live + (1 << 20)
    }

    /// The bytes of one section, verified. The error is a sentence for the operator.
    pub fn read(&self, place: &SectionPlace) -> Result<Vec<u8>, String> {
        let path = self.file_path(place.file);
        let describe = |error: &dyn std::fmt::Display| {
            format!("{} at byte {} (section of {} bytes): {error}", path.display(), place.at, place.length)
        };
        let file = self.disk.open(&path).map_err(|error| describe(&error))?;
        let len = file.len().map_err(|error| describe(&error))?;
        if place.at.checked_add(place.length).is_none_or(|end| end > len) {
            return Err(describe(&format_args!("the file ends at byte {len}")));
        }
        let mut bytes = vec![0; place.length as usize];
        read_exact_at(&*file, place.at, &mut bytes).map_err(|error| describe(&error))?;
        if crc32c::crc32c(&bytes) != place.crc {
            return Err(describe(&"the checksum does not match"));
        }
        Ok(bytes)
    }

    /// Starts a new section file.
    pub(super) fn create_file(&mut self) -> io::Result<SectionWriter> {
        self.disk.create_dir(&self.dir)?;
        let number = self.next_file;
        self.next_file += 1;
        let file = self.disk.create(&self.file_path(number))?;
        self.file_bytes.insert(number, 0);
        Ok(SectionWriter { file, number, at: 0, buffer: FILE_HEAD.to_vec() })
    }

    /// Makes a finished file part of the checkpoint: the manifest is replaced, then files it does not name go.
    pub(super) fn install(&mut self, writer: Option<SectionWriter>, manifest: Manifest) -> io::Result<()> {
        if let Some(mut writer) = writer {
            writer.flush()?;
            writer.file.sync_data()?;
            self.file_bytes.insert(writer.number, writer.at);
            self.disk.sync_dir(&self.dir)?;
        }
        replace_file(&*self.disk, &self.dir.join(MANIFEST), &manifest.encode())?;
        self.manifest = Some(manifest);
        self.remove_unnamed()
    }

    /// Removes files of a pass that was given up.
    pub(super) fn remove_unnamed(&mut self) -> io::Result<()> {
        let named = |number: &u64| {
            self.manifest.as_ref().is_some_and(|m| m.sections.iter().any(|section| section.file == *number))
        };
        let dead: Vec<u64> = self.file_bytes.keys().filter(|number| !named(number)).copied().collect();
        for number in dead {
            self.disk.remove(&self.file_path(number))?;
            self.file_bytes.remove(&number);
        }
        Ok(())
    }

    /// Removes the checkpoint: the dataset was dropped, or is not logged any more.
    pub fn remove(&mut self) -> io::Result<()> {
        if self.manifest.take().is_some() {
            self.disk.remove(&self.dir.join(MANIFEST))?;
            self.disk.sync_dir(&self.dir)?;
        }
        self.remove_unnamed()
    }

    /// The manifest alone, for a look from outside; `None` if there is no checkpoint. Changes nothing.
    pub fn peek(disk: &dyn Disk, root: &Path, log: LogId) -> Result<Option<Manifest>, String> {
        let dir = Self::dir(root, log);
        match disk.open(&find_manifest(disk, &dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            _ => read_manifest(disk, &dir, log).map(Some),
        }
    }

    /// Reads every section and reports what is damaged; changes nothing.
    pub fn verify(disk: &Arc<dyn Disk>, root: &Path, log: LogId) -> StoreReport {
        let dir = Self::dir(root, log);
        let mut report = StoreReport::default();
        let manifest = match read_manifest(&**disk, &dir, log) {
            Ok(manifest) => manifest,
            Err(reason) => {
                report.damage.push(reason);
                return report;
            }
        };
        let store =
            Self { disk: Arc::clone(disk), dir, manifest: None, next_file: 0, file_bytes: BTreeMap::new() };
        for place in &manifest.sections {
            match store.read(place) {
                Ok(_) => {
                    report.sections += 1;
                    report.bytes += place.length;
                }
                Err(reason) => report.damage.push(reason),
            }
        }
        report
    }

    fn file_path(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{number:016x}.sections"))
    }
}

/// Where the newest manifest is, if there is one.
fn find_manifest(disk: &dyn Disk, dir: &Path) -> PathBuf {
    let path = dir.join(MANIFEST);
    let other = renewed(&path);
    if disk.open(&other).is_ok() { other } else { path }
}

fn read_manifest(disk: &dyn Disk, dir: &Path, log: LogId) -> Result<Manifest, String> {
    let path = find_manifest(disk, dir);
    let bytes = disk.open(&path).and_then(|file| read_all(&*file));
    let bytes = bytes.map_err(|error| format!("{}: {error}", path.display()))?;
    let manifest = Manifest::decode(&bytes).map_err(|reason| format!("{}: {reason}", path.display()))?;
    if manifest.log != log {
        return Err(format!("{}: it belongs to log {}", path.display(), manifest.log));
    }
    Ok(manifest)
}

/// A section file being written.
pub(super) struct SectionWriter {
    file: Arc<dyn File>,
    number: u64,
    at: u64,
    buffer: Vec<u8>,
}

impl SectionWriter {
    /// Adds one section's bytes and says where they are.
    pub(super) fn add(&mut self, bytes: &[u8]) -> io::Result<(u64, u64, u32)> {
        let at = self.at + self.buffer.len() as u64;
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= WRITE_BYTES {
            self.flush()?;
        }
        Ok((self.number, at, crc32c::crc32c(bytes)))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all_at(self.at, &self.buffer)?;
        self.at += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}
