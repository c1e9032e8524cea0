//! A whole service on a journal of its own, clients of its transactions, and what readers see.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bole_base::clock::ManualClock;
use bole_base::{Clock, Disk, Durability, LogId, RealDisk, SystemClock};
use bole_catalog::Catalog;
use bole_log::{Extents, LocalJournal};
use bole_shard::{Runtime, runtime};
use bole_streams::groups::offsets::transactional::PendingRequest;
use bole_streams::groups::offsets::{Committer, FetchRequest, ToCommit};
use bole_streams::groups::{self, TopicId};
use bole_streams::partition::Partition;
use bole_streams::partition::append::Terms;
use bole_streams::partition::batch::HEAD_BYTES;
use bole_streams::partition::files::SegmentFiles;
use bole_streams::partition::read::Isolation;
use bole_streams::protocol::ErrorCode;
use bole_streams::protocol::batch::{Builder, Marker};
use bole_streams::records;
use bole_streams::service::Parts;
use bole_streams::settings::Settings;
use bole_streams::topics::{NewTopic, Topics};
use bole_streams::transactions::append::{Write, append};
use bole_streams::transactions::decide::{End, Init};
use bole_streams::transactions::{self, Identity, Place, Status, end, offsets, run};
use bole_streams::{Config, Error, Service, hosting};
use tokio::task::JoinHandle;

/// Topics with their classes, of [`PARTITIONS`] each.
pub(crate) const TOPICS: [(&str, Durability); 2] = [("a", Durability::Sync), ("b", Durability::Async)];
pub(crate) const PARTITIONS: i32 = 2;
pub(crate) const TIMEOUT_MS: i32 = 60_000;
const SHARDS: u64 = 3;

pub(crate) struct World {
    pub(crate) service: Arc<Service>,
    pub(crate) clock: Arc<ManualClock>,
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    tasks: Vec<JoinHandle<()>>,
    _journal: Arc<LocalJournal>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn open_journal(dir: &Path, disk: Arc<dyn Disk>, files: &Arc<SegmentFiles>) -> Arc<LocalJournal> {
    let mut config = bole_log::local::Config {
        reserve_bytes: 0,
        segment_bytes: 8 << 20,
        bytes_max: 64 << 20,
        ..Default::default()
    };
    config.extents.add(Arc::clone(files) as Arc<dyn Extents>);
    let clock = Arc::new(SystemClock::new());
    Arc::new(LocalJournal::open(disk, clock, &dir.join("journal"), config).unwrap().start().unwrap())
}

impl World {
    pub(crate) async fn open(dir: &Path) -> Self {
        Self::open_on(dir, Arc::new(RealDisk)).await
    }

    /// The same with everything but the key file on `disk`.
    pub(crate) async fn open_on(dir: &Path, disk: Arc<dyn Disk>) -> Self {
        std::fs::create_dir_all(dir.join("journal")).unwrap();
        Self::open_at(dir, Arc::new(ManualClock::new()), disk).await
    }

    async fn open_at(dir: &Path, clock: Arc<ManualClock>, disk: Arc<dyn Disk>) -> Self {
        let kept = Arc::clone(&disk);
        let files = Arc::new(SegmentFiles::open(Arc::clone(&disk), &dir.join("streams")).unwrap());
        let journal = open_journal(dir, Arc::clone(&disk), &files);
        let shown = Arc::clone(&clock) as Arc<dyn Clock>;
        let root = dir.join("checkpoints");
        let runtime =
            Arc::new(Runtime::new(Arc::clone(&journal) as _, disk, shown, root, runtime::Config::default()));
        let catalog = Catalog::host(Arc::clone(&runtime)).unwrap();
        runtime.replay(&[LogId::CATALOG]).unwrap();
        let topics =
            Topics::host(catalog.clone(), Arc::clone(&runtime), Arc::clone(&files), Durability::Sync);
        let topics = topics.unwrap();
        let group_shards =
            hosting::host(&catalog, &runtime, hosting::GROUPS, SHARDS, groups::State::default).await.unwrap();
        let make = transactions::State::default;
        let transaction_shards =
            hosting::host(&catalog, &runtime, hosting::TRANSACTIONS, SHARDS, make).await.unwrap();
        let (key, journal_dir) = (dir.join("identity.key"), dir.join("journal"));
        let identity = bole_identity::Identity::host(Arc::clone(&runtime), &key, &journal_dir).unwrap();
        runtime.recover(&[]).await.unwrap();
        let service = Service::open(Parts {
            runtime,
            catalog,
            files,
            topics,
            group_shards,
            transaction_shards,
            config: Config::default(),
            identity: Arc::new(identity),
            oauth: None,
            cluster_id: "0123456789abcdefghijkl".to_owned(),
            participants: Vec::new(),
            upserts: Vec::new(),
        });
        service.sweep().unwrap();
        for (name, durability) in TOPICS {
            let new = NewTopic {
                name: name.to_owned(),
                partitions: PARTITIONS,
                settings: Settings::new(durability),
            };
            match service.topics.create(&new).await {
                Err(error) if error.code() == ErrorCode::TopicAlreadyExists => {}
                made => drop(made.unwrap()),
            }
        }
        let tasks = service.background().into_iter().map(|(_, task)| tokio::spawn(task)).collect();
        Self { service, clock, dir: dir.to_owned(), disk: kept, tasks, _journal: journal }
    }

    /// Ends the service as a kill does: nothing is checkpointed unless `checkpoint` says so. Then it is opened again.
    pub(crate) async fn restart(self, checkpoint: bool) -> Self {
        if checkpoint {
            self.service.runtime.checkpoint_all().await.unwrap();
        }
        let disk = Arc::clone(&self.disk);
        self.reopen(disk).await
    }

    /// Ends the service and opens it again on `disk`: what is left of its own.
    pub(crate) async fn reopen(mut self, disk: Arc<dyn Disk>) -> Self {
        let (dir, clock) = (self.dir.clone(), Arc::clone(&self.clock));
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            let _cancelled = task.await;
        }
        // The journal's files belong to one opener: everything that has it must be gone.
        let service = Arc::downgrade(&self.service);
        drop(self);
        while service.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Self::open_at(&dir, clock, disk).await
    }

    pub(crate) fn status(&self, id: &str) -> Option<Status> {
        let locked = self.service.transactions.shard_of(id).lock().unwrap();
        locked.state().entry(id).map(|entry| entry.status)
    }

    fn partition(&self, (topic, index): (usize, i32)) -> (Arc<Partition>, Place) {
        let topic = self.service.topics.get(TOPICS[topic].0).unwrap();
        (topic.partition(index).unwrap(), (TopicId(topic.id.0), index))
    }

    fn partitions(&self) -> Vec<(Place, Arc<Partition>)> {
        let mut all = Vec::new();
        for topic in self.service.topics.all() {
            let partitions = topic.partitions();
            let place = |index| (TopicId(topic.id.0), index as i32);
            all.extend(
                partitions.iter().enumerate().map(|(at, partition)| (place(at), Arc::clone(partition))),
            );
        }
        all
    }

    /// How many records of each transaction a reader of committed records sees, once everything that was appended is shown. Readers leave out what a broker
    /// tells them to: batches of aborted producers from the first offset of the transaction to its marker.
    pub(crate) async fn committed_records(&self) -> BTreeMap<i64, usize> {
        let mut seen = BTreeMap::new();
        for (_, partition) in self.partitions() {
            while partition.lock().unwrap().state().has_hidden() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            read_committed(&partition, &mut seen);
        }
        seen
    }

    /// The committed offset of partition 0 of the first topic.
    pub(crate) async fn committed_offset(&self, group: &str) -> Option<i64> {
        self.fetch_offset(group, false).await.unwrap()
    }

    pub(crate) async fn is_unstable(&self, group: &str) -> bool {
        self.fetch_offset(group, true).await.is_err()
    }

    async fn fetch_offset(&self, group: &str, require_stable: bool) -> Result<Option<i64>, groups::Error> {
        let places = Some(vec![(Arc::from(TOPICS[0].0), 0)]);
        let request = FetchRequest { group: Arc::from(group), member: None, places, require_stable };
        let fetched = self.service.groups.fetch_offsets(&request).await.unwrap();
        let committed = fetched.into_iter().next().unwrap().committed;
        committed.map(|committed| committed.map(|committed| committed.offset))
    }

    /// With nobody at work: a transaction is open in a partition or a group exactly if its coordinator knows it.
    pub(crate) fn check_quiet(&self) {
        let mut open: BTreeSet<(i64, Place)> = BTreeSet::new();
        let mut producers = BTreeMap::new();
        for shard in self.service.transactions.shards() {
            let locked = shard.lock().unwrap();
            for (id, entry) in locked.state().entries() {
                let ongoing = entry.status == Status::Ongoing;
                assert!(ongoing || (entry.partitions.is_empty() && entry.groups.is_empty()), "{id}");
                open.extend(entry.partitions.iter().map(|place| (entry.identity.producer_id, *place)));
                producers.insert(entry.identity.producer_id, entry.groups.clone());
            }
        }
        for (place, partition) in self.partitions() {
            let locked = partition.lock().unwrap();
            for (producer_id, producer) in locked.state().producers.all() {
                if producer.transaction_start.is_some() {
                    assert!(open.contains(&(producer_id, place)), "{producer_id} is open in {place:?}");
                }
            }
        }
        for shard in self.service.groups.shards() {
            let locked = shard.lock().unwrap();
            for (id, group) in locked.state().groups() {
                for producer_id in group.pending.keys() {
                    assert!(producers[producer_id].contains(id), "{producer_id} has offsets of {id}");
                }
            }
        }
    }
}

fn read_committed(partition: &Partition, seen: &mut BTreeMap<i64, usize>) {
    let mut from = partition.lock().unwrap().state().log_start;
    let mut skipping = BTreeSet::new();
    loop {
        let (bounds, batches) = partition.read(from, Isolation::Committed, 4_000).unwrap();
        let Some(last) = batches.batches.last() else {
            assert_eq!(from, bounds.last_stable);
            return;
        };
        let aborted = partition.aborted(from, last.last_offset() + 1).unwrap();
        from = last.last_offset() + 1;
        for batch in &batches.batches {
            let fields = batch.fields();
            let starts = aborted
                .iter()
                .filter(|aborted| aborted.first <= batch.last_offset() && aborted.last >= batch.base_offset);
            skipping.extend(starts.map(|aborted| aborted.producer_id));
            let (_, records) = records::of(batch).unwrap();
            for record in records {
                let record = record.unwrap();
                if fields.is_control() {
                    if Marker::of(&record) == Some(Marker::Abort) {
                        skipping.remove(&fields.producer_id());
                    }
                } else if !skipping.contains(&fields.producer_id()) {
                    let number = i64::from_be_bytes(record.value.unwrap()[..].try_into().unwrap());
                    *seen.entry(number).or_default() += 1;
                }
            }
        }
    }
}

/// A transactional producer as client libraries are: of the older protocol, which announces partitions and keeps its epoch, or of the newer.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) id: Arc<str>,
    bump: bool,
    pub(crate) identity: Identity,
    added: BTreeSet<Place>,
    groups: BTreeSet<Arc<str>>,
    sequences: HashMap<Place, i32>,
}

impl Client {
    pub(crate) async fn init(world: &World, id: &str, bump: bool) -> Result<Self, Error> {
        let id: Arc<str> = Arc::from(id);
        let request = Init { id: Arc::clone(&id), timeout_ms: TIMEOUT_MS, expected: None };
        let identity = end::init(&world.service, &request).await?;
        let (added, groups, sequences) = (BTreeSet::new(), BTreeSet::new(), HashMap::new());
        Ok(Self { id, bump, identity, added, groups, sequences })
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.added.is_empty() || !self.groups.is_empty()
    }

    /// Writes one record of transaction `number`.
    pub(crate) async fn write(&mut self, world: &World, at: (usize, i32), number: i64) -> Result<(), Error> {
        let (_, place) = world.partition(at);
        if !self.bump && !self.added.contains(&place) {
            run::add(&world.service, &self.id, self.identity, &[place], &[]).await?;
        }
        self.added.insert(place);
        self.write_unasked(world, at, number).await
    }

    pub(crate) async fn write_unasked(
        &mut self,
        world: &World,
        at: (usize, i32),
        number: i64,
    ) -> Result<(), Error> {
        let (partition, place) = world.partition(at);
        let sequence = self.sequences.get(&place).copied().unwrap_or(0);
        let Identity { producer_id, epoch } = self.identity;
        let mut batch = Builder::new().producer(producer_id, epoch, sequence).transactional();
        // Of now: retention removes what is old.
        batch.push(world.service.now(), None, Some(&number.to_be_bytes()), &[]);
        let body = batch.build().slice(HEAD_BYTES..);
        let terms = Terms { segment_bytes: 3_000, segment_ms: i64::MAX, expected_offset: None };
        let (id, partition, adds) = (&self.id, &partition, self.bump);
        let write = Write { id, partition, place, body: &body, terms: &terms, adds };
        let appended = append(&world.service, &write).await?;
        assert!(!appended.duplicate);
        world.service.appended(partition, &appended, 1, body.len());
        self.sequences.insert(place, sequence + 1);
        let journal = world.service.runtime.journal();
        journal.write_queued().unwrap();
        let reached = std::future::poll_fn(|context| {
            journal.poll_reached(partition.class(), appended.position, context)
        });
        Ok(reached.await?)
    }

    /// Sends an offset of partition 0 of the first topic along.
    pub(crate) async fn offset(&mut self, world: &World, group: &str, offset: i64) -> Result<(), Error> {
        let group: Arc<str> = Arc::from(group);
        if !self.bump && !self.groups.contains(&group) {
            run::add(&world.service, &self.id, self.identity, &[], &[Arc::clone(&group)]).await?;
        }
        self.groups.insert(Arc::clone(&group));
        let request = PendingRequest {
            group,
            by: Committer::nobody(),
            producer_id: self.identity.producer_id,
            producer_epoch: self.identity.epoch,
            offsets: vec![ToCommit {
                topic: Arc::from(TOPICS[0].0),
                partition: 0,
                offset,
                leader_epoch: -1,
                metadata: Arc::from(""),
            }],
        };
        let outcomes = offsets::commit(&world.service, &self.id, &request, self.bump).await?;
        outcomes.into_iter().collect::<Result<(), _>>().map_err(Error::from)
    }

    pub(crate) async fn end(&mut self, world: &World, commit: bool) -> Result<(), Error> {
        let request = End { id: Arc::clone(&self.id), by: self.identity, commit, bump: self.bump };
        self.identity = end::end(&world.service, &request).await?;
        if self.bump {
            self.sequences.clear();
        }
        self.added.clear();
        self.groups.clear();
        Ok(())
    }
}
