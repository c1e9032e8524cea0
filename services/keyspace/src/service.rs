//! The service: its databases, its clients, and what runs in the background.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bole_base::{Clock, Position};
use bole_shard::{Runtime, Transaction};
use parking_lot::RwLock;

use crate::client::{Clients, OutputLimit};
use crate::commands::registry;
use crate::config::Config;
use crate::context::{Grants, SessionState};
use crate::dataset::Databases;
use crate::expiry;
use crate::limits::{EVICTION_SAMPLES, EXPIRY_INTERVAL_MS};
use crate::memory::{Memory, Policy};
use crate::metrics::Metrics;
use crate::pubsub::PubSub;
use crate::state::Limits;

/// A future behind a pointer.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who a client is and what it may do: what the service needs of identity.
pub trait Authenticator: Send + Sync {
    /// What a connection may do without a password; `None`: it must authenticate.
    fn anonymous(&self) -> Option<Grants>;
    /// Checks a password. `None`: wrong, or no such user.
    fn verify<'a>(&'a self, user: &'a str, password: &'a str) -> BoxFuture<'a, Option<Grants>>;
    /// Looks a user's grants up again. `None`: the user is gone.
    fn grants(&self, user: &str) -> Option<Grants>;
    /// Rises whenever grants may have changed.
    fn version(&self) -> u64;
}

/// What the keyspace asks of the node around it.
pub trait Node: Send + Sync {
    /// Records that two databases have exchanged their datasets; never waits. Durable in class `sync` at the position returned.
    fn swap(&self, first: usize, second: usize) -> Result<Position, String>;
    /// Begins a clean stop of the node.
    fn stop(&self);
}

/// The key-value service.
pub struct Service {
    /// The keys.
    pub databases: Databases,
    /// The shards' runtime: journal, clock, checkpoints.
    pub runtime: Arc<Runtime>,
    /// Settings as they were at the start.
    pub config: Config,
    /// Settings that CONFIG SET changes.
    pub settings: RwLock<Settings>,
    /// Who is connected.
    pub clients: Clients,
    /// Channels.
    pub pubsub: PubSub,
    /// How much memory the keys take and may take.
    pub memory: Arc<Memory>,
    /// Counters.
    pub metrics: Metrics,
    /// Identity.
    pub authenticator: Arc<dyn Authenticator>,
    /// The node.
    pub node: Arc<dyn Node>,
    /// The port that clients use, for INFO.
    pub port: u16,
    /// When the service started, in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// 40 hexadecimal digits that name this run.
    pub run_id: String,
    /// When the last checkpoint of all shards ended, in seconds since the Unix epoch.
    pub last_save: AtomicU64,
    /// Whether keys are removed when their time has come, though nobody asks for them: `DEBUG SET-ACTIVE-EXPIRE`.
    pub active_expiry: AtomicBool,
    /// Whether a checkpoint that a client asked for is running.
    pub saving: AtomicBool,
    draining: AtomicBool,
    next_client: AtomicU64,
    random: AtomicU64,
}

/// Settings that CONFIG SET changes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Up to where collections stay packed.
    pub limits: Limits,
    /// How much may wait for a subscriber.
    pub pubsub_output: OutputLimit,
    /// The most memory that the keys may take, in bytes; 0: no bound.
    pub memory_bytes_max: usize,
    /// Which keys go when they take more.
    pub eviction: Policy,
    /// Keys that are looked at for each one that goes.
    pub eviction_samples: usize,
    /// Seconds after which an idle connection is closed; 0: never.
    pub idle_seconds: u64,
    /// The most connections.
    pub connections_max: usize,
}

/// What is needed to open the service.
pub struct Parts {
    /// See [`Service`].
    pub databases: Databases,
    /// See [`Service`].
    pub runtime: Arc<Runtime>,
    /// See [`Service`].
    pub config: Config,
    /// See [`Service`].
    pub authenticator: Arc<dyn Authenticator>,
    /// See [`Service`].
    pub node: Arc<dyn Node>,
    /// See [`Service`].
    pub port: u16,
    /// Seeds random choices.
    pub seed: u64,
}

impl Service {
    /// A service over recovered databases.
    pub fn open(parts: Parts) -> Arc<Self> {
        let Parts { databases, runtime, config, authenticator, node, port, seed } = parts;
        let settings = Settings {
            limits: Limits::default(),
            pubsub_output: OutputLimit {
                hard_bytes: config.pubsub_hard_bytes,
                soft_bytes: config.pubsub_soft_bytes,
                soft_ms: config.pubsub_soft_seconds * 1_000,
            },
            memory_bytes_max: config.memory_bytes_max as usize,
            eviction: Policy::NoEviction,
            eviction_samples: EVICTION_SAMPLES,
            idle_seconds: config.idle_seconds,
            connections_max: config.connections_max,
        };
        let started_ms = runtime.clock().now().0;
        let memory = Memory::new(databases.partition_count(), config.memory_bytes_max, settings.eviction);
        let memory = Arc::new(memory);
        for number in 0..databases.partition_count() {
            // A quarantined shard is not written to.
            if let Ok(mut locked) = databases.partition(number).1.lock() {
                locked.state_mut().account(&memory, number);
            }
        }
        Arc::new(Self {
            databases,
            runtime,
            config,
            settings: RwLock::new(settings),
            clients: Clients::default(),
            pubsub: PubSub::default(),
            memory,
            metrics: Metrics::new(registry().len()),
            authenticator,
            node,
            port,
            started_ms,
            run_id: format!("{seed:016x}{started_ms:016x}{:08x}", std::process::id()),
            last_save: AtomicU64::new(started_ms / 1_000),
            active_expiry: AtomicBool::new(true),
            saving: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            next_client: AtomicU64::new(1),
            random: AtomicU64::new(seed),
        })
    }

    /// A transaction on the service's journal.
    pub fn transaction(&self) -> Transaction {
        self.runtime.transaction()
    }

    /// Milliseconds since the Unix epoch.
    pub fn now(&self) -> u64 {
        self.runtime.clock().now().0
    }

    /// The node's clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.runtime.clock()
    }

    /// The next client's id.
    pub fn next_client_id(&self) -> u64 {
        self.next_client.fetch_add(1, Ordering::Relaxed)
    }

    /// A seed for one command's choices.
    pub fn next_random(&self) -> u64 {
        self.random.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed)
    }

    /// What a connection may do, looked up again when policies have changed; `None`: it must authenticate.
    pub fn grants(&self, state: &mut SessionState) -> Option<Grants> {
        let version = self.authenticator.version();
        if state.policy_version != version {
            state.policy_version = version;
            let user = state.client.details.lock().user.clone();
            state.grants = if user.is_empty() {
                self.authenticator.anonymous()
            } else {
                self.authenticator.grants(&user)
            };
        }
        state.grants
    }

    /// How much may wait for a subscriber.
    pub fn pubsub_output(&self) -> OutputLimit {
        self.settings.read().pubsub_output
    }

    /// Asks every connection to finish what it has begun and to close.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.clients.all().iter().for_each(|client| client.wake());
    }

    /// Whether connections shall finish.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Removes keys whose time has come, for ever: run it as a task.
    pub async fn run_expiry(self: Arc<Self>) {
        let mut transaction = self.transaction();
        loop {
            tokio::time::sleep(Duration::from_millis(EXPIRY_INTERVAL_MS)).await;
            if self.active_expiry.load(Ordering::Relaxed) {
                expiry::round(&self, &mut transaction).await;
            }
        }
    }

    /// Writes a checkpoint of all databases. Blocks on disk. The error is a sentence for the client.
    pub async fn save(&self) -> Result<(), String> {
        if self.saving.swap(true, Ordering::AcqRel) {
            return Err("ERR Background save already in progress".to_owned());
        }
        let logs: Vec<_> = self.databases.datasets().iter().flat_map(crate::dataset::Dataset::logs).collect();
        let outcome = self.runtime.checkpoint(&logs).await;
        self.saving.store(false, Ordering::Release);
        match outcome {
            Ok(()) => {
                self.last_save.store(self.now() / 1_000, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => Err(crate::failure::kernel_text(&error)),
        }
    }
}
