//! A node of blobs whose journal is fsynced by hand, whose store is kept up by hand, and whose chunks are in memory.

use std::future::Future;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bole_base::clock::ManualClock;
use bole_base::{Disk, Durability, LogId, Position, RealDisk};
use bole_blobs::chunks::homes::Homes;
use bole_blobs::chunks::memory::Memory;
use bole_blobs::chunks::writer::Writer;
use bole_blobs::chunks::{ChunkId, Home};
use bole_blobs::events::Streams;
use bole_blobs::objects::bodies::NewBody;
use bole_blobs::objects::put::{Attributes, Made, Put};
use bole_blobs::objects::{buckets, put, read};
use bole_blobs::reclaim::Place;
use bole_blobs::rows::VersionId;
use bole_blobs::rules::checksums::EtagHasher;
use bole_blobs::rules::conditions::Conditions;
use bole_blobs::rules::list::{Marker, Query};
use bole_blobs::state::{self, Around, Blobs, Config, Error, Plan, Result, Shard};
use bole_blobs::{Code, chunks};
use bole_catalog::Catalog;
use bole_log::{Journal, MemoryJournal};
use bole_shard::participant::Participant;
use bole_shard::participant::suite::FakeTopics;
use bole_shard::{Runtime, runtime};
use bole_testing::process::{TempDir, temp_dir};

pub(crate) const OWNER: &str = "owner";

pub(crate) struct Node {
    pub(crate) blobs: Blobs,
    pub(crate) chunks: Memory,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) shard: Arc<Shard>,
    /// The topics `below` and `above`, whose logs are on both sides of the blobs'.
    pub(crate) topics: Arc<FakeTopics>,
    runtime: Arc<Runtime>,
    pub(crate) journal: Arc<MemoryJournal>,
    folder: PathBuf,
    dir: TempDir,
}

/// Runs a future; the journal fsyncs whenever it waits.
#[track_caller]
fn drive<T>(journal: &MemoryJournal, upkeep: impl Fn(), future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    for _ in 0..1_000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
        journal.sync();
        upkeep();
    }
    panic!("it waits for something that never comes");
}

/// The state, with topics that take all events.
fn over(runtime: &Arc<Runtime>, shard: &Arc<Shard>, topics: &Arc<FakeTopics>, homes: Homes) -> Blobs {
    let participant = Arc::clone(topics) as Arc<dyn Participant>;
    let streams = Some(Streams { participant, may_write: Box::new(|_, _| true) });
    let around = Around { streams, ..Around::default() };
    Blobs::with_homes(Arc::clone(runtime), Arc::clone(shard), homes, Durability::Sync, around)
}

impl Node {
    pub(crate) fn new() -> Self {
        let dir = temp_dir("blobs-state").unwrap();
        let folder = dir.path().to_owned();
        Self::open(dir, &folder, Arc::new(MemoryJournal::by_hand()), Memory::default(), Arc::default())
    }

    fn open(
        dir: TempDir,
        folder: &Path,
        journal: Arc<MemoryJournal>,
        chunks: Memory,
        clock: Arc<ManualClock>,
    ) -> Self {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let shared = Arc::clone(&journal) as Arc<dyn Journal>;
        let root = folder.join("checkpoints");
        let settings = runtime::Config::default();
        let runtime = Arc::new(Runtime::new(shared, Arc::clone(&disk), clock.clone(), root, settings));
        let catalog = Catalog::host(Arc::clone(&runtime)).unwrap();
        let logs = [("below", LogId(8)), ("above", LogId(1 << 40))];
        let topics = Arc::new(FakeTopics::host(&runtime, &logs, Durability::Sync).unwrap());
        let run =
            |future: std::pin::Pin<Box<dyn Future<Output = Arc<Shard>> + '_>>| drive(&journal, || (), future);
        let shard = run(Box::pin(async {
            runtime.recover(&[LogId::CATALOG]).await.unwrap();
            let config =
                Config { store: bole_ordered::Config::small(), with_thread: false, ..Config::default() };
            let shard = state::host(&runtime, &catalog, disk, &folder.join("rows"), config).await.unwrap();
            runtime.recover(&[]).await.unwrap();
            shard
        }));
        let home = Arc::new(chunks.clone()) as Arc<dyn Home>;
        let blobs = over(&runtime, &shard, &topics, Homes::local(home));
        Self { topics, blobs, chunks, clock, shard, runtime, journal, folder: folder.to_owned(), dir }
    }

    /// The same node with other homes of chunks.
    pub(crate) fn rehome(&mut self, homes: Homes) {
        let (runtime, shard) = (Arc::clone(&self.runtime), Arc::clone(&self.shard));
        self.blobs = over(&runtime, &shard, &self.topics, homes);
    }

    #[track_caller]
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let upkeep = || {
            let store = self.shard.lock().map(|locked| locked.store().store().cloned());
            if let Ok(Ok(store)) = store {
                store.maintain().unwrap();
            }
        };
        drive(&self.journal, upkeep, future)
    }

    #[track_caller]
    pub(crate) fn change<T>(&self, decide: impl FnMut(&mut Plan<'_>) -> Result<T>) -> Result<T> {
        self.run(self.blobs.change(Some(OWNER), 100, decide))
    }

    #[track_caller]
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Plan<'_>) -> Result<T>) -> Result<T> {
        self.run(self.blobs.read(look))
    }

    /// Ends as a killed process does, and opens again. What was not fsynced is lost.
    pub(crate) fn restart(self) -> Self {
        let kept: Position = self.journal.reached(Durability::Sync);
        let journal = Arc::new(self.journal.crash(kept));
        let Self { blobs, shard, topics, runtime, chunks, clock, folder, dir, .. } = self;
        drop((blobs, shard, topics, runtime));
        Self::open(dir, &folder, journal, chunks, clock)
    }

    pub(crate) fn checkpoint(&self) {
        self.run(self.runtime.checkpoint_all()).unwrap();
    }

    /// The service's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    #[track_caller]
    pub(crate) fn bucket(&self, name: &str) {
        self.create(name, false).unwrap();
    }

    pub(crate) fn create(&self, name: &str, object_lock: bool) -> Result<()> {
        let create = buckets::Create { name, owner: OWNER, account: "a", region: "r", object_lock };
        self.change(|plan| buckets::create(plan, &create).map(drop))
    }

    #[track_caller]
    pub(crate) fn versioning(&self, name: &str, enabled: bool) {
        self.change(|plan| buckets::set_versioning(plan, name, enabled)).unwrap();
    }

    /// The bytes as a body: inline up to 100 bytes, a chunk beyond.
    #[track_caller]
    pub(crate) fn body(&self, bytes: &[u8]) -> NewBody {
        if bytes.len() <= 100 {
            return NewBody::Inline(bytes.to_vec().into());
        }
        let id = self.run(self.blobs.new_chunk()).unwrap();
        let mut writer = Writer::create(&**self.blobs.home(), id, bytes.len() as u64).unwrap();
        writer.push(bytes).unwrap();
        NewBody::Chunk(writer.finish().unwrap())
    }

    pub(crate) fn put_with<'a>(&self, bucket: &'a str, key: &'a str, bytes: &[u8]) -> Put<'a> {
        let attributes = Attributes { owner: OWNER.to_owned(), ..Attributes::default() };
        Put {
            bucket,
            key,
            body: self.body(bytes),
            md5: md5(bytes),
            checksum: None,
            attributes,
            conditions: Conditions::default(),
        }
    }

    /// Puts an object; what it was refused with.
    #[track_caller]
    pub(crate) fn put(&self, bucket: &str, key: &str, bytes: &[u8]) -> Made {
        let asked = self.put_with(bucket, key, bytes);
        self.change(|plan| put::put(plan, &asked)).unwrap()
    }

    /// What an object holds.
    pub(crate) fn get(&self, bucket: &str, key: &str, id: Option<VersionId>) -> Result<Vec<u8>> {
        let open = self.run(self.blobs.open(bucket, key, id))?;
        Ok(self.bytes(&open, 0..u64::MAX))
    }

    pub(crate) fn bytes(&self, open: &read::Open, range: Range<u64>) -> Vec<u8> {
        let home = Arc::clone(self.blobs.home());
        let segments = open.segments(&range).unwrap().into_iter();
        let blocks = segments.flat_map(|segment| segment.read(&home)).map(Result::<_, chunks::Error>::unwrap);
        blocks.flatten().collect()
    }

    /// All versions of a bucket: key, id, whether it is the latest, bytes; nothing for a delete marker.
    #[track_caller]
    pub(crate) fn versions(&self, bucket: &str) -> Vec<(String, VersionId, bool, Option<u64>)> {
        let mut marker: Option<Marker> = None;
        let mut all = Vec::new();
        loop {
            let query = Query { prefix: "", delimiter: "", marker: marker.as_ref(), max: 2 };
            let (_, page) = self.run(self.blobs.list_versions(bucket, &query)).unwrap();
            all.extend(page.entries.into_iter().map(|listed| {
                let version = listed.item.version;
                assert_eq!(listed.sub, version.id().to_string());
                let bytes = version.object().map(|object| object.bytes);
                (listed.key, version.id(), listed.item.is_latest, bytes)
            }));
            marker = page.next;
            if marker.is_none() {
                return all;
            }
        }
    }

    /// The keys of a bucket's objects.
    #[track_caller]
    pub(crate) fn keys(&self, bucket: &str) -> Vec<String> {
        let query = Query { prefix: "", delimiter: "", marker: None, max: 1_000 };
        let (_, page) = self.run(self.blobs.list_objects(bucket, &query)).unwrap();
        page.entries.into_iter().map(|listed| listed.key).collect()
    }

    /// Removes all garbage that may go.
    pub(crate) fn reclaim(&self) -> usize {
        let mut place = Place::default();
        let mut gone = 0;
        loop {
            match self.run(self.blobs.reclaim(&mut place)).unwrap() {
                0 => return gone,
                more => gone += more,
            }
        }
    }

    /// The chunks that there are.
    pub(crate) fn chunk_ids(&self) -> Vec<ChunkId> {
        (0..=u8::MAX).flat_map(|place| self.chunks.list(place).unwrap()).collect()
    }
}

pub(crate) fn md5(bytes: &[u8]) -> [u8; 16] {
    let mut hasher = EtagHasher::default();
    hasher.update(bytes);
    hasher.finish()
}

/// Bytes that are unlike others.
pub(crate) fn body(seed: u8, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at * 7 + at / 251) as u8 ^ seed).collect()
}

/// The code that an operation was refused with.
#[track_caller]
pub(crate) fn code<T: std::fmt::Debug>(outcome: Result<T>) -> Code {
    match outcome {
        Err(Error::Refused(refusal)) => refusal.code,
        other => panic!("it is not refused: {other:?}"),
    }
}
