//! A database: the shard, its files and the connections to them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bole_base::{Durability, LogId, Offset, Position};
use bole_log::Journal;
use bole_shard::Runtime;
use bole_shard::durable::Stand;
use bole_sql_dialect::Catalog;
use bole_sql_dialect::plan::{Key, Look};
use bole_sql_functions::Context;
use bole_sql_types::{Error, Result, SqlState, Value};
use parking_lot::{Mutex, RwLock};
use rusqlite::{Connection, OptionalExtension};

use super::Shared;
use super::altering::Altering;
use super::apply::Applier;
use super::books::{Books, Seen};
use super::checkpoint::Checkpoints;
use super::connection::{Register, Role};
use super::error::{from_shard, from_sqlite};
use super::files::{Files, Medium};
use super::history::History;
use super::reader::{Connected, Readers};
use super::sequences::Sequences;
use super::snapshots::Frames;
use super::temporary::Borrowed;
use super::undurable::{Changes, Undurable};
use super::writer::Writing;

/// The row of `bole_catalog` that holds [`Catalog::version`].
pub(crate) const VERSION_ROW: u32 = 2;
/// The most that SQLite's page cache of a connection takes, as it is set by default.
const CACHE_BYTES: u64 = 2_000 << 10;
/// Connections besides those that read: one writes, two make checkpoints.
const OWN_CONNECTIONS: u64 = 3;

/// A database. One exists while the node serves it.
pub struct Database {
    name: String,
    log: LogId,
    class: Durability,
    pub(crate) shared: Arc<Shared>,
    pub(crate) books: Books,
    catalog: RwLock<Arc<Catalog>>,
    /// Commits that change the catalog.
    pub(crate) altering: Altering,
    undurable: Undurable,
    sequences: Sequences,
    /// What the catalog was, where the log is kept for feeds.
    pub(crate) history: History,
    fed: bool,
    /// The write ticket, and the connection that goes with it. The queue is fair.
    pub(crate) writing: Arc<tokio::sync::Mutex<Writing>>,
    pub(crate) readers: Readers,
    /// What temporary objects of sessions use.
    pub(crate) borrowed: Borrowed,
    pub(crate) checkpoints: Checkpoints,
    /// Recovery's, while it lasts.
    pub(crate) replaying: Mutex<Option<Applier>>,
    /// Frames of the `-wal` after the last commit.
    pub(crate) frames: Arc<Frames>,
    /// Last, so that it goes after all connections.
    pub(crate) files: Files,
}

impl Database {
    /// Opens a database at the stand of its last checkpoint. The error is a sentence for the operator.
    pub(crate) fn open(
        shared: Arc<Shared>,
        medium: Medium,
        dir: &Path,
        (name, log, class): (&str, LogId, Durability),
    ) -> Result<Self, String> {
        let describe = |error: &dyn std::fmt::Display| format!("{}: {error}", dir.display());
        let files = Files::open(medium, dir)?;
        let frames = Arc::new(Frames::default());
        let writing = Writing::open(&files, &shared.registers, &frames).map_err(|error| describe(&error))?;
        let stand = read_stand(writing.connection()).map_err(|error| describe(&error))?;
        let database = Self {
            books: Books::new(Arc::from(format!("{}{name}#0", super::PREFIX)), stand),
            catalog: RwLock::default(),
            altering: Altering::default(),
            undurable: Undurable::default(),
            sequences: Sequences::default(),
            history: History::default(),
            fed: shared.fed.contains(name),
            readers: Readers::new(),
            borrowed: Borrowed::default(),
            checkpoints: Checkpoints::open(&files, shared.wal_bytes_max).map_err(|error| describe(&error))?,
            replaying: Mutex::new(None),
            name: name.to_owned(),
            log,
            class,
            shared,
            frames,
            files,
            writing: Arc::new(tokio::sync::Mutex::new(writing)),
        };
        database.load().map_err(|error| describe(&error))?;
        Ok(database)
    }

    /// Takes the catalog and the sequences from the files. Nobody may have the ticket.
    pub(crate) fn load(&self) -> Result<()> {
        let writing = self
            .writing
            .try_lock()
            .map_err(|_| Error::new(SqlState::OBJECT_IN_USE, "the database is in use"))?;
        self.set_catalog(Arc::new(read_catalog(writing.connection(), &self.name)?));
        self.sequences.load(writing.connection()).map_err(|error| from_sqlite(&error))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its log.
    pub const fn log(&self) -> LogId {
        self.log
    }

    /// Its OID, the same for as long as it exists: OIDs of users' objects begin where those of databases do.
    pub fn oid(&self) -> u32 {
        bole_sql_types::Type::FIRST_USER.wrapping_add(self.log.0 as u32)
    }

    /// The class in which commits are acknowledged.
    pub const fn class(&self) -> Durability {
        self.class
    }

    /// What the database contains, as of the last commit.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.read())
    }

    /// What somebody has seen of commits by [`Database::catalog`] before this; as with rows, an answer that tells of it waits for
    /// [`Database::durable`].
    pub fn seen_in_catalog(&self) -> Seen {
        let position = self.undurable.needed([], false);
        Seen { low: 0, high: 0, position: Some(position), class: self.class }
    }

    /// The part of `seen` that the answer of a statement shows which looks no further, if it does not fail.
    pub fn shown(&self, seen: Seen, look: &Look, parameters: &[Value]) -> Seen {
        let Look::Keys { table, keys, values } = look else { return seen };
        // What is on its way into the log has not told yet what it changes.
        if !self.books.is_appended(&seen) {
            return seen;
        }
        let mut wanted = Vec::with_capacity(keys.len());
        for key in keys {
            match key {
                Key::Integer(key) => wanted.push((*table, *key)),
                Key::Parameter(number) => match parameters.get((*number as usize).wrapping_sub(1)) {
                    Some(Value::Integer(key)) => wanted.push((*table, *key)),
                    Some(Value::Null) => {}
                    _ => return seen,
                },
            }
        }
        let needed = self.undurable.needed(wanted, *values);
        Seen { position: Some(seen.position.map_or(needed, |position| position.min(needed))), ..seen }
    }

    /// Notes what a commit changed that ends at `position`, before it counts as appended.
    pub(crate) fn note_undurable(&self, changes: Changes, position: Position) {
        self.undurable.note(changes, position, self.journal().reached(self.class));
    }

    pub(crate) fn set_catalog(&self, catalog: Arc<Catalog>) {
        *self.catalog.write() = catalog;
    }

    /// The values of its sequences; to be moved by the holder of the ticket alone.
    pub const fn sequences(&self) -> &Sequences {
        &self.sequences
    }

    /// Whether its tables have change feeds.
    pub const fn is_fed(&self) -> bool {
        self.fed
    }

    /// Takes in what an entry does to the catalog, in the order of the log, and forgets what is gone. Errors: the payload cannot be read.
    pub(crate) fn remember(&self, offset: Offset, payload: &[u8]) -> Result<(), String> {
        self.history.note(offset, payload)?;
        self.history.trim(self.journal().first(self.log));
        Ok(())
    }

    /// That feeds end with an error where an entry's changes of the catalog are needed.
    pub(crate) fn tell_unknown(&self, reason: &str) {
        tracing::error!(
            database = self.name(),
            reason,
            "feeds do not know a change of the catalog, and say so there"
        );
    }

    /// Errors: the node has stopped (57P01).
    pub(crate) fn runtime(&self) -> Result<Arc<Runtime>> {
        let stopped = || Error::new(SqlState::ADMIN_SHUTDOWN, "the node has stopped");
        self.shared.runtime.upgrade().ok_or_else(stopped)
    }

    /// Waits until what `seen` covers may be shown. May be dropped at any time. Errors: the database is stopped (57P03), the journal failed (58030).
    pub async fn durable(&self, seen: Seen) -> Result<()> {
        let position = self.books.appended(&seen).await.map_err(|error| from_shard(&error))?;
        let journal = self.journal();
        if position <= journal.reached(seen.class) {
            return Ok(());
        }
        let reached = async {
            match seen.class {
                Durability::Async => journal.write_queued()?,
                _ => journal.want_sync(position),
            }
            bole_log::wait::reached(&**journal, seen.class, position).await
        };
        reached.await.map_err(|error| from_shard(&error.into()))
    }

    /// As [`Database::durable`], for a thread that may block: it may fsync the journal itself.
    pub(crate) fn durable_here(&self, seen: Seen, handle: &tokio::runtime::Handle) -> Result<()> {
        if let Some(position) = seen.position {
            if position <= self.journal().reached(seen.class) {
                return Ok(());
            }
            if seen.class == Durability::Sync {
                self.journal().sync_here(position).map_err(|error| from_shard(&error.into()))?;
            }
        }
        handle.block_on(self.durable(seen))
    }

    /// A connection whose functions are known.
    pub(crate) fn connect(&self, role: Role) -> rusqlite::Result<Connected> {
        let (connection, context) = (self.files.connect(role)?, Context::default());
        register(&self.shared.registers, &connection, &context)?;
        Ok(Connected { connection, context })
    }

    /// Bytes of the database's pages, by a connection of its own.
    pub(crate) fn file_bytes(&self) -> rusqlite::Result<i64> {
        let connected = self.connect(Role::Reader)?;
        connected.connection.query_row(bole_sql_functions::DATABASE_SIZE, [], |row| row.get(0))
    }

    /// Bytes of the `-wal` that are in use.
    pub fn wal_bytes(&self) -> u64 {
        u64::from(self.frames.last()) * super::checkpoint::FRAME_BYTES
    }

    /// What the page caches of its connections may take.
    pub fn memory_bytes(&self) -> u64 {
        (self.readers.count() as u64 + OWN_CONNECTIONS) * CACHE_BYTES
    }

    /// Whether more connections are open than are kept for later, and nobody has used the others for so long.
    pub fn has_old_readers(&self, age: Duration) -> bool {
        self.readers.has_old(age)
    }

    /// Closes them. Blocks.
    pub fn close_old_readers(&self, age: Duration) {
        self.readers.close_old(age);
    }

    /// Stops the database for good: whoever still uses it gets errors that say why.
    pub(crate) fn close(&self, reason: &str) {
        self.books.close(reason);
        self.readers.clear();
    }

    pub(crate) fn journal(&self) -> &Arc<dyn Journal> {
        &self.shared.journal
    }
}

/// Makes the snapshot begin of a connection in a transaction.
pub(crate) fn open_snapshot(connection: &Connection) -> rusqlite::Result<()> {
    let mut open = connection.prepare_cached("SELECT 1 FROM main.bole_stand LIMIT 0")?;
    open.query(())?.next().map(drop)
}

pub(crate) fn register(
    registers: &[Register],
    connection: &Connection,
    context: &Context,
) -> rusqlite::Result<()> {
    registers.iter().try_for_each(|register| register(connection, context))
}

/// The version of the catalog in the connection's snapshot.
pub(crate) fn read_version(connection: &Connection) -> rusqlite::Result<u64> {
    let mut read =
        connection.prepare_cached("SELECT CAST(body AS INTEGER) FROM main.bole_catalog WHERE oid = ?")?;
    let version: Option<i64> = read.query_row([VERSION_ROW], |row| row.get(0)).optional()?;
    Ok(version.unwrap_or_default() as u64)
}

/// The catalog in the connection's snapshot. Errors: XX001.
pub(crate) fn read_catalog(connection: &Connection, name: &str) -> Result<Catalog> {
    let read = || {
        let mut read = connection
            .prepare_cached("SELECT oid, body FROM main.bole_catalog WHERE oid <> ? ORDER BY oid")?;
        let rows = read.query_map([VERSION_ROW], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((read_version(connection)?, rows.collect::<rusqlite::Result<Vec<(u32, String)>>>()?))
    };
    let (version, rows) = read().map_err(|error: rusqlite::Error| from_sqlite(&error))?;
    let mut catalog = Catalog::from_rows(name, rows.iter().map(|(oid, body)| (*oid, body.as_str())))?;
    catalog.version = version;
    Ok(catalog)
}

/// Where the files stand.
pub(crate) fn read_stand(connection: &Connection) -> rusqlite::Result<Stand> {
    connection.query_row("SELECT epoch, next FROM main.bole_stand", [], |row| {
        let next: i64 = row.get(1)?;
        Ok(Stand { epoch: bole_base::Epoch(row.get(0)?), next: bole_base::Offset(next as u64) })
    })
}

/// Writes where the files stand, inside the transaction that is open.
pub(crate) fn write_stand(connection: &Connection, stand: Stand) -> rusqlite::Result<()> {
    let mut write = connection.prepare_cached("UPDATE main.bole_stand SET epoch = ?, next = ?")?;
    write.execute((stand.epoch.0, stand.next.0 as i64)).map(drop)
}
