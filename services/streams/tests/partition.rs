//! A partition on a real journal: what is appended is read back, from memory, from files, and after restarts of every kind.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use bole_base::{Durability, LogId, RealDisk, SystemClock};
use bole_log::{Extents, LocalJournal};
use bole_shard::{Hosted, Runtime, runtime};
use bole_streams::partition::Partition;
use bole_streams::partition::append::Terms;
use bole_streams::partition::files::SegmentFiles;
use bole_streams::partition::read::Isolation;
use bytes::Bytes;

const LOG: LogId = LogId(20);

struct Node {
    runtime: Runtime,
    files: Arc<SegmentFiles>,
    partition: Arc<Partition>,
    _journal: Arc<LocalJournal>,
}

impl Node {
    async fn open(dir: &Path, class: Durability) -> Self {
        let disk = Arc::new(RealDisk);
        let clock = Arc::new(SystemClock::new());
        let files = Arc::new(SegmentFiles::open(Arc::clone(&disk) as _, &dir.join("streams")).unwrap());
        let mut config = bole_log::local::Config {
            reserve_bytes: 0,
            segment_bytes: 8 << 20,
            bytes_max: 64 << 20,
            ..Default::default()
        };
        config.extents.add(Arc::clone(&files) as Arc<dyn Extents>);
        let journal =
            LocalJournal::open(Arc::clone(&disk) as _, Arc::clone(&clock) as _, &dir.join("journal"), config);
        let journal = Arc::new(journal.unwrap().start().unwrap());
        let root = dir.join("checkpoints");
        let runtime = Runtime::new(Arc::clone(&journal) as _, disk, clock, root, runtime::Config::default());
        let partition = Arc::new(Partition::new(LOG, "default/streams/t#0", Arc::clone(&files), class));
        runtime.host(Arc::clone(&partition) as Arc<dyn Hosted>).unwrap();
        runtime.recover(&[]).await.unwrap();
        let named: HashSet<_> = partition
            .lock()
            .unwrap()
            .state()
            .segments
            .iter()
            .map(|segment| partition.file(segment.id))
            .collect();
        files.sweep(&named).unwrap();
        Self { runtime, files, partition, _journal: journal }
    }

    async fn append(&self, body: &Bytes, segment_bytes: u64) -> i64 {
        let terms = Terms { segment_bytes, segment_ms: i64::MAX, now: 0 };
        let mut transaction = self.runtime.transaction();
        let appended = self.partition.append(&mut transaction, body, &terms).await.unwrap();
        let (journal, class) = (self.runtime.journal(), self.partition.class());
        journal.write_queued().unwrap();
        std::future::poll_fn(|context| journal.poll_reached(class, appended.position, context))
            .await
            .unwrap();
        self.partition.lock().unwrap().state_mut().advance(journal.reached(class));
        appended.base_offset
    }

    /// Every batch, read with fetches of `bytes_max` bytes.
    fn all(&self, bytes_max: usize) -> Vec<(i64, Bytes)> {
        let (mut from, mut found) = (self.partition.lock().unwrap().state().log_start, Vec::new());
        loop {
            let (_, batches) = self.partition.read(from, Isolation::Uncommitted, bytes_max).unwrap();
            let Some(last) = batches.batches.last() else { return found };
            from = last.last_offset() + 1;
            found.extend(batches.batches.into_iter().map(|batch| (batch.base_offset, batch.body)));
        }
    }
}

/// A body of `count` records and `bytes` bytes behind its fixed fields.
fn body(count: i32, bytes: usize, seed: u8) -> Bytes {
    let mut body = vec![2, 0, 0, 0, 0, 0, 0];
    body.extend((count - 1).to_be_bytes());
    body.extend(1_000_i64.to_be_bytes());
    body.extend((1_000 + i64::from(seed)).to_be_bytes());
    body.extend((-1_i64).to_be_bytes());
    body.extend((-1_i16).to_be_bytes());
    body.extend((-1_i32).to_be_bytes());
    body.extend(count.to_be_bytes());
    body.extend((0..bytes).map(|at| (at as u8).wrapping_mul(7) ^ seed));
    body.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_appended_is_read_back_after_every_kind_of_restart() {
    for class in [Durability::Sync, Durability::Async] {
        let dir = tempfile::tempdir().unwrap();
        let mut expected = Vec::new();
        // Records, bytes: below and above what becomes an extent in either class; a segment takes a few of them.
        let sizes =
            [(1, 10), (3, 9_000), (10, 300_000), (1, 100), (2, 100), (500, 700_000), (1, 20_000), (7, 5)];
        for round in 0..6_u8 {
            let node = Node::open(dir.path(), class).await;
            assert_eq!(node.all(1), expected, "{class:?}, round {round}: a batch at a time");
            assert_eq!(node.all(1 << 20), expected, "{class:?}, round {round}: a megabyte at a time");
            for (at, (count, bytes)) in sizes.into_iter().enumerate() {
                let body = body(count, bytes, round * 16 + at as u8);
                let base = node.append(&body, 1_500_000).await;
                expected.push((base, body));
                if at == 4 && round % 3 == 1 {
                    node.runtime.checkpoint_all().await.unwrap();
                    node.partition.lock().unwrap().state_mut().evict(i64::MAX);
                    assert_eq!(node.all(100_000), expected, "{class:?}, round {round}: from the files");
                }
            }
            assert_eq!(node.all(50_000), expected);
            if round % 2 == 0 {
                node.runtime.checkpoint_all().await.unwrap();
            }
        }
        let node = Node::open(dir.path(), class).await;
        assert_eq!(node.all(1 << 20), expected);
        let state_segments = node.partition.lock().unwrap().state().segments.len();
        assert!(state_segments > 3, "{state_segments} segments");
        let (extents, _) = node.files.written();
        assert_eq!(extents, 0, "nothing is written again that was fsynced");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timestamps_are_found_in_memory_and_in_files() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::open(dir.path(), Durability::Async).await;
    for at in 0..50 {
        node.append(&body(2, 1_000, at), 10_000).await;
    }
    let check = || {
        for (timestamp, expected) in
            [(0, Some(0)), (1_000, Some(0)), (1_001, Some(2)), (1_049, Some(98)), (1_050, None)]
        {
            let found = node.partition.find_timestamp(timestamp, Isolation::Uncommitted).unwrap();
            assert_eq!(found.map(|batch| batch.base_offset), expected, "{timestamp}");
        }
    };
    check();
    node.runtime.checkpoint_all().await.unwrap();
    check();
    node.partition.lock().unwrap().state_mut().evict(i64::MAX);
    check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_out_of_range_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::open(dir.path(), Durability::Sync).await;
    node.append(&body(3, 10, 0), 10_000).await;
    for (from, batches) in [(-1, None), (0, Some(1)), (2, Some(1)), (3, Some(0)), (4, None)] {
        let read = node.partition.read(from, Isolation::Uncommitted, 1_000);
        assert_eq!(read.ok().map(|(_, read)| read.batches.len()), batches, "{from}");
    }
}
