//! For third-party stores, which write past the disk seam: records what a child process does to the files of a folder, and
//! replays legal moments of it, as a power cut would leave them, into fresh folders where the store can be opened again.
//!
//! The record comes from `strace` (optional: [`record`] says so where it is missing), read by [`strace`]. The replay is a
//! [`FaultDisk`]: a crash after any event keeps what was synced and any legal subset of the rest. What the child prints
//! on standard output becomes a [`Event::Mark`], so that a check knows what was acknowledged before the cut.
//!
//! Not seen, and listed in [`Recording::unseen`]: writes through shared mappings and through `io_uring`, and copies inside the
//! operating system. Folders are taken as durable when they are made.

pub mod strace;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bole_base::{Disk, File};
use tempfile::TempDir;

use crate::{FaultDisk, Faults, Rng};

/// Where the recorded folder is on the disks of a replay.
const ROOT: &str = "store";

/// Names a file of the recording, whatever it is called at the moment.
pub type FileNumber = u64;

/// What the child did. Paths are relative to the recorded folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the sentence of each variant covers its fields")]
pub enum Event {
    /// Opened a file that was there.
    Open { file: FileNumber, path: PathBuf },
    /// Created a file.
    Create { file: FileNumber, path: PathBuf },
    /// Wrote.
    Write { file: FileNumber, offset: u64, bytes: Vec<u8> },
    /// Cut or extended a file.
    SetLen { file: FileNumber, len: u64 },
    /// Synced a file: what was done to it in the first `covers` events, those before the call began.
    Sync { file: FileNumber, covers: usize },
    /// Synced a folder, likewise.
    SyncDir { path: PathBuf, covers: usize },
    /// Renamed a file.
    Rename { from: PathBuf, to: PathBuf },
    /// Removed a file.
    Remove { path: PathBuf },
    /// Made a folder.
    CreateDir { path: PathBuf },
    /// Removed a folder.
    RemoveDir { path: PathBuf },
    /// Wrote this to standard output.
    Mark(String),
}

/// Why there is no recording.
#[derive(Debug)]
pub enum Error {
    /// `strace` is not installed or may not trace here: skip the test with this message.
    Unavailable(String),
    /// The child or the record of it failed.
    Failed(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(text) => write!(f, "recording is skipped: {text}"),
            Self::Failed(error) => write!(f, "recording failed: {error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// The folder as it was, and what was done to it.
pub struct Recording {
    /// A copy of the folder before.
    before: TempDir,
    events: Vec<Event>,
    /// Calls that changed files in ways that the record does not hold: a replay after them is not to be trusted.
    pub unseen: Vec<String>,
}

fn check_strace() -> Result<(), Error> {
    let probe = Command::new("strace").args(["-e", "trace=none", "true"]).output();
    match probe {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(Error::Unavailable(format!("strace cannot trace here: {text}")))
        }
        Err(error) => Err(Error::Unavailable(format!("strace cannot be started: {error}"))),
    }
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Runs a program to its end, with `folder` as its current folder, and records what it does there. A status other than 0 is
/// an error.
pub fn record<A: AsRef<OsStr>>(folder: &Path, program: &Path, args: &[A]) -> Result<Recording, Error> {
    check_strace()?;
    let folder = folder.canonicalize()?;
    let before = crate::process::temp_dir("before")?;
    copy_folder(&folder, before.path())?;
    let log = tempfile::NamedTempFile::new()?;
    let mut command = Command::new("strace");
    command.args(["-f", "-xx", "-s", "33554432", "-e", strace::CALLS, "-o"]).arg(log.path());
    command.arg("--").arg(program).args(args).current_dir(&folder);
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("the program ended with {}: {text}", output.status)).into());
    }
    let text = std::fs::read_to_string(log.path())?;
    let parsed = strace::parse(&text, &folder, before.path()).map_err(io::Error::other)?;
    Ok(Recording { before, events: parsed.events, unseen: parsed.unseen })
}

impl Recording {
    /// A recording from events that were had in another way; the folder was empty before.
    pub fn from_events(events: Vec<Event>) -> io::Result<Self> {
        Ok(Self { before: crate::process::temp_dir("before")?, events, unseen: Vec::new() })
    }

    /// What was done, in order of completion.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// What was printed in the first `count` events, in one piece.
    pub fn printed(&self, count: usize) -> String {
        let marks = self.events[..count].iter().filter_map(|event| match event {
            Event::Mark(text) => Some(text.as_str()),
            _ => None,
        });
        marks.collect()
    }

    /// The folder's disk after a power cut that follows the first `count` events, drawn from `rng`.
    pub fn image(&self, count: usize, rng: &mut Rng) -> io::Result<Arc<FaultDisk>> {
        let mut replay = Replay::new(self.before.path(), rng.next_u64())?;
        for event in &self.events[..count] {
            replay.apply(event)?;
        }
        Ok(replay.disk.crash(rng))
    }

    /// Draws `count` moments and what a power cut then leaves, writes each into a fresh folder, and calls `visit` with the
    /// number of events before the cut and the folder. Stops at the first error and returns it, with what repeats it.
    pub fn sample(
        &self,
        seed: u64,
        count: usize,
        mut visit: impl FnMut(usize, &Path) -> Result<(), String>,
    ) -> io::Result<()> {
        let mut rng = Rng::new(seed);
        for sample in 0..count {
            // The last moment, when all is done, is always among them.
            let events = if sample == 0 { self.events.len() } else { rng.index(self.events.len() + 1) };
            let folder = crate::process::temp_dir("image")?;
            self.image(events, &mut rng)?.export(Path::new(ROOT), folder.path())?;
            visit(events, folder.path()).map_err(|text| {
                let all = self.events.len();
                io::Error::other(format!(
                    "sample {sample} of seed {seed}, cut after event {events} of {all}: {text}"
                ))
            })?;
        }
        Ok(())
    }
}

/// A disk to which events are applied.
struct Replay {
    disk: Arc<FaultDisk>,
    handles: BTreeMap<FileNumber, Arc<dyn File>>,
    /// The present name of each file that has one.
    names: BTreeMap<PathBuf, FileNumber>,
    /// The number of the disk's last change after each event.
    changes: Vec<u64>,
}

impl Replay {
    fn new(before: &Path, seed: u64) -> io::Result<Self> {
        let disk = FaultDisk::new(seed, Faults::default());
        disk.import(before, Path::new(ROOT))?;
        let (handles, names) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { changes: vec![disk.last_change()], disk, handles, names })
    }

    fn apply(&mut self, event: &Event) -> io::Result<()> {
        let place = |path: &Path| Path::new(ROOT).join(path);
        match event {
            Event::Open { file, path } => {
                self.handles.insert(*file, self.disk.open(&place(path))?);
                self.names.insert(path.clone(), *file);
            }
            Event::Create { file, path } => {
                self.handles.insert(*file, self.disk.create(&place(path))?);
                self.names.insert(path.clone(), *file);
            }
            Event::Write { file, offset, bytes } => self.handle(*file)?.write_all_at(*offset, bytes)?,
            Event::SetLen { file, len } => self.handle(*file)?.set_len(*len)?,
            Event::Sync { file, covers } => {
                // A file without a name is gone after the crash, synced or not.
                if let Some((path, _)) = self.names.iter().find(|(_, named)| *named == file) {
                    self.disk.sync_up_to(&place(path), self.changes[*covers])?;
                }
            }
            Event::SyncDir { path, covers } => self.disk.sync_up_to(&place(path), self.changes[*covers])?,
            Event::Rename { from, to } => {
                self.disk.rename(&place(from), &place(to))?;
                self.names.remove(to);
                if let Some(file) = self.names.remove(from) {
                    self.names.insert(to.clone(), file);
                }
            }
            Event::Remove { path } => {
                self.disk.remove(&place(path))?;
                self.names.remove(path);
            }
            Event::CreateDir { path } => self.disk.create_dir(&place(path))?,
            Event::RemoveDir { path } => self.disk.remove_dir(&place(path))?,
            Event::Mark(_) => {}
        }
        self.changes.push(self.disk.last_change());
        Ok(())
    }

    fn handle(&self, file: FileNumber) -> io::Result<&Arc<dyn File>> {
        self.handles
            .get(&file)
            .ok_or_else(|| io::Error::other(format!("file {file} is used before it is opened")))
    }
}
