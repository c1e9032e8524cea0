//! Where a zone comes from: a file that is read again when it changes, or a text that was given.

use crate::error::{Error, Result};
use crate::limits;
use crate::wire::Name;
use crate::zone::{Problems, Source, Zone, document, master};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// How a zone's text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A document (TOML).
    Document,
    /// A master file.
    Master,
}

/// A zone's text that is given, not read from a file.
#[derive(Clone, Copy, Debug)]
pub struct Given<'g> {
    /// Its name among those that are given. For a master file whose first name is relative it must be the apex.
    pub name: &'g str,
    /// How the text is written.
    pub form: Form,
    /// The text.
    pub text: &'g str,
    /// The serial number if the text has none; the time without.
    pub serial: Option<u32>,
    /// The serial number is raised to at least this.
    pub serial_least: Option<u32>,
    /// Whether it is served also where a file has its apex already: that one is not, then.
    pub before_files: bool,
}

impl<'g> Given<'g> {
    /// A document whose serial number is as it says, or else the time.
    pub fn document(name: &'g str, text: &'g str) -> Self {
        Self { name, form: Form::Document, text, serial: None, serial_least: None, before_files: false }
    }

    /// Reads it. A document names no files: they are this machine's, and not the giver's.
    pub(super) fn read(&self, now: u32) -> Result<Source, Problems> {
        let mut source = match self.form {
            Form::Document => document::given(self.name, self.text, self.serial.unwrap_or(now))?,
            Form::Master => master::parse(self.name, self.text, Name::absolute(self.name).ok().as_ref())?,
        };
        if let Some(least) = self.serial_least {
            source.raise_serial(least);
        }
        Ok(source)
    }
}

/// What a file was when it was last looked at: when it was changed, and its length. `None` if it is not there.
pub(super) type Stamp = Option<(SystemTime, u64)>;

pub(super) fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// A zone's text and what became of it.
#[derive(Debug, Default)]
pub(super) struct Origin {
    /// The file; `None` if it was given.
    pub(super) path: Option<PathBuf>,
    /// Of the file and of those that it names.
    pub(super) stamps: Vec<(PathBuf, Stamp)>,
    /// Whether it must be read.
    pub(super) is_new: bool,
    /// Why the last change of it was not taken over.
    pub(super) problem: Option<String>,
    pub(super) source: Option<Source>,
    pub(super) zone: Option<Arc<Zone>>,
}

impl Origin {
    /// A file that was not read yet.
    pub(super) fn file(path: PathBuf) -> Self {
        Self { path: Some(path), is_new: true, ..Self::default() }
    }

    /// Reads the file.
    pub(super) fn read(&mut self, path: &Path, now: u64) -> Result<Source> {
        // Stamps are taken before the text: a change in between is seen the next time.
        let own = stamp(path);
        self.stamps = vec![(path.to_path_buf(), own)];
        let failed = |reason: String| Error::File { path: path.to_path_buf(), reason };
        if own.is_some_and(|(_, length)| length > limits::ZONE_FILE_BYTES_MAX) {
            return Err(failed(format!("it has more than {} bytes", limits::ZONE_FILE_BYTES_MAX)));
        }
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let name = path.display().to_string();
        if path.extension().is_none_or(|ending| ending != "toml") {
            let origin = file_origin(path);
            return master::parse(&name, &text, origin.as_ref()).map_err(Error::Zone);
        }
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let beside = text.parse::<toml::Table>().ok();
        let beside =
            beside.as_ref().and_then(|table| table.get("master")?.as_str().map(|name| folder.join(name)));
        self.stamps.extend(beside.map(|beside| (beside.clone(), stamp(&beside))));
        let changed = self.stamps.iter().filter_map(|(_, stamp)| stamp.map(|(changed, _)| changed)).max();
        let changed = changed.and_then(|changed| changed.duration_since(SystemTime::UNIX_EPOCH).ok());
        let serial = changed.map_or(now, |changed| changed.as_secs()) as u32;
        document::parse(&name, &text, &folder, serial).map_err(Error::Zone)
    }
}

/// The apex that a master file's name gives: `example.com.zone` or `db.example.com`; otherwise its SOA record does.
fn file_origin(path: &Path) -> Option<Name> {
    let name = path.file_name()?.to_str()?;
    let origin = name.strip_suffix(".zone").or_else(|| name.strip_prefix("db."))?;
    Name::absolute(origin).ok()
}
