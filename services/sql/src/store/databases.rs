//! Databases: what exists, and how it comes and goes. The catalog records them as datasets `default/sql/NAME` of one shard.
//!
//! # Invariants
//! - A database that is here is in the catalog and hosted; a change is durable before anybody sees it.
//! - One change at a time.
//! - Folders that no database of the catalog has are removed at a start.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bole_base::{Disk, Durability, LogId};
use bole_catalog::{Catalog, Dataset, NewDataset};
use bole_shard::participant::Participants;
use bole_shard::{Hosted, Runtime};
use bole_sql_types::{Error, Result, SqlState};
use parking_lot::RwLock;
use tokio::sync::{Mutex, Notify};

use super::connection::Register;
use super::database::Database;
use super::error::{from_catalog, from_shard, no_database};
use super::files::{Medium, remove_folder};
use super::temporary::Quota;
use super::{PREFIX, Shared};
use crate::spill::Spill;

/// The database of a fresh node.
pub const DEFAULT: &str = "bole";
/// The other one, to which PostgreSQL's tools connect in order to make and drop databases.
const MAINTENANCE: &str = "postgres";
/// The setting that says that a fresh node has got its databases.
const MADE: &str = "default/sql/made";
const ATTRIBUTE_DURABILITY: &str = "durability";

/// The databases whose tables have change feeds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fed {
    /// These.
    Only(BTreeSet<String>),
    /// All, those included that are made later.
    All,
    /// None.
    #[default]
    None,
}

impl Fed {
    /// Whether a database is one of them.
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::Only(names) => names.contains(name),
            Self::All => true,
            Self::None => false,
        }
    }
}

/// What databases are opened with.
pub struct Config {
    /// Where their folders are: `<data>/sql`.
    pub dir: PathBuf,
    /// The disk of the folders.
    pub disk: Arc<dyn Disk>,
    /// The SQLite VFS whose files are on that disk; `None`: the operating system's, with temporary files in the folder of `spill`.
    pub vfs: Option<String>,
    /// The class of databases that are made from now on.
    pub durability: Durability,
    /// What each connection is told of functions, collations and virtual tables.
    pub registers: Vec<Register>,
    /// Bytes of a `-wal` at which its database is checkpointed whatever the journal retains: [`crate::limits::WAL_BYTES_MAX`].
    pub wal_bytes_max: u64,
    /// Bytes of a `-wal` at which snapshots are ended that keep it from starting over: [`crate::limits::OVERLAY_BYTES_MAX`].
    pub overlay_bytes_max: u64,
    /// Bytes of temporary tables of one session.
    pub temporary_bytes_session: u64,
    /// Bytes of temporary tables of all sessions.
    pub temporary_bytes_node: u64,
    /// Where statements set aside what does not fit into memory.
    pub spill: Arc<Spill>,
    /// Databases whose tables have change feeds: their logs are kept for readers, up to the runtime's limit.
    pub fed: Fed,
}

/// All databases of a node.
pub struct Databases {
    catalog: Catalog,
    runtime: Arc<Runtime>,
    config: Config,
    shared: Arc<Shared>,
    known: RwLock<BTreeMap<String, Arc<Database>>>,
    /// Rises with each database that comes or goes.
    version: AtomicU64,
    changing: Mutex<()>,
}

impl Databases {
    /// The databases that the catalog knows, hosted and not yet recovered; on a fresh node it makes the first ones. The error is a sentence for the operator.
    pub async fn host(catalog: Catalog, runtime: Arc<Runtime>, mut config: Config) -> Result<Self, String> {
        if config.vfs.is_none() {
            let registered = super::vfs::register(&config.spill);
            config.vfs = Some(registered.map_err(|error| format!("temporary files: {error}"))?);
        }
        let shared = Arc::new(Shared {
            runtime: Arc::downgrade(&runtime),
            journal: Arc::clone(runtime.journal()),
            participants: OnceLock::new(),
            registers: config.registers.clone(),
            wal_bytes_max: config.wal_bytes_max,
            overlay_frames_max: config.overlay_bytes_max / super::checkpoint::FRAME_BYTES,
            quota: Arc::new(Quota::new(config.temporary_bytes_session, config.temporary_bytes_node)),
            fed: config.fed.clone(),
            large: Notify::new(),
        });
        let databases = Self {
            catalog,
            runtime,
            config,
            shared,
            known: RwLock::default(),
            version: AtomicU64::new(0),
            changing: Mutex::new(()),
        };
        databases.make_first().await.map_err(|error| error.to_string())?;
        let datasets = databases.datasets()?;
        for dataset in &datasets {
            let database = Arc::new(databases.open(dataset)?);
            let hosted = databases.runtime.host(Arc::clone(&database) as Arc<dyn Hosted>);
            hosted.map_err(|error| error.to_string())?;
            databases.keep(&database);
            databases.known.write().insert(database.name().to_owned(), database);
        }
        databases.sweep(&datasets)?;
        Ok(databases)
    }

    async fn make_first(&self) -> std::result::Result<(), bole_catalog::Error> {
        let name = format!("{PREFIX}{DEFAULT}");
        let (made, there) =
            self.catalog.read(|state| (state.setting(MADE).is_some(), state.dataset(&name).is_some()))?;
        if made {
            return Ok(());
        }
        if !there {
            self.catalog.create(&[self.new_dataset(DEFAULT), self.new_dataset(MAINTENANCE)]).await?;
        }
        self.catalog.set(MADE, DEFAULT).await
    }

    fn datasets(&self) -> Result<Vec<Dataset>, String> {
        let all = self.catalog.read(|state| {
            state.datasets().filter(|dataset| dataset.name.starts_with(PREFIX)).cloned().collect()
        });
        all.map_err(|error| error.to_string())
    }

    fn new_dataset(&self, name: &str) -> NewDataset {
        let durability = (ATTRIBUTE_DURABILITY.to_owned(), self.config.durability.to_string());
        NewDataset { name: format!("{PREFIX}{name}"), shards: 1, attributes: BTreeMap::from([durability]) }
    }

    fn folder(&self, log: LogId) -> PathBuf {
        self.config.dir.join(format!("{:016x}", log.0))
    }

    fn open(&self, dataset: &Dataset) -> Result<Database, String> {
        let name =
            dataset.name.strip_prefix(PREFIX).ok_or_else(|| format!("{} is no database", dataset.name))?;
        let log = dataset.logs().next().ok_or_else(|| format!("{} has no log", dataset.name))?;
        let class = match dataset.attributes.get(ATTRIBUTE_DURABILITY) {
            None => Durability::Sync,
            Some(text) => text.parse().map_err(|error| format!("{}: {error}", dataset.name))?,
        };
        if class == Durability::Memory {
            return Err(format!("{}: the durability of a database is sync or async", dataset.name));
        }
        let medium = Medium { disk: Arc::clone(&self.config.disk), vfs: self.config.vfs.clone() };
        Database::open(Arc::clone(&self.shared), medium, &self.folder(log), (name, log, class))
    }

    /// Removes what a crash left of databases that were dropped.
    fn sweep(&self, datasets: &[Dataset]) -> Result<(), String> {
        let named: BTreeSet<_> =
            datasets.iter().flat_map(Dataset::logs).map(|log| format!("{:016x}", log.0)).collect();
        let dir = &self.config.dir;
        let describe = |error: std::io::Error| format!("{}: {error}", dir.display());
        for name in self.config.disk.list(dir).map_err(describe)? {
            let is_folder = name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_folder && !named.contains(&name) {
                remove_folder(&*self.config.disk, &dir.join(&name)).map_err(describe)?;
            }
        }
        Ok(())
    }

    /// Who takes part in commits with effects on other services. Once, before anything is served.
    pub fn set_participants(&self, participants: Arc<Participants>) {
        let set = self.shared.participants.set(participants);
        assert!(set.is_ok(), "participants are known once");
    }

    /// A database by its name.
    pub fn get(&self, name: &str) -> Option<Arc<Database>> {
        self.known.read().get(name).cloned()
    }

    /// Where statements set aside what does not fit into memory.
    pub fn spill(&self) -> &Arc<Spill> {
        &self.config.spill
    }

    /// How many sessions have temporary tables, and the bytes that are reserved for these.
    pub fn temporary(&self) -> (usize, u64) {
        self.shared.quota.used()
    }

    /// Keeps the log of a database that has feeds. Before it is recovered, since recovery may trim.
    fn keep(&self, database: &Database) {
        if database.is_fed() {
            self.runtime.pins().keep(database.log());
        }
    }

    /// Rises with each database that comes or goes, by more than the version of the catalog of one that goes.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<Arc<Database>> {
        self.known.read().values().cloned().collect()
    }

    /// Makes a database, durably. Errors: 42P04, no space (53100), the files.
    pub async fn create(&self, name: &str) -> Result<()> {
        let _turn = self.changing.lock().await;
        let made = self.catalog.create(&[self.new_dataset(name)]).await;
        let made = made.map_err(|error| from_catalog(&error, name))?;
        match self.begin(&made[0]).await {
            Ok(database) => {
                self.known.write().insert(name.to_owned(), database);
                self.version.fetch_add(1, Ordering::AcqRel);
                Ok(())
            }
            Err(error) => {
                // Files that were made go at the next start.
                let undone = self.catalog.drop_dataset(&made[0].name).await;
                undone.map_err(|error| from_catalog(&error, name))?;
                Err(error)
            }
        }
    }

    /// Opens a database that was just made, and lets it take part.
    async fn begin(&self, made: &Dataset) -> Result<Arc<Database>> {
        let database = self.open(made).map_err(|reason| Error::new(SqlState::IO_ERROR, reason))?;
        let database = Arc::new(database);
        self.keep(&database);
        let shard = Arc::clone(&database) as Arc<dyn Hosted>;
        if let Err(error) = self.runtime.host_new(vec![shard]).await {
            database.close("it could not be made");
            if let Err(error) = self.runtime.drop_shard(database.log()) {
                tracing::warn!(%error, "a database that could not be made leaves a checkpoint behind");
            }
            return Err(from_shard(&error));
        }
        Ok(database)
    }

    /// Removes a database with all that is in it, durably. Whoever still uses it gets errors. Errors: 3D000.
    pub async fn drop(&self, name: &str) -> Result<()> {
        let _turn = self.changing.lock().await;
        let database = self.get(name).ok_or_else(|| no_database(name))?;
        let dropped = self.catalog.drop_dataset(&format!("{PREFIX}{name}")).await;
        dropped.map_err(|error| from_catalog(&error, name))?;
        self.known.write().remove(name);
        // What it added to the version of all feeds goes with it.
        self.version.fetch_add(database.catalog().version + 2, Ordering::AcqRel);
        database.close("the database was dropped");
        self.runtime.drop_shard(database.log()).map_err(|error| from_shard(&error))?;
        if let Err(error) = database.files.remove() {
            tracing::warn!(database = name, %error, "files of a dropped database stay until the next start");
        }
        Ok(())
    }

    /// Checkpoints one database now. Blocks on the disk. Errors as of `Runtime::checkpoint`.
    pub async fn checkpoint(&self, database: &Database) -> std::result::Result<(), bole_shard::Error> {
        self.runtime.checkpoint(&[database.log()]).await
    }

    /// Waits until the `-wal` of some database has become large; then [`Databases::checkpoint_large`] is due.
    pub async fn grown(&self) {
        self.shared.large.notified().await;
    }

    /// Checkpoints databases whose `-wal` has become large, and ends snapshots that have kept it from starting over for too long. Blocks on the disk. Errors as of `Runtime::checkpoint`.
    pub async fn checkpoint_large(&self) -> std::result::Result<(), bole_shard::Error> {
        let is_large = |database: &Arc<Database>| {
            database.end_old_snapshots();
            database.is_large() || database.is_over()
        };
        let large: Vec<_> =
            self.all().iter().filter(|database| is_large(database)).map(|database| database.log()).collect();
        self.runtime.checkpoint(&large).await
    }
}
