//! The names of a [`FaultDisk`](super::FaultDisk): which path means which file now, which after a power cut, and the changes between.
//!
//! A change of names is one unit, also a rename across folders: it survives whole or not at all. Changes of the same
//! path keep their order.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path, PathBuf};

use super::loss::Loss;
use crate::Rng;

/// Names a file of the disk, whatever it is called at the moment.
pub(super) type FileId = u64;

#[derive(Clone, Debug)]
enum NameChange {
    Link { path: PathBuf, file: FileId },
    Unlink { path: PathBuf, file: FileId },
    Rename { from: PathBuf, to: PathBuf, file: FileId },
}

impl NameChange {
    fn paths(&self) -> Vec<&Path> {
        match self {
            Self::Link { path, .. } | Self::Unlink { path, .. } => vec![path],
            Self::Rename { from, to, .. } => vec![from, to],
        }
    }

    /// The folder whose sync makes the change durable.
    fn folder(&self) -> &Path {
        match self {
            Self::Link { path, .. } | Self::Unlink { path, .. } | Self::Rename { to: path, .. } => {
                folder_of(path)
            }
        }
    }

    fn file(&self) -> FileId {
        match self {
            Self::Link { file, .. } | Self::Unlink { file, .. } | Self::Rename { file, .. } => *file,
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, FileId>) {
        match self {
            Self::Link { path, file } => {
                names.insert(path.clone(), *file);
            }
            Self::Unlink { path, file } => {
                if names.get(path) == Some(file) {
                    names.remove(path);
                }
            }
            Self::Rename { from, to, file } => {
                if names.get(from) == Some(file) {
                    names.remove(from);
                }
                names.insert(to.clone(), *file);
            }
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new(""))
}

/// `path` without `.` components. `..` is refused: no caller needs it, and it would make two names for one file.
pub(super) fn normal(path: &Path) -> io::Result<PathBuf> {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                let text = format!("path \"{}\" has a .. component", path.display());
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

/// The tree of names.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// Folders, durable from their creation on.
    folders: BTreeSet<PathBuf>,
    live: BTreeMap<PathBuf, FileId>,
    durable: BTreeMap<PathBuf, FileId>,
    pending: Vec<(u64, NameChange)>,
}

impl Names {
    pub(super) fn is_folder(&self, path: &Path) -> bool {
        path.parent().is_none() || path.as_os_str().is_empty() || self.folders.contains(path)
    }

    pub(super) fn get(&self, path: &Path) -> io::Result<FileId> {
        if self.is_folder(path) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        self.live.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Checks that `path` may name a file: its folder exists and no folder has the name.
    pub(super) fn check_target(&self, path: &Path) -> io::Result<()> {
        if self.is_folder(path) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if self.is_folder(folder_of(path)) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    pub(super) fn create_folder(&mut self, path: &Path) -> io::Result<()> {
        for folder in path.ancestors() {
            if self.live.contains_key(folder) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            self.folders.insert(folder.to_owned());
        }
        Ok(())
    }

    pub(super) fn remove_folder(&mut self, path: &Path) {
        self.folders.remove(path);
    }

    pub(super) fn link(&mut self, seq: u64, path: PathBuf, file: FileId) {
        self.change(seq, NameChange::Link { path, file });
    }

    pub(super) fn unlink(&mut self, seq: u64, path: PathBuf, file: FileId) {
        self.change(seq, NameChange::Unlink { path, file });
    }

    pub(super) fn rename(&mut self, seq: u64, from: PathBuf, to: PathBuf, file: FileId) {
        if from != to {
            self.change(seq, NameChange::Rename { from, to, file });
        }
    }

    fn change(&mut self, seq: u64, change: NameChange) {
        change.apply(&mut self.live);
        self.pending.push((seq, change));
    }

    /// Names of files and folders directly in `folder`.
    pub(super) fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        if !self.is_folder(folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let paths = self.folders.iter().chain(self.live.keys());
        let children = paths.filter(|path| path.parent() == Some(folder));
        let mut names: Vec<String> = children
            .filter_map(|path| path.file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        Ok(names)
    }

    /// Every file under `folder` with its path.
    pub(super) fn files_under(&self, folder: &Path) -> Vec<(PathBuf, FileId)> {
        let under = self.live.iter().filter(|(path, _)| path.starts_with(folder));
        under.map(|(path, file)| (path.clone(), *file)).collect()
    }

    /// Every folder under `folder`.
    pub(super) fn folders_under(&self, folder: &Path) -> Vec<PathBuf> {
        self.folders.iter().filter(|path| path.starts_with(folder)).cloned().collect()
    }

    /// Makes the changes in `folder` durable that came before `seq`, with those of the same paths that they build on.
    pub(super) fn sync(&mut self, folder: &Path, seq: u64) {
        for change in self.take_changes_of(folder, seq) {
            change.apply(&mut self.durable);
        }
    }

    /// A sync that failed: each change is durable or forgotten.
    pub(super) fn fail_sync(&mut self, folder: &Path, rng: &mut Rng) {
        for change in self.take_changes_of(folder, u64::MAX) {
            if rng.one_in(2) {
                change.apply(&mut self.durable);
            }
        }
    }

    fn take_changes_of(&mut self, folder: &Path, before: u64) -> Vec<NameChange> {
        let mut needed: BTreeSet<PathBuf> = BTreeSet::new();
        let mut taken = Vec::new();
        let mut left = Vec::new();
        for (seq, change) in std::mem::take(&mut self.pending).into_iter().rev() {
            let wanted =
                change.folder() == folder || change.paths().iter().any(|path| needed.contains(*path));
            if wanted && seq < before {
                needed.extend(change.paths().into_iter().map(Path::to_owned));
                taken.push(change);
            } else {
                left.push((seq, change));
            }
        }
        left.reverse();
        taken.reverse();
        self.pending = left;
        taken
    }

    /// The names after a power cut.
    pub(super) fn after_power_cut(&self, loss: &Loss, rng: &mut Rng) -> Self {
        let mut names = self.durable.clone();
        for (seq, change) in &self.pending {
            if loss.keeps(*seq, rng) {
                change.apply(&mut names);
            }
        }
        let folders = self.folders.clone();
        Self { folders, live: names.clone(), durable: names, pending: Vec::new() }
    }

    /// The numbers of the changes that are not durable.
    pub(super) fn pending(&self) -> impl Iterator<Item = u64> {
        self.pending.iter().map(|(seq, _)| *seq)
    }

    /// Files that have a name now.
    pub(super) fn live_files(&self) -> BTreeSet<FileId> {
        self.live.values().copied().collect()
    }

    /// Files that have a name now or may have one after a power cut.
    pub(super) fn reachable_files(&self) -> BTreeSet<FileId> {
        let pending = self.pending.iter().map(|(_, change)| change.file());
        self.live.values().chain(self.durable.values()).copied().chain(pending).collect()
    }
}
