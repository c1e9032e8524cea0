//! The cache: the parts put together, purges, and what each request goes through.

mod exchange;
mod fetch;
pub mod hit;
mod parts;
mod reader;
mod serve;
mod tiers;

use crate::admission::Seen;
use crate::counters::{Counts, Hosts};
use crate::disk::Disk;
use crate::flight::Flights;
use crate::key::Key;
use crate::limits::{Config, UNSHARED_MAX};
use crate::memory::Memory;
use crate::message::{Body, Manner, Origin, Request, Response};
use crate::purge::log::Log;
use crate::purge::{InvalidTarget, Purges, Receipt, Target};
use bole_base::clock::Clock;
use bole_cdn_policy::Time;
use exchange::Exchange;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use parking_lot::{Mutex, RwLock};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// A cache; clones share it.
#[derive(Clone)]
pub struct Cache(Arc<Inner>);

struct Inner {
    config: Config,
    clock: Arc<dyn Clock>,
    memory: Memory,
    disk: Option<Disk>,
    purges: Purges,
    /// Held while a purge takes its epoch and place.
    log: Mutex<Option<Log>>,
    flights: Flights,
    /// Keys that are not waited for, with the end of that in nanoseconds of the monotonic clock.
    unshared: quick_cache::sync::Cache<u128, u64>,
    /// Keys that were fetched, for the disk to know the second time.
    seen: Seen,
    hosts: Hosts,
    /// Besides the one without a name: where invalidations look.
    spaces: RwLock<Vec<Arc<str>>>,
    next_object: AtomicU64,
    fills: AtomicUsize,
    /// Whether all purges are known that are to be.
    in_sync: AtomicBool,
}

/// A purge was not done.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// The target is none.
    #[error(transparent)]
    Target(#[from] InvalidTarget),
    /// The purge could not be written down. It holds until a restart, and should be given again.
    #[error("the purge holds, but not after a restart, because its log cannot be written: {0}")]
    Log(#[source] io::Error),
}

/// The state of the tiers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of the memory tier in use.
    pub memory_bytes: u64,
    /// Pieces of the memory tier that are sent without a copy.
    pub shared_pieces: u64,
    /// Heads and pieces that had to make room in memory.
    pub memory_evictions: u64,
    /// Bytes of files.
    pub disk_bytes: u64,
    /// Pieces that were read from disk.
    pub disk_reads: u64,
    /// Pieces that were written to disk.
    pub disk_writes: u64,
    /// Files that had to make room.
    pub disk_evictions: u64,
    /// Files that were not what was written.
    pub disk_corrupt: u64,
    /// Writes to disk that failed.
    pub disk_failed: u64,
    /// Pieces that were not written to disk.
    pub disk_skipped: u64,
    /// Exchanges that others wait for or may wait for.
    pub flights: u64,
    /// Fetches of bytes under way.
    pub fills: u64,
    /// The newest purge.
    pub purge_epoch: u64,
}

impl Cache {
    /// Opens a cache with what is on its disk. Blocks while it looks at the heads of the files there. Errors: the folder cannot be used, or its log
    /// of purges is of another version.
    pub fn open(config: Config, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let purges = Purges::default();
        let disk = config.disk.as_ref().map(Disk::open).transpose()?;
        let log = config.disk.as_ref().map(|disk| Log::open(&Disk::purge_log(disk), &purges)).transpose()?;
        // Above all that was ever given out, also when the clock was set back.
        let next = clock.now_micros().max(disk.as_ref().map_or(0, |disk| disk.newest() + 1));
        Ok(Self(Arc::new(Inner {
            memory: Memory::new(config.memory_bytes),
            disk,
            purges,
            log: Mutex::new(log),
            flights: Flights::default(),
            unshared: quick_cache::sync::Cache::new(UNSHARED_MAX),
            seen: Seen::default(),
            hosts: Hosts::default(),
            spaces: RwLock::default(),
            next_object: AtomicU64::new(next),
            fills: AtomicUsize::new(0),
            in_sync: AtomicBool::new(true),
            clock,
            config,
        })))
    }

    /// Answers a request, whose URI is absolute, from the tiers or from `origin`. Must run on a tokio runtime: fetches go on in tasks of their own.
    ///
    /// Cancel safe: a request that is dropped lets the next one fetch. A body that ends with an error was cut short; the connection must then not be
    /// ended as if it were whole.
    pub async fn handle(&self, request: Request, origin: Arc<dyn Origin>) -> Response {
        self.handle_as(Manner::default(), request, origin).await
    }

    /// Answers as [`Cache::handle`] does, for a caller who knows more of the request.
    pub async fn handle_as(&self, manner: Manner<'_>, request: Request, origin: Arc<dyn Origin>) -> Response {
        let (head, body) = request.into_parts();
        match Key::within(&head.uri, manner.space) {
            Ok(key) => {
                let mut exchange = Exchange::new(self.0.clone(), head, key, origin);
                exchange.authenticated = manner.authenticated;
                exchange.run(body).await
            }
            Err(error) => refusal(StatusCode::BAD_REQUEST, error.to_string()),
        }
    }

    /// Whether this cache has all purges that it is to have. While it has not, nothing stored is answered before the origin confirmed it.
    pub fn set_in_sync(&self, in_sync: bool) {
        self.0.in_sync.store(in_sync, Ordering::Release);
    }

    /// Whether it has.
    pub fn is_in_sync(&self) -> bool {
        self.0.in_sync.load(Ordering::Acquire)
    }

    /// Says which spaces there are besides the one without a name, so that what changes a resource makes its answers in all of them invalid.
    pub fn set_spaces(&self, spaces: Vec<Arc<str>>) {
        *self.0.spaces.write() = spaces;
    }

    /// A request that did not come through the cache was answered so: what that makes invalid is invalid from now on (RFC 9111 §4.4).
    pub fn answered_elsewhere(&self, method: &Method, uri: &Uri, status: StatusCode, headers: &HeaderMap) {
        for target in bole_cdn_policy::invalidate::targets(method, uri, status, headers) {
            self.0.invalidate(&target);
        }
    }

    /// Purges, on this node, at once. Blocks for one write to disk where there is a disk tier.
    pub fn purge(&self, target: Target, soft: bool) -> Result<Receipt, PurgeError> {
        let target = target.normalised()?;
        let mut log = self.0.log.lock();
        let purge = self.0.purges.next(target, soft, self.0.now());
        let logged = log.as_mut().map(|log| log.append(&purge, true)).transpose();
        self.0.purges.apply(&purge);
        let durable = logged.map_err(PurgeError::Log)?.is_some();
        tracing::info!(epoch = purge.epoch, soft, target = ?purge.target, "cache purge");
        Ok(Receipt { epoch: purge.epoch, at: purge.at, durable })
    }

    /// The epoch of the newest purge.
    pub fn purge_epoch(&self) -> u64 {
        self.0.purges.epoch()
    }

    /// What happened, by host.
    pub fn counts(&self) -> Vec<(String, Counts)> {
        self.0.hosts.read()
    }

    /// The state of the tiers.
    pub fn usage(&self) -> Usage {
        let mut usage = Usage {
            memory_bytes: self.0.memory.bytes(),
            shared_pieces: self.0.memory.shared() as u64,
            memory_evictions: self.0.memory.evictions(),
            flights: self.0.flights.len() as u64,
            fills: self.0.fills.load(Ordering::Relaxed) as u64,
            purge_epoch: self.0.purges.epoch(),
            ..Usage::default()
        };
        if let Some(disk) = &self.0.disk {
            let counters = disk.counters();
            usage.disk_bytes = disk.bytes();
            usage.disk_reads = counters.reads.load(Ordering::Relaxed);
            usage.disk_writes = counters.writes.load(Ordering::Relaxed);
            usage.disk_evictions = counters.evictions.load(Ordering::Relaxed);
            usage.disk_corrupt = counters.corrupt.load(Ordering::Relaxed);
            usage.disk_failed = counters.failed.load(Ordering::Relaxed);
            usage.disk_skipped = counters.skipped.load(Ordering::Relaxed);
        }
        usage
    }

    /// Waits until the disk tier has written what it was given. Blocks.
    pub fn flush(&self) {
        if let Some(disk) = &self.0.disk {
            disk.flush();
        }
    }
}

impl Inner {
    fn now(&self) -> Time {
        Time((self.clock.now().0 / 1_000) as i64)
    }

    /// Nanoseconds of the monotonic clock, at least 1: 0 means never.
    fn monotonic(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_nanos()).unwrap_or(u64::MAX).max(1)
    }
}

/// An answer of the cache's own.
fn refusal(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::whole(text + "\n"));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
