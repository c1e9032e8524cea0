//! Connections that read, and the snapshots that they hold.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bole_sql_dialect::Catalog;
use bole_sql_functions::Context;
use bole_sql_types::{Error, Result, SqlState};
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use super::books::Seen;
use super::connection::Role;
use super::database::{Database, open_snapshot, read_catalog, read_version};
use super::error::{from_shard, from_sqlite};
use super::snapshots::{Parked, Snapshot, Snapshots, Stop, too_old};
use super::temporary::{Space, Temporary};
use crate::limits::{READERS_IDLE_MIN, READERS_MAX};

/// A connection with what its functions know.
pub(crate) struct Connected {
    pub(crate) connection: Connection,
    pub(crate) context: Context,
}

/// The reading connections of a database.
pub(crate) struct Readers {
    pub(super) snapshots: Snapshots,
    free: Arc<Semaphore>,
    /// The one that was used last is the last.
    idle: Mutex<Vec<(Instant, Connected)>>,
}

impl Readers {
    pub(crate) fn new() -> Self {
        let (snapshots, free) = (Snapshots::default(), Arc::new(Semaphore::new(READERS_MAX)));
        Self { snapshots, free, idle: Mutex::default() }
    }

    /// How many are open, used or not.
    pub(crate) fn count(&self) -> usize {
        READERS_MAX - self.free.available_permits() + self.idle.lock().len()
    }

    /// Closes those that nobody uses.
    pub(crate) fn clear(&self) {
        self.idle.lock().clear();
    }

    /// Closes those that nobody has used for so long, but for [`READERS_IDLE_MIN`]. Others need not wait for it.
    pub(crate) fn close_old(&self, age: Duration) {
        while let Some(old) = self.oldest(age) {
            drop(old);
        }
    }

    /// Whether [`Readers::close_old`] would close some.
    pub(crate) fn has_old(&self, age: Duration) -> bool {
        is_old(&self.idle.lock(), age)
    }

    fn oldest(&self, age: Duration) -> Option<Connected> {
        let mut idle = self.idle.lock();
        is_old(&idle, age).then(|| idle.remove(0).1)
    }
}

fn is_old(idle: &[(Instant, Connected)], age: Duration) -> bool {
    idle.len() > READERS_IDLE_MIN && idle.first().is_some_and(|(since, _)| since.elapsed() >= age)
}

/// A connection that reads. Dropping it ends its snapshot and gives it back.
pub struct Reader {
    database: Arc<Database>,
    /// Here until the reader is dropped.
    source: Option<Source>,
    catalog: Arc<Catalog>,
    seen: Seen,
    /// The snapshot that is open, and its number.
    snapshot: Option<(u64, Arc<Snapshot>)>,
}

/// Whose connection a reader has.
enum Source {
    /// One of those that all share.
    Pooled(Connected, OwnedSemaphorePermit),
    /// The session's own, with its temporary tables.
    Own(Space, Arc<Temporary>),
}

impl Source {
    fn connection(&self) -> &Connection {
        match self {
            Self::Pooled(connected, _) => &connected.connection,
            Self::Own(space, _) => space.writing.connection(),
        }
    }

    fn context(&self) -> &Context {
        match self {
            Self::Pooled(connected, _) => &connected.context,
            Self::Own(space, _) => space.writing.context(),
        }
    }
}

impl Database {
    /// A connection that reads, without a snapshot yet. Waits while [`READERS_MAX`] are in use. May be dropped at any await. Errors: the
    /// database is stopped (57P03), the files.
    pub async fn reader(self: &Arc<Self>) -> Result<Reader> {
        let free = Arc::clone(&self.readers.free).acquire_owned().await;
        let permit = free.map_err(|_| is_closing())?;
        let idle = self.readers.idle.lock().pop();
        let connected = match idle {
            Some((_, connected)) => connected,
            None => self.open_reader().await?,
        };
        Ok(self.reader_with(Source::Pooled(connected, permit)))
    }

    /// As [`Database::reader`], without waiting: `None` while [`READERS_MAX`] are in use. Blocks for as long as it takes to open a file.
    pub(crate) fn reader_now(self: &Arc<Self>) -> Option<Result<Reader>> {
        let permit = match Arc::clone(&self.readers.free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::NoPermits) => return None,
            Err(TryAcquireError::Closed) => return Some(Err(is_closing())),
        };
        let idle = self.readers.idle.lock().pop();
        let connected = idle.map_or_else(|| self.connect(Role::Reader), |(_, connected)| Ok(connected));
        let connected = connected.map_err(|error| from_sqlite(&error));
        Some(connected.map(|connected| self.reader_with(Source::Pooled(connected, permit))))
    }

    /// The connection of a session that has temporary tables; `None` if it has none.
    pub fn own_reader(self: &Arc<Self>, temporary: &Arc<Temporary>) -> Option<Reader> {
        let space = temporary.take()?;
        Some(self.reader_with(Source::Own(space, Arc::clone(temporary))))
    }

    fn reader_with(self: &Arc<Self>, source: Source) -> Reader {
        let low = self.books.low();
        Reader {
            database: Arc::clone(self),
            source: Some(source),
            catalog: self.catalog(),
            seen: self.books.seen(low, self.class()),
            snapshot: None,
        }
    }
}

fn is_closing() -> Error {
    Error::new(SqlState::ADMIN_SHUTDOWN, "the database is being closed")
}

/// A place among the readers that its owner does not use. Dropping it waits for a place, and blocks.
pub(crate) struct Lent {
    free: Arc<Semaphore>,
    handle: tokio::runtime::Handle,
}

impl Database {
    /// Lets another use the place of a reader that waits for something outside.
    pub(crate) fn lend_reader(&self, handle: &tokio::runtime::Handle) -> Lent {
        self.readers.free.add_permits(1);
        Lent { free: Arc::clone(&self.readers.free), handle: handle.clone() }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Ok(permit) = self.handle.block_on(self.free.acquire()) {
            permit.forget();
        }
    }
}

impl Database {
    /// Opens files away from the threads of tokio's runtime, where there is one.
    async fn open_reader(self: &Arc<Self>) -> Result<Connected> {
        let database = Arc::clone(self);
        let open = move || database.connect(Role::Reader);
        let opened = match tokio::runtime::Handle::try_current() {
            Ok(handle) => handle.spawn_blocking(open).await.map_err(|error| {
                Error::new(SqlState::INTERNAL_ERROR, format!("a connection could not be opened: {error}"))
            })?,
            Err(_) => open(),
        };
        opened.map_err(|error| from_sqlite(&error))
    }
}

impl Reader {
    /// Opens a snapshot of now, in place of the one that is open. Errors: the database is stopped (57P03), the files.
    pub fn begin(&mut self) -> Result<()> {
        self.end();
        self.database.books.check().map_err(|error| from_shard(&error))?;
        let low = self.database.books.low();
        self.snapshot = Some(self.database.readers.snapshots.add(&self.database.frames));
        let done = self.database.altering.done();
        let current = self.database.catalog();
        let version = {
            let connection = self.connection();
            let begun = connection.prepare_cached("BEGIN").and_then(|mut begin| begin.execute([]));
            // SQLite's snapshot begins with the first read.
            let opened = begun.and_then(|_| open_snapshot(connection));
            let version = opened.and_then(|()| {
                if self.database.altering.is_still(done) {
                    Ok(current.version)
                } else {
                    read_version(connection)
                }
            });
            version.map_err(|error| from_sqlite(&error))
        };
        let version = version.inspect_err(|_| self.end())?;
        self.seen = self.database.books.seen(low, self.database.class());
        let current = if current.version == version { current } else { self.database.catalog() };
        if self.catalog.temporary_version() != 0 {
            self.catalog = Arc::clone(&current);
        }
        if self.catalog.version != version {
            self.catalog = if current.version == version {
                current
            } else {
                let read = read_catalog(self.connection(), self.database.name());
                Arc::new(read.inspect_err(|_| self.end())?)
            };
        }
        if let Some(Source::Own(_, temporary)) = &self.source {
            self.catalog = temporary.overlaid(&self.catalog);
        }
        Ok(())
    }

    /// Ends the snapshot, if one is open.
    pub fn end(&mut self) {
        let connection = self.connection();
        if !connection.is_autocommit() {
            let ended = connection.prepare_cached("ROLLBACK").and_then(|mut rollback| rollback.execute([]));
            if let Err(error) = ended {
                tracing::warn!(database = self.database.name(), %error, "a snapshot could not be ended");
            }
        }
        if let Some((number, _)) = self.snapshot.take() {
            self.database.readers.snapshots.remove(number);
        }
    }

    /// Says who is to be told if the snapshot has to end, or that nobody reads in it just now.
    pub(crate) fn set_stop(&self, stop: Option<Arc<dyn Stop>>) {
        if let Some((_, snapshot)) = &self.snapshot {
            snapshot.set_stop(stop);
        }
    }

    /// Errors: the snapshot has ended (72000).
    pub(crate) fn check(&self) -> Result<()> {
        self.snapshot.as_ref().map_or_else(|| Err(too_old()), |(_, snapshot)| snapshot.check())
    }

    /// Keeps the snapshot for a later statement. It may be ended meanwhile.
    pub(crate) fn park(self) -> Option<Parked> {
        let snapshot = Arc::clone(&self.snapshot.as_ref()?.1);
        Some(Parked::new(self, snapshot))
    }

    /// Whether it is the session's own, and has no place among the readers.
    pub const fn is_own(&self) -> bool {
        matches!(self.source, Some(Source::Own(..)))
    }

    /// The database.
    pub const fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// What the database contains in the snapshot.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog)
    }

    /// Which commits the snapshot may show; what it shows waits for [`Database::durable`].
    pub const fn seen(&self) -> Seen {
        self.seen
    }

    /// The connection.
    pub fn connection(&self) -> &Connection {
        self.source().connection()
    }

    /// The connection, for what rusqlite wants alone: a progress handler. To be left as it was found.
    pub fn connection_mut(&mut self) -> &mut Connection {
        match self.source.as_mut().expect("the connection goes back when the reader is dropped") {
            Source::Pooled(connected, _) => &mut connected.connection,
            Source::Own(space, _) => space.writing.connection_mut(),
        }
    }

    /// What its functions know.
    pub fn context(&self) -> &Context {
        self.source().context()
    }

    fn source(&self) -> &Source {
        self.source.as_ref().expect("the connection goes back when the reader is dropped")
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.end();
        let Some(source) = self.source.take() else { return };
        source.context().leave();
        let (connected, _permit) = match source {
            Source::Pooled(connected, permit) => (connected, permit),
            Source::Own(space, temporary) => return temporary.put(space),
        };
        // One whose snapshot does not end is of no use to anybody.
        if connected.connection.is_autocommit() {
            self.database.readers.idle.lock().push((Instant::now(), connected));
        }
    }
}
