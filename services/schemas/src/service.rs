//! The open registry: what its operations stand on. Its doors are in [`crate::door`].

use std::sync::Arc;

use bole_net::safety::HostOriginGuard;
use tokio::sync::Semaphore;

use crate::access::Authenticator;
use crate::entry::{SchemaId, Stored};
use crate::metrics::Metrics;
use crate::store::Store;
use crate::{Config, Error};

/// What the registry is opened with.
pub struct Parts {
    /// Its shard, recovered.
    pub store: Store,
    /// How it behaves.
    pub config: Config,
    /// Who may do what.
    pub authenticator: Arc<dyn Authenticator>,
    /// Which web pages may reach it.
    pub guard: HostOriginGuard,
}

/// The open registry.
pub struct Service {
    pub(crate) store: Store,
    pub(crate) config: Config,
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) guard: HostOriginGuard,
    workers: Semaphore,
    /// What it counts.
    pub metrics: Metrics,
}

/// How much the registry holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Schemas.
    pub schemas: u64,
    /// Subjects, empty ones included.
    pub subjects: u64,
    /// Bytes of the schemas' texts.
    pub text_bytes: u64,
}

impl Service {
    /// Opens the registry over its recovered shard.
    pub fn open(parts: Parts) -> Arc<Self> {
        let Parts { store, config, authenticator, guard } = parts;
        let workers = Semaphore::new(config.workers.max(1));
        Arc::new(Self { store, config, authenticator, guard, workers, metrics: Metrics::default() })
    }

    /// How much it holds now; nothing if the shard is quarantined.
    pub fn sizes(&self) -> Sizes {
        let sizes = self.store.peek(|state| Sizes {
            schemas: state.schema_count() as u64,
            subjects: state.subject_count() as u64,
            text_bytes: state.text_bytes(),
        });
        sizes.unwrap_or_default()
    }

    /// A schema by its id, for services that check what is written with it. `None` if there is none.
    pub async fn schema(&self, id: SchemaId) -> Result<Option<Arc<Stored>>, Error> {
        Ok(self.store.read(|state| state.schema(id).cloned()).await?)
    }

    /// Whether a subject has a version of a schema that is not deleted, for services that check what is written under it.
    pub async fn is_registered(&self, subject: &str, id: SchemaId) -> Result<bool, Error> {
        let has = |subject: &crate::state::Subject| subject.visible().any(|(_, found)| found == id);
        Ok(self.store.read(|state| state.subject(subject).is_some_and(has)).await?)
    }

    /// The last id that was ever given out, and the last version of a subject: what must never be given out again.
    pub async fn last_given(&self, subject: &str) -> Result<(SchemaId, i32), Error> {
        let last = |state: &crate::state::State| {
            (state.globals().last_id, state.subject(subject).map_or(0, |subject| subject.last))
        };
        Ok(self.store.read(last).await?)
    }

    /// Runs work on schemas off the threads that serve connections, a few at a time. Cancelling leaves the work to end by itself.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        if self.config.workers == 0 {
            return Ok(work());
        }
        let _permit = self.workers.acquire().await.map_err(|error| Error::Worker(error.to_string()))?;
        tokio::task::spawn_blocking(work).await.map_err(|error| Error::Worker(error.to_string()))
    }
}
