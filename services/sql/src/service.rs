//! The service: its databases, its sessions, and what they share.

mod sessions;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use bole_base::Kind;
use bole_identity::Identity;
use bole_net::tls::Tls;
use bole_shard::participant::Request;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::config::Config;
use crate::limits::READER_IDLE_MAX;
use crate::metrics::Metrics;
use crate::pool::Pool;
use crate::session::advisory::Locks;
use crate::session::notify::Hub;
use crate::store::{Database, Databases};
pub use sessions::Sessions;

/// The name of this service in policies.
pub const SERVICE: &str = "sql";

/// Whether a user may have a service do a request in a transaction: user, service, request.
pub type EffectsPolicy = Box<dyn Fn(&str, &str, &Request) -> bool + Send + Sync>;

/// What is needed to open the service.
pub struct Parts {
    /// Recovered.
    pub databases: Arc<Databases>,
    /// See [`Service`].
    pub identity: Arc<Identity>,
    /// See [`Service`].
    pub config: Config,
    /// See [`Service`].
    pub tls: Option<Tls>,
}

/// The SQL service.
pub struct Service {
    /// What there is.
    pub databases: Arc<Databases>,
    /// Users, their passwords and what they may do.
    pub identity: Arc<Identity>,
    /// Settings as they were at the start.
    pub config: Config,
    /// For clients that ask for it in clear first.
    pub tls: Option<Tls>,
    /// Counters.
    pub metrics: Metrics,
    /// Threads that execute statements.
    pub pool: Pool,
    /// The clients that are there.
    pub sessions: Sessions,
    pub(crate) handle: Handle,
    pub(crate) hub: Hub,
    pub(crate) advisory: Locks,
    effects: OnceLock<EffectsPolicy>,
    draining: AtomicBool,
    drain: Notify,
    /// Why the node must stop, once it must.
    failed: Mutex<Option<String>>,
    failing: Notify,
}

impl Service {
    /// A service over recovered databases. Inside a runtime.
    pub fn open(parts: Parts) -> Arc<Self> {
        let Parts { databases, identity, config, tls } = parts;
        Arc::new(Self {
            databases,
            identity,
            tls,
            metrics: Metrics::default(),
            pool: Pool::new(config.threads_max),
            sessions: Sessions::default(),
            handle: Handle::current(),
            hub: Hub::default(),
            advisory: Locks::default(),
            effects: OnceLock::new(),
            config,
            draining: AtomicBool::new(false),
            drain: Notify::new(),
            failed: Mutex::default(),
            failing: Notify::new(),
        })
    }

    /// Whether a user may do `action` on a database: `connect`, `read`, `write`, `schema`, `create`, `drop`.
    pub fn allowed(&self, user: &str, action: &str, database: &str) -> bool {
        self.identity.allowed(user, SERVICE, action, &format!("{}{database}", crate::store::PREFIX))
    }

    /// Says how the other services judge requests of users; once. Without it, who may write all of a service may.
    pub fn set_effects_policy(&self, policy: EffectsPolicy) {
        let _first = self.effects.set(policy);
    }

    /// Whether a user may have another service do this.
    pub(crate) fn may_affect(&self, user: &str, service: &str, request: &Request) -> bool {
        match self.effects.get() {
            Some(policy) => policy(user, service, request),
            None => self.identity.allowed(user, service, "write", &format!("default/{service}/*")),
        }
    }

    /// Checkpoints databases whose overlay has grown, and closes connections of SQLite's that nobody uses any more: run it as a task. It returns why
    /// the node must stop, when a checkpoint failed for good (promise P4).
    pub async fn look_after(self: Arc<Self>) -> String {
        // It goes on whatever else there is to do.
        let mut sweeps = tokio::time::interval(READER_IDLE_MAX);
        loop {
            tokio::select! {
                () = self.databases.grown() => {}
                () = self.failing.notified() => {
                    return self.failed.lock().take().unwrap_or_default();
                }
                _ = sweeps.tick() => {
                    self.close_old_readers().await;
                    continue;
                }
            }
            let service = Arc::clone(&self);
            let work = move || service.handle.block_on(service.databases.checkpoint_large());
            match self.pool.run(work).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) if is_final(&error) => return format!("a checkpoint failed: {error}"),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "a database that has grown could not be checkpointed");
                }
                Err(_lost) => return "the checkpoint of a database that has grown panicked".to_owned(),
            }
        }
    }

    /// A burst of clients must not take memory for ever.
    async fn close_old_readers(&self) {
        let old =
            self.databases.all().into_iter().filter(|database| database.has_old_readers(READER_IDLE_MAX));
        let old: Vec<_> = old.collect();
        if !old.is_empty() {
            let close = move || old.iter().for_each(|database| database.close_old_readers(READER_IDLE_MAX));
            let _lost = self.pool.run(close).await;
        }
    }

    /// Checkpoints a database at a client's wish. Blocks. Errors: as clients are told; one that is final also ends the node.
    pub(crate) fn checkpoint(&self, database: &Database) -> bole_sql_types::Result<()> {
        self.handle.block_on(self.databases.checkpoint(database)).map_err(|error| {
            if is_final(&error) {
                *self.failed.lock() = Some(format!("a checkpoint failed: {error}"));
                self.failing.notify_one();
            }
            crate::store::from_shard(&error)
        })
    }

    /// Asks every connection to finish what it has begun and to close.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.drain.notify_waiters();
    }

    /// Whether connections shall finish.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Ready when connections shall finish.
    pub async fn drained(&self) {
        let notified = self.drain.notified();
        if !self.is_draining() {
            notified.await;
        }
    }
}

/// Whether a checkpoint's error is one after which nothing more is acknowledged (promise P4).
fn is_final(error: &bole_shard::Error) -> bool {
    matches!(error, bole_shard::Error::Checkpoint { .. }) && error.kind() != Kind::Full
}
