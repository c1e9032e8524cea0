//! The files of a database, and what a start makes of those that a crash left.
//!
//! `main.db` appears under its name when it is complete and fsynced. Beside it are SQLite's `main.db-wal` and `main.db-shm`, and while a checkpoint moves
//! frames the [`Marker`].
//!
//! # Invariants
//! - A start leaves `main.db` alone at one stand: that of the last checkpoint whose marker was durable.
//! - `main.db` is never opened and closed here while SQLite has it open: the operating system would drop SQLite's locks. [`Files`] keeps one handle.

mod frames;
mod marker;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bole_base::disk::{read_all, replace_file};
use bole_base::{Disk, File};
use bole_sql_dialect::Catalog;
use bole_sql_dialect::catalog::NEXT_OID_ROW;
use rusqlite::{Connection, OpenFlags};

use super::connection::{Role, open, open_with};
pub(crate) use marker::Marker;

pub(crate) const MAIN: &str = "main.db";
pub(crate) const WAL: &str = "main.db-wal";
const SHM: &str = "main.db-shm";
pub(crate) const MARKER: &str = "checkpoint";
const FRESH: &str = "main.db.new";

/// What a database has before anything is made in it. The rows of `bole_stand` are never in the log.
const SCHEMA: &str = "
    CREATE TABLE bole_stand (id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL, next INTEGER NOT NULL) STRICT;
    CREATE TABLE bole_catalog (oid INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
    CREATE TABLE bole_sequence (oid INTEGER PRIMARY KEY, last_value INTEGER NOT NULL, is_called INTEGER NOT NULL) STRICT;
    INSERT INTO bole_stand VALUES (1, 0, 0);
";

/// The catalog's rows of a database in which nothing was made yet.
fn insert_catalog(connection: &Connection) -> rusqlite::Result<()> {
    let catalog = Catalog::fresh("");
    for oid in catalog.objects.keys().copied().chain([NEXT_OID_ROW]) {
        connection.execute("INSERT INTO bole_catalog VALUES (?, ?)", (oid, catalog.row(oid)))?;
    }
    Ok(())
}

/// The files of one database.
pub(crate) struct Files {
    medium: Medium,
    dir: PathBuf,
    main: Arc<dyn File>,
    /// The name of the `-wal` is durable. SQLite makes the file once, and keeps it while it is open.
    wal_is_named: AtomicBool,
}

/// Where files are: the disk, and the SQLite VFS that is on the same disk.
#[derive(Clone)]
pub(crate) struct Medium {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) vfs: Option<String>,
}

impl Files {
    /// Opens the folder, makes a new database if there is none, and ends a checkpoint that a crash cut short. The error is a sentence for the operator.
    pub(crate) fn open(medium: Medium, dir: &Path) -> Result<Self, String> {
        let disk = &*medium.disk;
        let describe = |error: io::Error| format!("{}: {error}", dir.display());
        disk.create_dir(dir).map_err(describe)?;
        let names = disk.list(dir).map_err(describe)?;
        let has = |name: &str| names.iter().any(|known| known == name);
        if has(MAIN) {
            if has(MARKER) {
                redo(&medium, dir)?;
            }
        } else {
            create(&medium, dir)?;
        }
        remove(disk, dir, &[WAL, SHM, FRESH, "checkpoint.new"]).map_err(describe)?;
        disk.sync_dir(dir).map_err(describe)?;
        let main = disk.open(&dir.join(MAIN)).map_err(describe)?;
        Ok(Self { dir: dir.to_owned(), main, medium, wal_is_named: AtomicBool::new(false) })
    }

    /// A new connection.
    pub(crate) fn connect(&self, role: Role) -> rusqlite::Result<Connection> {
        open(&self.dir.join(MAIN), role, self.medium.vfs.as_deref())
    }

    /// Makes the first `frames` frames of the `-wal` durable, and then the marker that names them. An error is final.
    pub(crate) fn mark(&self, frames: u32) -> io::Result<Marker> {
        let wal = self.medium.disk.open(&self.dir.join(WAL))?;
        wal.sync_data()?;
        let marker = Marker::of(&*wal, frames)?;
        if !self.wal_is_named.load(Ordering::Acquire) {
            // Before the marker has its name: of names that were not synced a power cut keeps any.
            self.medium.disk.sync_dir(&self.dir)?;
            self.wal_is_named.store(true, Ordering::Release);
        }
        replace_file(&*self.medium.disk, &self.dir.join(MARKER), &marker.encode())?;
        Ok(marker)
    }

    /// Once SQLite has moved the marker's frames: completes `main.db`, makes it durable, and then takes the marker away. An error is final.
    pub(crate) fn unmark(&self, marker: &Marker) -> io::Result<()> {
        let wal = self.medium.disk.open(&self.dir.join(WAL))?;
        frames::write_skipped(marker, &*wal, &*self.main)?;
        self.main.sync_data()?;
        self.medium.disk.remove(&self.dir.join(MARKER))?;
        self.medium.disk.sync_dir(&self.dir)
    }

    /// Removes everything; connections that are still open keep what they have.
    pub(crate) fn remove(&self) -> io::Result<()> {
        remove_folder(&*self.medium.disk, &self.dir)
    }
}

/// Removes a database's folder and what is in it.
pub(crate) fn remove_folder(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    for name in disk.list(dir)? {
        disk.remove(&dir.join(name))?;
    }
    match std::fs::remove_dir(dir) {
        // Not every disk is the operating system's.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn remove(disk: &dyn Disk, dir: &Path, names: &[&str]) -> io::Result<()> {
    for name in names {
        match disk.remove(&dir.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Makes `main.db` under another name and gives it its own when it is durable.
fn create(medium: &Medium, dir: &Path) -> Result<(), String> {
    let disk = &*medium.disk;
    let path = dir.join(FRESH);
    let failed = |error: &dyn std::fmt::Display| format!("{} cannot be made: {error}", path.display());
    let wal = format!("{FRESH}-wal");
    let shm = format!("{FRESH}-shm");
    remove(disk, dir, &[FRESH, &wal, &shm, MARKER]).map_err(|error| failed(&error))?;
    let made = open_with(
        &path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        medium.vfs.as_deref(),
    )
    .and_then(|connection| {
        connection.execute_batch("PRAGMA journal_mode = WAL")?;
        connection.execute_batch(SCHEMA)?;
        insert_catalog(&connection)?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        connection.close().map_err(|(_, error)| error)
    });
    made.map_err(|error| failed(&error))?;
    let named = || {
        disk.open(&path)?.sync_data()?;
        disk.rename(&path, &dir.join(MAIN))?;
        disk.sync_dir(dir)
    };
    named().map_err(|error| failed(&error))
}

/// Repeats the last step of the checkpoint whose marker is there.
fn redo(medium: &Medium, dir: &Path) -> Result<(), String> {
    let disk = &*medium.disk;
    let describe = |what: &dyn std::fmt::Display| format!("{}: {what}", dir.display());
    let read = |name: &str| {
        let file = disk.open(&dir.join(name)).map_err(|error| format!("{name}: {error}"))?;
        let bytes = read_all(&*file).map_err(|error| format!("{name}: {error}"))?;
        Ok::<_, String>((file, bytes))
    };
    let (_, bytes) = read(MARKER).map_err(|error| describe(&error))?;
    let marker = Marker::decode(&bytes).map_err(|reason| describe(&format_args!("{MARKER}: {reason}")))?;
    let wal = disk.open(&dir.join(WAL)).map_err(|error| describe(&format_args!("{WAL}: {error}")))?;
    marker.check(&*wal).map_err(|reason| describe(&format_args!("{WAL}: {reason}")))?;
    wal.set_len(marker.wal_bytes()).map_err(|error| describe(&format_args!("{WAL}: {error}")))?;
    drop(wal);
    remove(disk, dir, &[SHM]).map_err(|error| describe(&error))?;
    let moved = open(&dir.join(MAIN), Role::Checkpoint, medium.vfs.as_deref()).and_then(|connection| {
        let moved = move_frames(&connection)?;
        connection.close().map_err(|(_, error)| error)?;
        Ok(moved)
    });
    let moved = moved.map_err(|error| describe(&error))?;
    if moved != marker.frames {
        return Err(describe(&format_args!(
            "{WAL}: {moved} frames are whole where the checkpoint has fsynced {}; the file is damaged",
            marker.frames
        )));
    }
    let done = || {
        disk.open(&dir.join(MAIN))?.sync_data()?;
        disk.remove(&dir.join(MARKER))?;
        disk.sync_dir(dir)
    };
    done().map_err(|error| describe(&error))
}

/// Lets SQLite move frames into `main.db`, as far as no snapshot needs what is there. How many are there now, of those that the `-wal` holds.
pub(crate) fn move_frames(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(2)).map(|moved| {
        // -1: there is no `-wal` yet.
        u32::try_from(moved).unwrap_or(0)
    })
}
