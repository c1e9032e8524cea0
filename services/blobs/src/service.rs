//! The open service: what its doors and operations stand on.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bole_base::Clock;
use bole_net::safety::HostOriginGuard;
use bole_net::tasks::{self, OnFailure};
use futures_util::future::BoxFuture;

use crate::access::{Bucket, Caller, Object, Subject, Users, check, facts};
use crate::bodies::gate::Gate;
use crate::bodies::incoming::{Kept, Received};
use crate::bodies::outgoing::{Damaged, Piece};
use crate::bodies::{Bodies, NewIds};
use crate::chunks::ChunkId;
use crate::config::Config;
use crate::counters::Counts;
use crate::damage;
use crate::door::gathered::Gates;
use crate::error::{Code, Error, Result};
use crate::limits::{
    BODIES_BYTES_MAX, BODIES_PATIENCE, FRAMED_BYTES_MAX, XML_ARRIVING_BYTES_MAX, XML_PARSED_BYTES_MAX,
};
use crate::logs::Logs;
use crate::objects::bodies::NewBody;
use crate::objects::completed::Completed;
use crate::objects::read::{Open, Segment};
use crate::pool::Pool;
use crate::protocol::host::Domains;
use crate::rows::values::decode;
use crate::rules::encryption::{Encryption, Key};
use crate::seal::{self, Seal, SealedInline, ServerKeys};
use crate::state::Blobs;

/// What the service is opened with.
pub struct Parts {
    /// Its state, recovered.
    pub blobs: Blobs,
    /// How it behaves.
    pub config: Config,
    /// Who may do what.
    pub users: Arc<dyn Users>,
    /// What bodies are sealed with.
    pub keys: ServerKeys,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The open service.
pub struct Service {
    pub(crate) blobs: Blobs,
    pub(crate) bodies: Bodies,
    /// Memory of XML bodies.
    pub(crate) gates: Gates,
    pub(crate) config: Config,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) keys: ServerKeys,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) domains: Domains,
    /// Below them, names are websites.
    pub(crate) website_domains: Domains,
    /// Which hosts requests may be for. Origins are not refused here: what pages of other sites may do is what a bucket's CORS rules say.
    pub(crate) guard: HostOriginGuard,
    pub(crate) logs: Logs,
    pub(crate) facts: facts::Cache,
    pub(crate) completed: Completed,
    /// Reads that met damage, and reads that were refused for a mark.
    damaged: Arc<[AtomicU64; 2]>,
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
    /// Bytes for XML bodies and what they are parsed into.
    pub documents_bytes: u64,
    /// The most that they may have.
    pub documents_bytes_max: u64,
    /// Bodies that found no memory in time.
    pub refused: u64,
    /// Threads for what blocks.
    pub threads: u64,
    /// Chunks that readers hold.
    pub chunks_held: u64,
    /// Reads that met bytes which are not what was written.
    pub damage_met: u64,
    /// Reads that were refused, since what they need is known to be damaged.
    pub damaged_refused: u64,
}

impl NewIds for Blobs {
    fn new_id(&self) -> BoxFuture<'_, Result<ChunkId>> {
        Box::pin(async move { self.new_chunk().await.map_err(|error| error.refusal()) })
    }
}

impl Service {
    /// Opens the service over its recovered state. `hosts`: further names that requests may be for.
    pub fn open(parts: Parts, hosts: impl IntoIterator<Item = String>) -> Arc<Self> {
        let Parts { blobs, config, users, keys, clock } = parts;
        let domains = Domains::new(config.domains.iter().cloned());
        let website_domains = Domains::only(config.website_domains.iter().cloned());
        let gate = |bytes_max| Gate::new(bytes_max, BODIES_PATIENCE);
        let bodies = Bodies {
            home: Arc::clone(blobs.home()),
            ids: Arc::new(blobs.clone()),
            pool: Pool::new(config.threads_max),
            uploads: gate(BODIES_BYTES_MAX),
            framed: gate(FRAMED_BYTES_MAX),
            downloads: gate(BODIES_BYTES_MAX),
        };
        let gates = Gates { arriving: gate(XML_ARRIVING_BYTES_MAX), parsed: gate(XML_PARSED_BYTES_MAX) };
        let guard = HostOriginGuard::new(domains.names().chain(website_domains.names()).chain(hosts));
        Arc::new(Self {
            blobs,
            bodies,
            gates,
            config,
            users,
            keys,
            clock,
            domains,
            website_domains,
            guard,
            damaged: Arc::default(),
            logs: Logs::default(),
            facts: facts::Cache::default(),
            completed: Completed::default(),
        })
    }

    /// What it has in memory and under way now.
    pub fn sizes(&self) -> Sizes {
        let Bodies { uploads, framed, downloads, pool, .. } = &self.bodies;
        let Gates { arriving, parsed } = &self.gates;
        let (incoming, all) = ([uploads, framed], [uploads, framed, downloads, arriving, parsed]);
        Sizes {
            uploads_bytes: incoming.map(Gate::used).iter().sum(),
            uploads_bytes_max: incoming.map(Gate::max).iter().sum(),
            downloads_bytes: downloads.used(),
            downloads_bytes_max: downloads.max(),
            documents_bytes: arriving.used() + parsed.used(),
            documents_bytes_max: arriving.max() + parsed.max(),
            refused: all.map(Gate::refused).iter().sum(),
            threads: pool.threads() as u64,
            chunks_held: self.blobs.holds().count() as u64,
            damage_met: self.damaged[0].load(Ordering::Relaxed),
            damaged_refused: self.damaged[1].load(Ordering::Relaxed),
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

    /// What a body is opened with that belongs to `object`: it logs what cannot be read, counts it, and marks what is damaged, in the background.
    pub(crate) fn damaged(&self, object: String) -> Damaged {
        let (blobs, counts) = (self.blobs.clone(), Arc::clone(&self.damaged));
        Arc::new(move |error| {
            tracing::error!(%error, object, "the body of an object cannot be read");
            let Some((id, what)) = damage::of(error) else { return };
            counts[0].fetch_add(1, Ordering::Relaxed);
            let blobs = blobs.clone();
            drop(tasks::spawn("mark of a damaged chunk", OnFailure::Log, async move {
                blobs.mark_damaged(id, &what).await.map(drop)
            }));
        })
    }

    /// The pieces of a range of an open object, with what opens them. `key`: the client's, which was judged. Errors: `InternalError` where one of them is known to be
    /// damaged, or does not open, which is logged and counted.
    pub(crate) fn pieces(
        &self,
        open: &Open,
        range: &Range<u64>,
        key: Option<&Key>,
        object: &str,
    ) -> Result<Vec<Piece>> {
        let segments = open.segments(range).inspect_err(|_| {
            self.damaged[1].fetch_add(1, Ordering::Relaxed);
            tracing::warn!(object, "a read is refused: the object is on a chunk that is marked as damaged; `bole blobs damage` lists them");
        })?;
        let opened = segments.into_iter().map(|segment| self.open_piece(segment, key));
        opened.collect::<Result<_, _>>().map_err(|error: seal::Error| {
            tracing::error!(%error, object, "an object cannot be decrypted");
            seal::refusal()
        })
    }

    fn open_piece(&self, segment: Segment, key: Option<&Key>) -> Result<Piece, seal::Error> {
        Ok(match segment {
            Segment::Inline(bytes) => Piece::Inline(bytes),
            Segment::Chunk { id, chunk_bytes, part, cipher } => {
                let key = cipher.map(|cipher| self.keys.open(&cipher, key)).transpose()?;
                Piece::Chunk { id, body_bytes: chunk_bytes, part, key }
            }
            Segment::Sealed { row, part } => {
                let sealed: SealedInline = decode(&row).map_err(|_| seal::Error::Body)?;
                let key = self.keys.open(&sealed.cipher, key)?;
                let body = sealed.open(&key)?;
                let (from, until) = (part.start as usize, part.end as usize);
                if from > until || until > body.len() {
                    return Err(seal::Error::Body);
                }
                Piece::Inline(body.slice(from..until))
            }
        })
    }

    /// What a new body is sealed with that is encrypted so. `key`: the client's. Errors: `InternalError` where there is no key.
    pub(crate) fn seal(&self, encryption: Option<&Encryption>, key: Option<&Key>) -> Result<Option<Seal>> {
        let sealed = match (encryption, key) {
            (None, _) => return Ok(None),
            (Some(Encryption::Server), _) => self.keys.seal(),
            (Some(Encryption::Customer { .. }), Some(key)) => Ok(seal::customer(key)),
            (Some(Encryption::Customer { .. }), None) => Err(seal::Error::NoCustomerKey),
        };
        sealed.map(Some).map_err(|error| {
            tracing::error!(%error, "a body cannot be encrypted");
            seal::refusal()
        })
    }

    /// Removes the chunk of a body that no entry names, in the background: what the state refused, or may not have logged at all.
    pub(crate) fn give_up(&self, received: &Received) {
        let (Kept::Chunk(written) | Kept::SealedChunk(written, _)) = &received.kept else { return };
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
            Kept::SealedInline(row) => Self::SealedInline(row.clone(), received.bytes),
            Kept::SealedChunk(written, cipher) => Self::SealedChunk(*written, *cipher, received.bytes),
        }
    }
}
