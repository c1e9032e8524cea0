//! A node of blobs with a door, and the default user.

use std::net::SocketAddr;
use std::sync::Arc;

use bole_base::{Clock, Disk, Durability, LogId, RealDisk, SystemClock};
use bole_blobs::chunks::Home;
use bole_blobs::chunks::memory::Memory;
use bole_blobs::door::Door;
use bole_blobs::seal::ServerKeys;
use bole_blobs::state::{self, Blobs};
use bole_blobs::{Config, Parts, Service};
use bole_catalog::Catalog;
use bole_identity::Identity;
use bole_log::{Journal, MemoryJournal};
use bole_net::Metrics;
use bole_net::limits::ConnectionLimit;
use bole_net::listener::{self, Connection, Listener};
use bole_net::shutdown::Stopper;
use bole_shard::{Runtime, runtime};
use bole_testing::process::{TempDir, temp_dir};

pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) chunks: Memory,
    pub(crate) identity: Arc<Identity>,
    _stopper: Stopper,
    _dir: TempDir,
}

impl Node {
    pub(crate) async fn start() -> Self {
        Self::start_on(Arc::new(MemoryJournal::new())).await
    }

    pub(crate) async fn start_on(journal: Arc<MemoryJournal>) -> Self {
        let dir = temp_dir("blobs-door").unwrap();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let journal = journal as Arc<dyn Journal>;
        let root = dir.path().join("checkpoints");
        let settings = runtime::Config::default();
        let runtime = Arc::new(Runtime::new(journal, Arc::clone(&disk), Arc::clone(&clock), root, settings));
        let catalog = Catalog::host(Arc::clone(&runtime)).unwrap();
        let (key, data) = (dir.path().join("keys/identity.key"), dir.path().join("data"));
        let identity = Arc::new(Identity::host(Arc::clone(&runtime), &key, &data).unwrap());
        runtime.recover(&[LogId::CATALOG, LogId::IDENTITY]).await.unwrap();
        identity.settle().await.unwrap();
        let config = state::Config { store: bole_ordered::Config::small(), ..state::Config::default() };
        let shard = state::host(&runtime, &catalog, disk, &dir.path().join("rows"), config).await.unwrap();
        runtime.recover(&[shard.id()]).await.unwrap();
        let chunks = Memory::default();
        let home = Arc::new(chunks.clone()) as Arc<dyn Home>;
        let blobs = Blobs::new(runtime, shard, home, Durability::Sync);
        let users = Arc::clone(&identity);
        let keys = ServerKeys::new(identity.derived_keys("blobs data keys 1"));
        let parts = Parts { blobs, config: Config::default(), users, keys, clock };
        let door = Door::new(&Service::open(parts, []));
        let listener = Listener::bind("blobs", "blobs.listen", "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local();
        let limit = || ConnectionLimit::new(100);
        let (stopper, token) = Stopper::new();
        let handler = move |connection: Connection| door.clone().serve(connection);
        let metrics = Metrics::new();
        let config = listener::Config::new(limit(), limit());
        tokio::spawn(listener.serve(config, metrics.service("blobs"), token, handler));
        Self { address, chunks, identity, _stopper: stopper, _dir: dir }
    }
}
