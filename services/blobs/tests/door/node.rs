//! A node of blobs with a door, and the default user.

use std::net::SocketAddr;
use std::sync::Arc;

use bole_base::{Clock, Disk, Durability, LogId, RealDisk, SystemClock};
use bole_blobs::chunks::Home;
use bole_blobs::chunks::homes::Homes;
use bole_blobs::chunks::memory::Memory;
use bole_blobs::door::Door;
use bole_blobs::events::Streams;
use bole_blobs::seal::ServerKeys;
use bole_blobs::state::{self, Around, Blobs};
use bole_blobs::{Config, Parts, Service};
use bole_catalog::Catalog;
use bole_identity::Identity;
use bole_log::{Journal, MemoryJournal};
use bole_net::Metrics;
use bole_net::limits::ConnectionLimit;
use bole_net::listener::{self, Connection, Listener};
use bole_net::shutdown::Stopper;
use bole_shard::participant::Participant;
use bole_shard::participant::suite::FakeTopics;
use bole_shard::{Runtime, runtime};
use bole_testing::process::{TempDir, temp_dir};

pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) chunks: Memory,
    pub(crate) identity: Arc<Identity>,
    pub(crate) service: Arc<Service>,
    pub(crate) metrics: Metrics,
    /// The topic `photos`; whoever is not called `bole` may not write to it.
    pub(crate) topics: Arc<FakeTopics>,
    _stopper: Stopper,
    _dir: TempDir,
}

impl Node {
    pub(crate) async fn start() -> Self {
        Self::open(Config::default(), Arc::new(MemoryJournal::new())).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        Self::open(config, Arc::new(MemoryJournal::new())).await
    }

    pub(crate) async fn start_on(journal: Arc<MemoryJournal>) -> Self {
        Self::open(Config::default(), journal).await
    }

    async fn open(blobs_config: Config, journal: Arc<MemoryJournal>) -> Self {
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
        let topics = [("photos", LogId(1 << 40))];
        let topics = Arc::new(FakeTopics::host(&runtime, &topics, Durability::Sync).unwrap());
        runtime.recover(&[]).await.unwrap();
        let chunks = Memory::default();
        let home = Arc::new(chunks.clone()) as Arc<dyn Home>;
        let participant = Arc::clone(&topics) as Arc<dyn Participant>;
        let streams = Some(Streams { participant, may_write: Box::new(|user, _| user == "bole") });
        let around = Around { streams, ..Around::default() };
        let blobs = Blobs::with_homes(runtime, shard, Homes::local(home), Durability::Sync, around);
        let users = Arc::clone(&identity);
        let keys = ServerKeys::new(identity.derived_keys("blobs data keys 1"));
        let parts = Parts { blobs, config: blobs_config, users, keys, clock };
        let service = Service::open(parts, []);
        let metrics = Metrics::new();
        let for_service = metrics.service("blobs");
        let door = Door::new(&service).measured(&for_service);
        let listener = Listener::bind("blobs", "blobs.listen", "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local();
        let limit = || ConnectionLimit::new(100);
        let (stopper, token) = Stopper::new();
        let handler = move |connection: Connection| door.clone().serve(connection);
        let config = listener::Config::new(limit(), limit());
        tokio::spawn(listener.serve(config, for_service, token, handler));
        Self { address, chunks, identity, service, metrics, topics, _stopper: stopper, _dir: dir }
    }
}
