//! A node with nothing but SQL, on a journal in memory, behind a door on loopback.

use std::net::SocketAddr;
use std::sync::Arc;

use bole_base::disk::RealDisk;
use bole_base::{Durability, LogId, SystemClock};
use bole_catalog::Catalog;
use bole_identity::Identity;
use bole_log::MemoryJournal;
use bole_net::limits::ConnectionLimit;
use bole_net::listener::{self, Listener};
use bole_net::metrics::Metrics;
use bole_net::shutdown::Stopper;
use bole_shard::Runtime;
use bole_shard::changes::Feeds;
use bole_sql::config::Config;
use bole_sql::connection;
use bole_sql::service::{Parts, Service};
use bole_sql::spill::{self, Spill};
use bole_sql::store::{self, Databases, Fed};
use tempfile::TempDir;

use crate::client::Client;

/// See the module.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) service: Arc<Service>,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) journal: Arc<MemoryJournal>,
    /// Of all tables.
    pub(crate) feeds: Feeds,
    _stopper: Stopper,
    _dir: TempDir,
}

/// What is bounded by bytes.
pub(crate) struct Bounds {
    pub(crate) wal_bytes: u64,
    pub(crate) overlay_bytes: u64,
    pub(crate) temporary_bytes: u64,
    pub(crate) cursor_bytes: usize,
    pub(crate) spill_bytes: u64,
    pub(crate) keep_free: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            wal_bytes: bole_sql::limits::WAL_BYTES_MAX,
            overlay_bytes: bole_sql::limits::OVERLAY_BYTES_MAX,
            temporary_bytes: bole_sql::limits::TEMPORARY_BYTES_SESSION,
            cursor_bytes: bole_sql::limits::CURSOR_BYTES_SESSION,
            spill_bytes: bole_sql::limits::SPILL_BYTES_NODE,
            keep_free: 0,
        }
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        Self::with_room(config, bole_sql::limits::TEMPORARY_BYTES_SESSION).await
    }

    /// With so many bytes for temporary tables.
    pub(crate) async fn with_room(config: Config, temporary_bytes: u64) -> Self {
        Self::with_bounds(config, Bounds { temporary_bytes, ..Bounds::default() }).await
    }

    pub(crate) async fn with_bounds(config: Config, bounds: Bounds) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let journal = Arc::new(MemoryJournal::new());
        let disk = Arc::new(RealDisk);
        let (data, runtime_config) = (dir.path().join("data"), bole_shard::runtime::Config::default());
        std::fs::create_dir(&data).unwrap();
        let clock = Arc::new(SystemClock::new());
        let runtime = Runtime::new(
            Arc::clone(&journal) as _,
            Arc::clone(&disk) as _,
            clock,
            data.join("checkpoints"),
            runtime_config,
        );
        let runtime = Arc::new(runtime);
        let catalog = Catalog::host(Arc::clone(&runtime)).unwrap();
        let identity = Identity::host(Arc::clone(&runtime), &dir.path().join("key"), &data).unwrap();
        runtime.recover(&[LogId::CATALOG, LogId::IDENTITY]).await.unwrap();
        identity.settle().await.unwrap();
        let store = store::Config {
            dir: data.join("sql"),
            disk,
            vfs: None,
            durability: Durability::Sync,
            registers: bole_sql::registers(),
            wal_bytes_max: bounds.wal_bytes,
            overlay_bytes_max: bounds.overlay_bytes,
            temporary_bytes_session: bounds.temporary_bytes,
            temporary_bytes_node: bounds.temporary_bytes + bounds.temporary_bytes / 8,
            spill: Spill::new(spill::Config {
                dir: data.join("sql").join("tmp"),
                disk: Arc::new(RealDisk),
                bytes_max: bounds.spill_bytes,
                keep_free: bounds.keep_free,
                memory_session_max: bounds.cursor_bytes,
                memory_node_max: bounds.cursor_bytes,
            }),
            fed: Fed::All,
        };
        let databases = Databases::host(catalog, Arc::clone(&runtime), store).await.unwrap();
        runtime.recover(&[]).await.unwrap();
        let (databases, identity) = (Arc::new(databases), Arc::new(identity));
        let service = Service::open(Parts { databases, identity, config, tls: None });
        let (stopper, token) = Stopper::new();
        let address = open(&service, token).await;
        let feeds = Feeds::new(Arc::clone(runtime.journal()), runtime.pins().clone());
        feeds.add_directory(Arc::clone(&service.databases) as Arc<_>);
        Self { address, service, runtime, journal, feeds, _stopper: stopper, _dir: dir }
    }

    /// A client that is logged in.
    pub(crate) async fn client(&self) -> Client {
        let mut client = Client::connect(self.address).await;
        client.login("bole", "bolebole", &[("database", "bole")]).await.unwrap();
        client
    }
}

async fn open(service: &Arc<Service>, token: bole_net::shutdown::Shutdown) -> SocketAddr {
    let listener = Listener::bind("sql", "sql.listen", "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local();
    let limits = || ConnectionLimit::new(1_000);
    let metrics = Metrics::new().service("sql");
    let service = Arc::clone(service);
    let handler = move |connection| connection::serve(Arc::clone(&service), connection);
    tokio::spawn(listener.serve(listener::Config::new(limits(), limits()), metrics, token, handler));
    address
}
