//! The open service: what its doors and operations stand on.

use std::sync::Arc;

use bole_base::Clock;
use bole_net::safety::HostOriginGuard;
use futures_util::future::BoxFuture;

use crate::access::{Bucket, Caller, Object, Subject, Users, check};
use crate::bodies::gate::Gate;
use crate::bodies::incoming::{Kept, Received};
use crate::bodies::{Bodies, NewIds};
use crate::chunks::ChunkId;
use crate::config::Config;
use crate::counters::Counts;
use crate::error::{Code, Error, Result};
use crate::limits::{BODIES_BYTES_MAX, BODIES_PATIENCE};
use crate::objects::bodies::NewBody;
use crate::pool::Pool;
use crate::protocol::host::Domains;
use crate::state::Blobs;

/// What the service is opened with.
pub struct Parts {
    /// Its state, recovered.
    pub blobs: Blobs,
    /// How it behaves.
    pub config: Config,
    /// Who may do what.
    pub users: Arc<dyn Users>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The open service.
pub struct Service {
    pub(crate) blobs: Blobs,
    pub(crate) bodies: Bodies,
    pub(crate) config: Config,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) domains: Domains,
    /// Which hosts requests may be for. Origins are not refused here: what pages of other sites may do is what a bucket's CORS rules say.
    pub(crate) guard: HostOriginGuard,
}

/// What a service has in memory and under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes for bodies on their way in.
    pub uploads_bytes: u64,
    /// The most that they may have.
    pub uploads_bytes_max: u64,
    /// Bytes for bodies on their way out.
    pub downloads_bytes: u64,
    /// The most that they may have.
    pub downloads_bytes_max: u64,
    /// Bodies that found no memory in time.
    pub refused: u64,
    /// Threads for what blocks.
    pub threads: u64,
    /// Chunks that readers hold.
    pub chunks_held: u64,
}

impl NewIds for Blobs {
    fn new_id(&self) -> BoxFuture<'_, Result<ChunkId>> {
        Box::pin(async move { self.new_chunk().await.map_err(|error| error.refusal()) })
    }
}

impl Service {
    /// Opens the service over its recovered state. `hosts`: further names that requests may be for.
    pub fn open(parts: Parts, hosts: impl IntoIterator<Item = String>) -> Arc<Self> {
        let Parts { blobs, config, users, clock } = parts;
        let domains = Domains::new(config.domains.iter().cloned());
        let gate = || Gate::new(BODIES_BYTES_MAX, BODIES_PATIENCE);
        let bodies = Bodies {
            home: Arc::clone(blobs.home()),
            ids: Arc::new(blobs.clone()),
            pool: Pool::new(config.threads_max),
            uploads: gate(),
            downloads: gate(),
        };
        let guard = HostOriginGuard::new(domains.names().chain(hosts));
        Arc::new(Self { blobs, bodies, config, users, clock, domains, guard })
    }

    /// What it has in memory and under way now.
    pub fn sizes(&self) -> Sizes {
        let Bodies { uploads, downloads, pool, .. } = &self.bodies;
        Sizes {
            uploads_bytes: uploads.used(),
            uploads_bytes_max: uploads.max(),
            downloads_bytes: downloads.used(),
            downloads_bytes_max: downloads.max(),
            refused: uploads.refused() + downloads.refused(),
            threads: pool.threads() as u64,
            chunks_held: self.blobs.holds().count() as u64,
        }
    }

    /// What its state has done so far.
    pub fn counts(&self) -> Counts {
        self.blobs.counters().read()
    }

    /// Asks whether a caller may do something. Errors: `AccessDenied`.
    pub(crate) fn judge(
        &self,
        caller: &Caller,
        action: &str,
        bucket: Option<&Bucket>,
        resource: &str,
        object: Option<&Object>,
    ) -> Result<()> {
        check(&*self.users, caller, action, &Subject { bucket, resource, object })
    }

    /// The user of a request that only users may make. Errors: `AccessDenied`.
    pub(crate) fn user(caller: &Caller) -> Result<&crate::access::User> {
        caller.user.as_ref().ok_or_else(|| Error::new(Code::AccessDenied, "Access Denied"))
    }

    /// Removes the chunk of a body that no entry names, in the background: what the state refused, or may not have logged at all.
    pub(crate) fn give_up(&self, received: &Received) {
        let Kept::Chunk(written) = &received.kept else { return };
        let (home, id) = (Arc::clone(&self.bodies.home), written.id);
        self.bodies.pool.spawn(move || {
            if let Err(error) = home.remove(id) {
                tracing::warn!(%error, chunk = %id, "a chunk that is not needed stays until the next start");
            }
        });
    }
}

impl From<&Received> for NewBody {
    fn from(received: &Received) -> Self {
        match &received.kept {
            Kept::Inline(bytes) => Self::Inline(bytes.clone()),
            Kept::Chunk(written) => Self::Chunk(*written),
        }
    }
}
