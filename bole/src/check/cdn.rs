//! Looks at what the HTTP cache has stored. Nothing of it can be lost: each file is verified when it is read, one that is not what was written is
//! fetched again, and a torn end of the log of purges was never acknowledged.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bole_base::Disk;
use bole_base::units::format_bytes;

use super::journal::count;
use super::{Checker, Report};
use crate::services::cdn::FOLDER;

pub(super) struct CdnChecker;

impl Checker for CdnChecker {
    fn name(&self) -> &'static str {
        FOLDER
    }

    fn owns(&self) -> &'static [&'static str] {
        &[FOLDER]
    }

    fn check(&self, _disk: &Arc<dyn Disk>, dir: &Path, _repair: bool) -> Result<Report> {
        let folder = dir.join(FOLDER);
        let (files, bytes) = match sizes(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (0, 0),
            other => other.with_context(|| format!("{} cannot be read", folder.display()))?,
        };
        let summary = format!("{} with {}, verified when read", count(files, "file"), format_bytes(bytes));
        Ok(Report { summary, findings: Vec::new() })
    }
}

/// Files below a folder and their bytes.
fn sizes(folder: &Path) -> io::Result<(u64, u64)> {
    let (mut files, mut bytes) = (0, 0);
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let (entry, metadata) = entry.and_then(|entry| entry.metadata().map(|about| (entry, about)))?;
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                files += 1;
                bytes += metadata.len();
            }
        }
    }
    Ok((files, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bole_base::RealDisk;

    #[test]
    fn files_are_counted_wherever_they_are() {
        let data = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let summary = || CdnChecker.check(&disk, data.path(), false).unwrap().summary;
        assert_eq!(summary(), "0 files with 0 B, verified when read");
        fs::create_dir_all(data.path().join("cdn/a")).unwrap();
        fs::write(data.path().join("cdn/a/b"), [0; 100]).unwrap();
        fs::write(data.path().join("cdn/c"), [0; 28]).unwrap();
        assert_eq!(summary(), "2 files with 128 B, verified when read");
    }
}
