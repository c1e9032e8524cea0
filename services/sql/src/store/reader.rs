//! Connections that read, and the snapshots that they hold.

use std::sync::Arc;

use bole_sql_dialect::Catalog;
use bole_sql_functions::Context;
use bole_sql_types::{Error, Result, SqlState};
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::books::Seen;
use super::connection::Role;
use super::database::{Database, read_catalog, read_version};
use super::error::{from_shard, from_sqlite};
use crate::limits::{READERS_IDLE_MAX, READERS_MAX};

/// A connection with what its functions know.
pub(crate) struct Connected {
    pub(crate) connection: Connection,
    pub(crate) context: Context,
}

/// The reading connections of a database.
pub(crate) struct Readers {
    free: Arc<Semaphore>,
    idle: Mutex<Vec<Connected>>,
}

impl Readers {
    pub(crate) fn new() -> Self {
        Self { free: Arc::new(Semaphore::new(READERS_MAX)), idle: Mutex::default() }
    }

    /// How many are open, used or not.
    pub(crate) fn count(&self) -> usize {
        READERS_MAX - self.free.available_permits() + self.idle.lock().len()
    }

    /// Closes those that nobody uses.
    pub(crate) fn clear(&self) {
        self.idle.lock().clear();
    }
}

/// A connection that reads. Dropping it ends its snapshot and gives it back.
pub struct Reader {
    database: Arc<Database>,
    /// Here until the reader is dropped.
    connected: Option<Connected>,
    catalog: Arc<Catalog>,
    seen: Seen,
    _permit: OwnedSemaphorePermit,
}

impl Database {
    /// A connection that reads, without a snapshot yet. Waits while [`READERS_MAX`] are in use. May be dropped at any await. Errors: the
    /// database is stopped (57P03), the files.
    pub async fn reader(self: &Arc<Self>) -> Result<Reader> {
        let free = Arc::clone(&self.readers.free).acquire_owned().await;
        let permit =
            free.map_err(|_| Error::new(SqlState::ADMIN_SHUTDOWN, "the database is being closed"))?;
        let idle = self.readers.idle.lock().pop();
        let connected = match idle {
            Some(connected) => connected,
            None => self.open_reader().await?,
        };
        let low = self.books.low();
        Ok(Reader {
            database: Arc::clone(self),
            connected: Some(connected),
            catalog: self.catalog(),
            seen: self.books.seen(low, self.class()),
            _permit: permit,
        })
    }
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
        let version = {
            let connection = self.connection();
            let begun = connection.prepare_cached("BEGIN").and_then(|mut begin| begin.execute([]));
            // SQLite's snapshot begins with the first read.
            begun.and_then(|_| read_version(connection)).map_err(|error| from_sqlite(&error))
        };
        let version = version.inspect_err(|_| self.end())?;
        self.seen = self.database.books.seen(low, self.database.class());
        if self.catalog.version != version {
            let current = self.database.catalog();
            self.catalog = if current.version == version {
                current
            } else {
                let read = read_catalog(self.connection(), self.database.name());
                Arc::new(read.inspect_err(|_| self.end())?)
            };
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
        &self.connected().connection
    }

    /// The connection, for what rusqlite wants alone: a progress handler. To be left as it was found.
    pub fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connected.as_mut().expect("the connection goes back when the reader is dropped").connection
    }

    /// What its functions know.
    pub fn context(&self) -> &Context {
        &self.connected().context
    }

    fn connected(&self) -> &Connected {
        self.connected.as_ref().expect("the connection goes back when the reader is dropped")
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.end();
        let Some(connected) = self.connected.take() else { return };
        connected.context.leave();
        let mut idle = self.database.readers.idle.lock();
        // One whose snapshot does not end is of no use to anybody.
        if idle.len() < READERS_IDLE_MAX && connected.connection.is_autocommit() {
            idle.push(connected);
        }
    }
}
