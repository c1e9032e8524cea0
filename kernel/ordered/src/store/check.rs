//! Whether a store on the disk is sound, while no node has it open. Changes nothing there.
//!
//! Opening a tree removes what its newest list of tables does not name. So the check opens a folder of links beside it: the list is copied,
//! tables are links to files that are read only.

use std::io;
use std::os::unix::fs::symlink;
use std::panic::AssertUnwindSafe;
use std::path::Path;

use bole_base::disk::renewed;
use bole_base::{LogId, RealDisk};
use bole_shard::durable::Stand;
use lsm_tree::{AbstractTree, Guard, SequenceNumberCounter};

use super::{files, read_stand};
use crate::{Config, Error, Partition};

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The log that the store is of.
    pub log: Option<LogId>,
    /// Where the store stands.
    pub stand: Stand,
    /// Entries that were read; every block's checksum was compared.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is damaged.
    pub damage: Option<String>,
}

/// Is shown an entry.
pub type Show<'a> = &'a mut dyn FnMut(Partition, &[u8], &[u8]);

/// Reads everything in the store in `folder`. Errors: `Refused` for another version; `Io`. Damage is not an error.
pub fn check(folder: &Path) -> Result<Checked, Error> {
    walk(folder, &mut |_, _, _| {})
}

/// As [`check`], and shows every entry: its partition, key and value, by partition and key.
pub fn walk(folder: &Path, show: Show<'_>) -> Result<Checked, Error> {
    let mut checked = Checked::default();
    match read(folder, &mut checked, show) {
        Err(Error::Damaged { reason, .. }) => {
            checked.damage = Some(reason);
            Ok(checked)
        }
        outcome => outcome.map(|()| checked),
    }
}

fn read(folder: &Path, checked: &mut Checked, show: Show<'_>) -> Result<(), Error> {
    let io = |error: io::Error| Error::io(folder, &error);
    let format = files::read_format(&RealDisk, folder)?
        .ok_or_else(|| Error::damaged(folder, "the file `format` is missing"))?;
    if format.version != files::VERSION {
        let text = format!(
            "{}: its format is version {}, this version of Bole knows {}",
            folder.display(),
            format.version,
            files::VERSION
        );
        return Err(Error::Refused(text));
    }
    checked.log = Some(format.log);
    let scratch = tempfile::tempdir().map_err(io)?;
    if !link(folder, scratch.path()).map_err(io)? {
        let text = "the file `tree/current` is missing";
        return if format.born { Err(Error::damaged(folder, text)) } else { Ok(()) };
    }
    let tree = files::open_tree(scratch.path(), |tree| {
        let numbers = SequenceNumberCounter::new(1);
        lsm_tree::Config::new(tree, numbers.clone(), numbers)
            .use_cache(std::sync::Arc::new(lsm_tree::Cache::with_capacity_bytes(Config::small().cache_bytes)))
    })
    .map_err(|error| rename(error, folder))?;
    match read_stand(folder, &tree)? {
        Some(stand) => checked.stand = stand,
        None if format.born => {
            return Err(Error::damaged(folder, "it has persisted a stand, and there is none"));
        }
        None => {}
    }
    let walk = AssertUnwindSafe(|| -> Result<(), Error> {
        for entry in tree.iter(lsm_tree::SeqNo::MAX, None) {
            let (key, value) = entry.into_inner().map_err(|error| Error::tree(folder, &error))?;
            checked.entries += 1;
            checked.bytes += (key.len() + value.len()) as u64;
            if let Some((partition, key)) = key.split_first()
                && *partition != Partition::OWN.number()
            {
                show(Partition::new(*partition), key, &value);
            }
        }
        Ok(())
    });
    std::panic::catch_unwind(walk)
        .unwrap_or_else(|_| Err(Error::damaged(folder, "what is in the tables makes no sense")))
}

/// Puts the tree's files into `scratch` as links; `false` if there is no tree.
fn link(folder: &Path, scratch: &Path) -> io::Result<bool> {
    let (from, to) = (files::tree(folder), files::tree(scratch));
    std::fs::create_dir_all(to.join("tables"))?;
    let current = files::current(folder);
    let newest = if current.exists() { current } else { renewed(&current) };
    if !newest.exists() {
        return Ok(false);
    }
    for file in std::fs::read_dir(&from)? {
        let file = file?;
        if file.file_name().to_string_lossy().starts_with('v') {
            symlink(file.path().canonicalize()?, to.join(file.file_name()))?;
        }
    }
    if let Ok(tables) = std::fs::read_dir(from.join("tables")) {
        for file in tables {
            let file = file?;
            symlink(file.path().canonicalize()?, to.join("tables").join(file.file_name()))?;
        }
    }
    std::fs::copy(newest, files::current(scratch))?;
    Ok(true)
}

fn rename(error: Error, folder: &Path) -> Error {
    match error {
        Error::Damaged { reason, .. } => Error::damaged(folder, reason),
        other => other,
    }
}
