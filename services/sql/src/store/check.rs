//! Whether the files of databases are sound, while no node has them open.

use std::io;
use std::path::{Path, PathBuf};

use bole_sql_functions::Context;
use rusqlite::{Connection, OpenFlags};

use super::files::{MAIN, MARKER, WAL};

/// What was found of one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Its `main.db`.
    pub path: PathBuf,
    /// Bytes of that.
    pub bytes: u64,
    /// A checkpoint was interrupted. The next start finishes it; until then the file cannot be judged.
    pub interrupted: bool,
    /// What SQLite says is wrong with it.
    pub damage: Option<String>,
}

/// Checks every database under `root`. The `-wal` files are not looked at: a start drops them. Errors: a folder or file cannot be read.
pub fn check(root: &Path) -> io::Result<Vec<Checked>> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir(root)? {
        let folder = folder?.path();
        let path = folder.join(MAIN);
        let interrupted = folder.join(MARKER).exists();
        let (bytes, damage) = match std::fs::metadata(&path) {
            Ok(about) if interrupted => (about.len(), None),
            Ok(about) => (about.len(), damage(&path)),
            // A start that was cut off before the file had its name, unless something shows that it was there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !interrupted && !folder.join(WAL).exists() {
                    continue;
                }
                (0, Some("the file is missing".to_owned()))
            }
            Err(error) => return Err(error),
        };
        found.push(Checked { path, bytes, interrupted: interrupted && damage.is_none(), damage });
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// What SQLite's own check says, if it is not `ok`.
fn damage(path: &Path) -> Option<String> {
    let checked = || -> rusqlite::Result<String> {
        // Immutable: the `-wal` beside it is passed over, and nothing is written.
        let address = format!(
            "file:{}?immutable=1",
            path.display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23")
        );
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let connection = Connection::open_with_flags(address, flags)?;
        bole_sql_functions::register(&connection, &Context::default())?;
        connection.query_row("PRAGMA quick_check(1)", (), |row| row.get(0))
    };
    match checked() {
        Ok(verdict) if verdict == "ok" => None,
        Ok(verdict) => Some(verdict),
        Err(error) => Some(error.to_string()),
    }
}
