//! Room for what statements set aside: rows of portals and cursors in memory, and files without a name for what does not fit there, SQLite's own included
//! (sorts, intermediate results, temporary tables).
//!
//! # Invariants
//! - Bytes are counted before they are written or allocated, and given back when what holds them is dropped.
//! - A file has no name once it is open, so nothing of it outlives the process.
//! - No file grows into what the journal needs of the disk ([`Config::keep_free`]): a full disk refuses statements, not commits (promise P5).

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bole_base::Disk;
use bole_sql_types::{Error, SqlState};
use parking_lot::Mutex;

use crate::limits::{SPILL_FILES_MAX, SPILL_STEP_BYTES};

/// How much there may be.
pub struct Config {
    /// The folder of the files: `<data>/sql/tmp`. Made when it is needed.
    pub dir: PathBuf,
    /// Says what the folder's disk has free.
    pub disk: Arc<dyn Disk>,
    /// Bytes of files of all sessions, without those of temporary tables.
    pub bytes_max: u64,
    /// Bytes of the disk that files leave free.
    pub keep_free: u64,
    /// Bytes of rows that one session keeps in memory.
    pub memory_session_max: usize,
    /// The same of all sessions together.
    pub memory_node_max: usize,
}

/// The node's room. See the module.
pub struct Spill {
    config: Config,
    used: Mutex<Used>,
    memory: AtomicUsize,
    refused: AtomicU64,
}

/// What is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Bytes of files, without those of temporary tables.
    pub bytes: u64,
    /// Files of portals and cursors.
    pub files: usize,
}

/// Why there is no more room.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("what statements have set aside takes {used} bytes of files; {max} are allowed")]
    Bytes { used: u64, max: u64 },
    #[error("{0} portals and cursors have rows in files")]
    Files(usize),
    #[error("{dir} has {free} bytes free, and {keep} are kept for the journal")]
    Disk { dir: String, free: u64, keep: u64 },
    #[error("{0}")]
    Unknown(String),
}

impl Refusal {
    /// What a client is told.
    pub(crate) fn error(&self) -> Error {
        let (state, hint) = match self {
            Self::Bytes { .. } => (
                SqlState::CONFIGURATION_LIMIT_EXCEEDED,
                "Close cursors that are not needed, or raise sql.spill_bytes_node.",
            ),
            Self::Files(_) => (SqlState::CONFIGURATION_LIMIT_EXCEEDED, "Close cursors that are not needed."),
            Self::Disk { .. } => (SqlState::DISK_FULL, "Free space on the disk of the data directory."),
            Self::Unknown(_) => return Error::new(SqlState::IO_ERROR, self.to_string()),
        };
        Error::new(state, self.to_string()).with_hint(hint)
    }
}

impl Spill {
    /// Nothing is set aside yet.
    pub fn new(config: Config) -> Arc<Self> {
        let (used, memory) = (Mutex::default(), AtomicUsize::new(0));
        Arc::new(Self { config, used, memory, refused: AtomicU64::new(0) })
    }

    /// What is in use of files.
    pub fn used(&self) -> Used {
        *self.used.lock()
    }

    /// Bytes of rows in memory.
    pub fn memory(&self) -> usize {
        self.memory.load(Ordering::Relaxed)
    }

    /// How often there was no room, since the start.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Bytes that files may still take of the disk. Errors: the disk cannot be asked.
    pub(crate) fn free(&self) -> io::Result<u64> {
        let dir = self.existing();
        Ok(self.config.disk.free_bytes(dir)?.saturating_sub(self.config.keep_free))
    }

    /// The folder, or as much of its path as there is.
    fn existing(&self) -> &Path {
        let dir = self.config.dir.as_path();
        dir.ancestors().find(|dir| dir.is_dir()).unwrap_or(dir)
    }

    /// A new file without a name.
    pub(crate) fn file(&self) -> io::Result<File> {
        match tempfile::tempfile_in(&self.config.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                std::fs::create_dir_all(&self.config.dir)?;
                tempfile::tempfile_in(&self.config.dir)
            }
            opened => opened,
        }
    }

    fn refuse(&self, refusal: Refusal) -> Refusal {
        self.refused.fetch_add(1, Ordering::Relaxed);
        refusal
    }
}

/// The bytes that one file takes.
pub(crate) struct Share {
    spill: Arc<Spill>,
    bytes: u64,
    kind: ShareKind,
}

/// What counts of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShareKind {
    /// Of a portal or cursor: itself and its bytes.
    Rows,
    /// Of SQLite: its bytes.
    Work,
    /// Of a temporary table, whose bytes have a bound of their own.
    Table,
}

impl Share {
    /// Nothing yet. Errors: there are too many files.
    pub(crate) fn new(spill: &Arc<Spill>, kind: ShareKind) -> Result<Self, Refusal> {
        if kind == ShareKind::Rows {
            let mut used = spill.used.lock();
            if used.files >= SPILL_FILES_MAX {
                return Err(spill.refuse(Refusal::Files(used.files)));
            }
            used.files += 1;
        }
        Ok(Self { spill: Arc::clone(spill), bytes: 0, kind })
    }

    /// The file is to be as long as this. Errors: there is no room.
    pub(crate) fn grow_to(&mut self, bytes: u64) -> Result<(), Refusal> {
        if bytes <= self.bytes {
            return Ok(());
        }
        let bytes = bytes.next_multiple_of(SPILL_STEP_BYTES);
        let by = bytes - self.bytes;
        let free = self.spill.free().map_err(|error| Refusal::Unknown(error.to_string()))?;
        if free < by {
            let dir = self.spill.config.dir.display().to_string();
            let keep = self.spill.config.keep_free;
            return Err(self.spill.refuse(Refusal::Disk { dir, free: free.saturating_add(keep), keep }));
        }
        if self.kind != ShareKind::Table {
            let mut used = self.spill.used.lock();
            let max = self.spill.config.bytes_max;
            if used.bytes + by > max {
                return Err(self.spill.refuse(Refusal::Bytes { used: used.bytes, max }));
            }
            used.bytes += by;
        }
        self.bytes = bytes;
        Ok(())
    }

    /// The file was cut to this length.
    pub(crate) fn shrink_to(&mut self, bytes: u64) {
        let bytes = bytes.next_multiple_of(SPILL_STEP_BYTES).min(self.bytes);
        if self.kind != ShareKind::Table {
            self.spill.used.lock().bytes -= self.bytes - bytes;
        }
        self.bytes = bytes;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shrink_to(0);
        if self.kind == ShareKind::Rows {
            self.spill.used.lock().files -= 1;
        }
    }
}

/// The memory of one session's portals and cursors.
pub(crate) struct Account {
    spill: Arc<Spill>,
    used: AtomicUsize,
}

impl Account {
    pub(crate) fn new(spill: &Arc<Spill>) -> Arc<Self> {
        Arc::new(Self { spill: Arc::clone(spill), used: AtomicUsize::new(0) })
    }

    pub(crate) const fn spill(&self) -> &Arc<Spill> {
        &self.spill
    }
}

/// Bytes of memory that somebody holds of an account.
pub(crate) struct Charge {
    account: Arc<Account>,
    bytes: usize,
}

impl Charge {
    pub(crate) fn new(account: &Arc<Account>) -> Self {
        Self { account: Arc::clone(account), bytes: 0 }
    }

    pub(crate) const fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Takes memory up to `bytes` in all; `false`: there is not so much, and nothing was taken.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> bool {
        let by = bytes.saturating_sub(self.bytes);
        let take = |used: &AtomicUsize, max: usize| {
            used.try_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(by).filter(|sum| *sum <= max)
            })
            .is_ok()
        };
        let (spill, config) = (&self.account.spill, &self.account.spill.config);
        if !take(&self.account.used, config.memory_session_max) {
            return false;
        }
        if !take(&spill.memory, config.memory_node_max) {
            self.account.used.fetch_sub(by, Ordering::Relaxed);
            return false;
        }
        self.bytes += by;
        true
    }

    /// Gives everything back.
    pub(crate) fn clear(&mut self) {
        self.account.used.fetch_sub(self.bytes, Ordering::Relaxed);
        self.account.spill.memory.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = 0;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use bole_base::disk::RealDisk;

    /// Room of this size in a folder that goes with the test.
    pub(crate) fn room(bytes_max: u64, memory: usize, keep_free: u64) -> (tempfile::TempDir, Arc<Spill>) {
        let dir = tempfile::tempdir().unwrap();
        let spill = Spill::new(Config {
            dir: dir.path().join("tmp"),
            disk: Arc::new(RealDisk),
            bytes_max,
            keep_free,
            memory_session_max: memory,
            memory_node_max: memory + memory / 2,
        });
        (dir, spill)
    }

    #[test]
    fn bytes_are_counted_and_given_back() {
        let (_dir, spill) = room(4 * SPILL_STEP_BYTES, 100, 0);
        let mut rows = Share::new(&spill, ShareKind::Rows).unwrap();
        let mut work = Share::new(&spill, ShareKind::Work).unwrap();
        let mut table = Share::new(&spill, ShareKind::Table).unwrap();
        rows.grow_to(1).unwrap();
        work.grow_to(3 * SPILL_STEP_BYTES).unwrap();
        table.grow_to(100 * SPILL_STEP_BYTES).unwrap();
        assert_eq!(spill.used(), Used { bytes: 4 * SPILL_STEP_BYTES, files: 1 });
        let refused = rows.grow_to(SPILL_STEP_BYTES + 1).unwrap_err().error();
        assert_eq!(refused.state, SqlState::CONFIGURATION_LIMIT_EXCEEDED);
        work.shrink_to(1);
        rows.grow_to(SPILL_STEP_BYTES + 1).unwrap();
        drop((rows, work, table));
        assert_eq!((spill.used(), spill.refused()), (Used::default(), 1));

        let shares: Vec<_> =
            (0..SPILL_FILES_MAX).map(|_| Share::new(&spill, ShareKind::Rows).unwrap()).collect();
        assert!(Share::new(&spill, ShareKind::Rows).is_err());
        drop(shares);
        assert!(Share::new(&spill, ShareKind::Rows).is_ok());
    }

    #[test]
    fn what_the_journal_needs_of_the_disk_is_left() {
        let (_dir, spill) = room(u64::MAX, 100, u64::MAX);
        for kind in [ShareKind::Rows, ShareKind::Work, ShareKind::Table] {
            let refused = Share::new(&spill, kind).unwrap().grow_to(1).unwrap_err().error();
            assert_eq!(refused.state, SqlState::DISK_FULL, "{kind:?}");
        }
    }

    #[test]
    fn memory_is_bounded_by_session_and_by_node() {
        let (_dir, spill) = room(0, 100, 0);
        let accounts = [Account::new(&spill), Account::new(&spill)];
        let [mut one, mut other] = [Charge::new(&accounts[0]), Charge::new(&accounts[1])];
        assert!(one.grow_to(60) && one.grow_to(100) && !one.grow_to(101));
        assert!(other.grow_to(50) && !other.grow_to(51));
        drop(one);
        assert!(other.grow_to(100) && spill.memory() == 100);
        other.clear();
        assert_eq!(spill.memory(), 0);
    }
}
