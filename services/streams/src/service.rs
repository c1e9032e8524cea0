//! The service: its topics, its clients, and what runs in the background.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use bole_base::Durability;
use bole_catalog::Catalog;
use bole_identity::Identity;
use bole_shard::participant::upserts::Upserts;
use bole_shard::participant::{Participant, Participants};
use bole_shard::{Runtime, Shard};
use tokio::sync::{Mutex, Notify, Semaphore};

use crate::advance::Advancer;
use crate::cache::{Cache, Going};
use crate::config::Config;
use crate::limits::{COLD_READS_MAX, PRODUCER_IDS_PER_BLOCK};
use crate::metrics::Metrics;
use crate::partition::Partition;
use crate::partition::append::Appended;
use crate::partition::files::SegmentFiles;
use crate::quotas::Quotas;
use crate::sasl::oauth;
use crate::topics::Topics;
use crate::{Error, groups, operations, sink, transactions};

/// A future behind a pointer.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The catalog's setting that says which producer ids are taken.
const PRODUCER_IDS_SETTING: &str = "default/streams/next_producer_id";
/// How often files without a name and old segments are looked for.
const JANITOR_INTERVAL: Duration = Duration::from_secs(1);

/// After so many of them idle producers are looked for: every ten minutes, as Kafka.
const EXPIRY_ROUNDS: u64 = 600;

/// What is needed to open the service.
pub struct Parts {
    /// See [`Service`].
    pub runtime: Arc<Runtime>,
    /// See [`Service`].
    pub catalog: Catalog,
    /// See [`Service`].
    pub files: Arc<SegmentFiles>,
    /// See [`Service`].
    pub topics: Topics,
    /// The shards of groups, hosted and recovered.
    pub group_shards: Vec<Arc<Shard<groups::State>>>,
    /// The shards of transactional ids, hosted and recovered.
    pub transaction_shards: Vec<Arc<Shard<transactions::State>>>,
    /// See [`Service`].
    pub config: Config,
    /// See [`Service`].
    pub identity: Arc<Identity>,
    /// See [`Service`].
    pub oauth: Option<Arc<oauth::Verifier>>,
    /// Names the cluster to clients: 22 characters.
    pub cluster_id: String,
    /// Other services that take records: the targets of sinks.
    pub participants: Vec<Arc<dyn Participant>>,
    /// The same, for services that make batches of their own.
    pub upserts: Vec<Arc<dyn Upserts>>,
}

/// The stream service.
pub struct Service {
    /// Journal, clock, checkpoints.
    pub runtime: Arc<Runtime>,
    /// What exists.
    pub catalog: Catalog,
    /// The segment files.
    pub files: Arc<SegmentFiles>,
    /// Topics and their partitions.
    pub topics: Arc<Topics>,
    /// Groups and their offsets.
    pub groups: Arc<groups::Coordinator>,
    /// Transactional ids.
    pub transactions: transactions::Coordinator,
    /// Settings as they were at the start.
    pub config: Config,
    /// Users, their passwords and what they may do.
    pub identity: Arc<Identity>,
    /// Checks tokens of OAUTHBEARER, if that is on.
    pub oauth: Option<Arc<oauth::Verifier>>,
    /// Who takes part in batches: groups, and the targets of sinks.
    pub participants: Arc<Participants>,
    /// What sinks do.
    pub sinks: sink::Sinks,
    /// How much clients may send and fetch.
    pub quotas: Quotas,
    /// Names the cluster to clients.
    pub cluster_id: String,
    /// Counters.
    pub metrics: Metrics,
    /// Batches in memory.
    pub cache: Cache,
    /// Fetch sessions.
    pub sessions: operations::fetch::Sessions,
    /// Permits for reads of segment files.
    pub cold_reads: Arc<Semaphore>,
    advancers: [Arc<Advancer>; 2],
    producer_ids: Mutex<(i64, i64)>,
    draining: AtomicBool,
    drain: Notify,
    connections: AtomicI32,
}

impl Service {
    /// A service over recovered topics.
    pub fn open(parts: Parts) -> Arc<Self> {
        let Parts {
            runtime, catalog, files, topics, group_shards, config, identity, oauth, cluster_id, ..
        } = parts;
        let transactions = transactions::Coordinator::new(parts.transaction_shards);
        let topics = Arc::new(topics);
        let groups = groups::Coordinator::open(groups::coordinator::Parts {
            runtime: Arc::clone(&runtime),
            shards: group_shards,
            topics: Arc::clone(&topics) as Arc<dyn groups::Topics>,
            config: groups::Config::default(),
            class: Durability::Sync,
            seed: rand::random(),
        });
        let mut participants = Participants::new(Arc::clone(runtime.journal()));
        participants.register(Arc::clone(&groups) as Arc<dyn Participant>);
        parts.participants.into_iter().for_each(|participant| participants.register(participant));
        parts.upserts.into_iter().for_each(|upserts| participants.register_upserts(upserts));
        let participants = Arc::new(participants);
        topics.targets.set(&participants);
        let advancer = |class| Arc::new(Advancer::new(class));
        Arc::new(Self {
            participants,
            sinks: sink::Sinks::default(),
            cache: Cache::new(config.cache_bytes_max),
            runtime,
            files,
            topics,
            groups,
            transactions,
            config,
            identity,
            oauth,
            quotas: Quotas::open(&catalog),
            catalog,
            cluster_id,
            metrics: Metrics::default(),
            sessions: operations::fetch::Sessions::default(),
            cold_reads: Arc::new(Semaphore::new(COLD_READS_MAX)),
            advancers: [advancer(Durability::Async), advancer(Durability::Sync)],
            producer_ids: Mutex::new((0, 0)),
            draining: AtomicBool::new(false),
            drain: Notify::new(),
            connections: AtomicI32::new(0),
        })
    }

    /// Milliseconds since the Unix epoch.
    pub fn now(&self) -> i64 {
        self.runtime.clock().now().0 as i64
    }

    /// What follows every append of a batch: it is counted, and shown when it is durable.
    pub fn appended(&self, partition: &Arc<Partition>, appended: &Appended, records: i64, bytes: usize) {
        self.cache.add(partition, appended.base_offset + records, appended.position, bytes as u64);
        self.advancers[usize::from(partition.class() == Durability::Sync)].add(partition, appended.position);
    }

    /// The next producer id, never given before.
    pub async fn next_producer_id(&self) -> Result<i64, Error> {
        let mut ids = self.producer_ids.lock().await;
        if ids.0 == ids.1 {
            let taken = self
                .catalog
                .read(|state| state.setting(PRODUCER_IDS_SETTING).and_then(|text| text.parse().ok()))?;
            let first: i64 = taken.unwrap_or(1);
            let next = first + PRODUCER_IDS_PER_BLOCK;
            self.catalog.set(PRODUCER_IDS_SETTING, &next.to_string()).await?;
            *ids = (first, next);
        }
        ids.0 += 1;
        Ok(ids.0 - 1)
    }

    /// Removes files that no partition names, after recovery. How many there were.
    pub fn sweep(&self) -> Result<u64, Error> {
        let quarantined = self
            .topics
            .all()
            .iter()
            .any(|topic| topic.partitions().iter().any(|partition| partition.lock().is_err()));
        if quarantined {
            // The files of a quarantined partition stay for whoever repairs it.
            return Ok(0);
        }
        let swept = self.files.sweep(&self.topics.named_files()?);
        swept.map_err(|error| Error::Storage(format!("old segment files cannot be removed: {error}")))
    }

    /// Asks every connection to finish what it has begun and to close.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.drain.notify_waiters();
    }

    /// Ready when connections shall finish.
    pub async fn drained(&self) {
        let notified = self.drain.notified();
        if !self.draining.load(Ordering::Acquire) {
            notified.await;
        }
    }

    /// Counts a connection while the answer lives.
    pub fn connected(self: &Arc<Self>) -> Connected {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Connected(Arc::clone(self))
    }

    /// Connections that are open.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed).max(0) as u64
    }

    /// What runs in the background, each for ever: run them as tasks.
    pub fn background(self: &Arc<Self>) -> Vec<(&'static str, BoxFuture<'static, ()>)> {
        let mut tasks: Vec<(&'static str, BoxFuture<'static, ()>)> = Vec::new();
        for advancer in &self.advancers {
            let journal = Arc::clone(self.runtime.journal());
            tasks.push(("streams-advance", Box::pin(Arc::clone(advancer).run(journal))));
        }
        let service = Arc::clone(self);
        tasks.push(("streams-feeds", Box::pin(async move { service.topics.feeds().look_after().await })));
        tasks.push(("streams-groups", Box::pin(Arc::clone(&self.groups).run_timers())));
        tasks.push(("streams-transactions", Box::pin(transactions::timers::run(Arc::clone(self)))));
        tasks.push(("streams-dead-letters", Box::pin(crate::dead_letters::run(Arc::clone(self)))));
        tasks.push(("streams-evict", Box::pin(Arc::clone(self).evict())));
        tasks.push(("streams-janitor", Box::pin(Arc::clone(self).clean())));
        tasks.push(("streams-compact", Box::pin(crate::compaction::run(Arc::clone(self)))));
        tasks.push(("streams-sinks", Box::pin(sink::worker::run(Arc::clone(self)))));
        tasks
    }

    /// Lets the oldest batches go from memory when there are too many; those that are in no file yet after they were flushed.
    async fn evict(self: Arc<Self>) {
        loop {
            let Going { partition, end, position, bytes } = self.cache.next_out().await;
            if !is_out_of_memory(&partition, end) {
                let journal = Arc::clone(self.runtime.journal());
                let flushed = {
                    let partition = Arc::clone(&partition);
                    let handle = tokio::runtime::Handle::current();
                    let flush = async move { partition.flush_below(&*journal, position, end).await };
                    tokio::task::spawn_blocking(move || handle.block_on(flush)).await
                };
                if let Ok(Err(error)) = flushed {
                    tracing::warn!(partition = partition.name(), %error, "batches stay in memory that cannot be written to their file");
                    tokio::time::sleep(JANITOR_INTERVAL).await;
                }
            }
            let _out = is_out_of_memory(&partition, end);
            self.cache.gone(bytes);
        }
    }

    /// Removes files that nothing names any more, applies retention and forgets producers.
    async fn clean(self: Arc<Self>) {
        for round in 1_u64.. {
            tokio::time::sleep(JANITOR_INTERVAL).await;
            crate::retention::round(&self).await;
            crate::expiry::round(&self, round.is_multiple_of(EXPIRY_ROUNDS)).await;
            let trash = self.topics.take_trash();
            if trash.is_empty() {
                continue;
            }
            let service = Arc::clone(&self);
            let (done, removed) = tokio::sync::oneshot::channel();
            // To remove gigabytes takes the system a good part of a second, which requests must not wait for.
            let remove = move || {
                let _stopped = done.send(service.remove(trash));
            };
            if let Err(error) = bole_base::background::spawn("streams-remove", remove) {
                tracing::warn!(%error, "segment files that nothing names any more stay until the next start");
            } else if let Ok(Err(error)) = removed.await {
                tracing::warn!(%error, "segment files that nothing names any more could not be removed yet");
            }
        }
    }

    /// Removes files once no entry that names extents in them can be taken for a tail.
    fn remove(&self, trash: Vec<crate::partition::files::FileId>) -> Result<(), Error> {
        match self.runtime.journal().settle() {
            Ok(true) => {}
            outcome => {
                self.topics.put_trash(trash);
                return outcome.map(drop).map_err(Error::from);
            }
        }
        for (at, file) in trash.iter().enumerate() {
            if let Err(error) = self.files.remove(*file) {
                self.topics.put_trash(trash[at..].to_vec());
                return Err(Error::Storage(format!(
                    "{} cannot be removed: {error}",
                    self.files.path(*file).display()
                )));
            }
        }
        Ok(())
    }
}

/// Lets batches below `end` go from memory. `false`: some are in no file yet.
fn is_out_of_memory(partition: &Partition, end: i64) -> bool {
    partition.lock().is_ok_and(|mut locked| {
        locked.state_mut().evict(end);
        locked.state().memory_start() >= end
    })
}

/// A connection that is counted.
pub struct Connected(Arc<Service>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
