//! A table that changes its shape under load, sessions with temporary tables, and databases that come and go, as a system of the crash harness.
//!
//! After each crash all that is there is compared with the model, each table with its feed from the first change on, and nothing temporary may be left. While clients
//! work, each snapshot of the table is compared with what was committed before it.

pub mod model;

mod fold;
mod table;
mod work;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use bole_base::{Disk, Durability, Position};
use bole_log::LocalJournal;
use bole_shard::Runtime;
use bole_shard::changes::Feeds;
use bole_sql::store::{Config, DEFAULT, Database, Databases, Fed, Temporary};
use bole_testing::Rng;
use bole_testing::harness::{Call, Dangers, Env, Observed, OpenError, Options, Outcome, System};
use bole_testing::scheduler::Handle;

use self::model::{Op, Row, Table, World};
use super::Flaw;
use super::system::{Ground, config_of, ended, recover};
use super::vfs::Vfs;
use crate::wrap::NotingJournal;

/// What databases that come and go are named, before their number.
const PREFIX: &str = "other";

/// Open databases.
pub struct Simulated<const FLAW: u8> {
    runtime: Arc<Runtime>,
    database: Arc<Database>,
    databases: Arc<Databases>,
    feeds: Feeds,
    journal: Arc<NotingJournal>,
    local: Arc<LocalJournal>,
    scheduler: Handle,
    /// Where the recovered journal ended.
    recovered: u64,
    /// The table as it is committed; set by `observe`.
    live: RefCell<World>,
    /// Where the last commit that changed it ends in the journal.
    last: RefCell<Position>,
    /// Sessions that nobody uses just now, with what their temporary tables hold.
    sessions: RefCell<Vec<(Arc<Temporary>, Vec<i64>)>>,
    /// Held by who makes or drops a database.
    changing: tokio::sync::Mutex<()>,
    /// Last: it goes when nothing uses it any more.
    _vfs: Vfs,
}

/// The size of a seed's run. A database that cannot be made for want of space is taken back, which the model does not know; full disks and errors of the disk are the
/// other system's.
pub fn options() -> Options {
    let dangers = Dangers { full_disk: false, write_errors: false, sync_errors: false, ..Dangers::default() };
    Options { dangers, ..super::options() }
}

/// Batches that hold the description of a table several times, and room for all that a seed's run logs.
fn journal_config() -> bole_wal::Config {
    bole_wal::Config {
        segment_bytes: 128 << 10,
        batch_bytes_max: 24 << 10,
        bytes_max: crate::system::FED_BYTES_MAX,
        queue_bytes_max: 256 << 10,
        ..bole_wal::Config::small()
    }
}

/// A rule that was broken, as a sentence.
fn text(error: &impl std::fmt::Display) -> String {
    error.to_string()
}

impl<const FLAW: u8> Simulated<FLAW> {
    /// What a database shows, once its feed says the same.
    async fn table_of(&self, database: &Arc<Database>) -> Result<Option<Table>, String> {
        let mut reader = database.reader().await.map_err(|error| text(&error))?;
        reader.begin().map_err(|error| text(&error))?;
        let (connection, catalog) = (reader.connection(), reader.catalog());
        let whole: String = connection
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .map_err(|error| text(&error))?;
        if whole != "ok" {
            return Err(format!("SQLite finds damage in {}: {whole}", database.name()));
        }
        if catalog.has_temporary() || table::find(&catalog, "own").is_some() {
            return Err(format!("a temporary table is left in {}", database.name()));
        }
        if table::find(&catalog, "t").is_none() {
            return Ok(None);
        }
        let table = table::read(connection, &catalog)?;
        let feed = self.databases.feed(database.name(), None, "t").ok_or("the table has no feed")?;
        fold::compare(&self.feeds, &feed.dataset(), &table)?;
        Ok(Some(table))
    }

    async fn look_at_all(&self) -> Result<World, String> {
        if self.databases.temporary() != (0, 0) {
            return Err("a temporary table has room".to_owned());
        }
        let mut world = World::default();
        for database in self.databases.all() {
            let table = self.table_of(&database).await?;
            if let Some(number) = database.name().strip_prefix(PREFIX) {
                let number = number.parse().map_err(|_| format!("who made {:?}?", database.name()))?;
                world.databases.insert(number, table.map_or_else(BTreeMap::new, |table| values(&table.rows)));
            } else if database.name() == DEFAULT {
                world.table = table.ok_or("the table is lost")?;
            }
        }
        Ok(world)
    }
}

/// The `v` of rows.
fn values(rows: &BTreeMap<i64, Row>) -> BTreeMap<i64, i64> {
    rows.iter().filter_map(|(id, row)| Some((*id, (*row.get(&0)?)?))).collect()
}

impl<const FLAW: u8> System for Simulated<FLAW> {
    type Model = World;
    const NAME: &'static str = "sql that shifts";

    fn operation(rng: &mut Rng, _client: usize) -> Op {
        Op::draw(rng)
    }

    async fn open(env: Env) -> Result<Rc<Self>, OpenError> {
        let disk: Arc<dyn Disk> = env.disk.clone();
        let noting = if FLAW == Flaw::FEED_LOSES { NotingJournal::losing } else { NotingJournal::new };
        let Ground { runtime, catalog, journal, local, recovered } =
            Ground::open(&env, journal_config(), noting).await?;
        let vfs = Vfs::register(Arc::clone(&disk));
        let config =
            Config { registers: bole_sql::registers(), fed: Fed::All, ..config_of(disk, vfs.name()) };
        let databases = Databases::host(catalog, Arc::clone(&runtime), config).await;
        let databases = Arc::new(databases.map_err(OpenError::Failed)?);
        recover(&runtime).await?;
        let database =
            databases.get(DEFAULT).ok_or_else(|| OpenError::Failed("the database is lost".to_owned()))?;
        let feeds = Feeds::new(Arc::clone(runtime.journal()), runtime.pins().clone());
        feeds.add_directory(Arc::clone(&databases) as Arc<_>);
        let system = Rc::new(Self {
            runtime,
            database,
            databases,
            feeds,
            journal,
            local,
            scheduler: env.scheduler.clone(),
            recovered,
            live: RefCell::default(),
            last: RefCell::default(),
            sessions: RefCell::default(),
            changing: tokio::sync::Mutex::default(),
            _vfs: vfs,
        });
        system.set_up().await.map_err(|error| match ended::<()>(error) {
            Outcome::Refused(text) | Outcome::Unknown(text) => OpenError::Failed(text),
            Outcome::Done(_) => OpenError::Failed("it is done and failed".to_owned()),
        })?;
        crate::system::spawn_checkpoints(&env.scheduler, &system.runtime, env.seed);
        Ok(system)
    }

    fn durability(_op: &Op) -> Durability {
        Durability::Sync
    }

    async fn run(self: Rc<Self>, op: Op, call: Call<World>) -> Outcome<()> {
        self.perform(&op, &call).await.map_or_else(ended, |()| Outcome::Done(Some(())))
    }

    async fn observe(self: Rc<Self>) -> Result<Observed<World>, String> {
        let seen = self.look_at_all().await?;
        *self.live.borrow_mut() = seen.clone();
        *self.last.borrow_mut() = Position(self.recovered);
        Ok(Observed { state: seen, reached: Some(self.recovered) })
    }

    async fn close(self: Rc<Self>) -> Result<(), String> {
        self.sessions.borrow_mut().clear();
        self.runtime.checkpoint_all().await.map_err(|error| text(&error))?;
        self.local.close().map_err(|error| text(&error))
    }
}
