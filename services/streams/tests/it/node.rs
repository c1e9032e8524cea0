//! A partition on a real journal, for the tests of this folder.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use bole_base::{Durability, LogId, RealDisk, SystemClock};
use bole_log::{Extents, LocalJournal};
use bole_shard::{Hosted, Runtime, runtime};
use bole_streams::compaction::plan;
use bole_streams::compaction::run::{self, Run, Step};
use bole_streams::partition::Partition;
use bole_streams::partition::append::Terms;
use bole_streams::partition::entry::Marker;
use bole_streams::partition::files::SegmentFiles;
use bole_streams::partition::read::Isolation;
use bytes::Bytes;

const LOG: LogId = LogId(20);

/// A journal, a runtime and one partition.
pub(crate) struct Node {
    pub(crate) runtime: Runtime,
    pub(crate) files: Arc<SegmentFiles>,
    pub(crate) partition: Arc<Partition>,
    pub(crate) journal: Arc<LocalJournal>,
}

impl Node {
    pub(crate) async fn open(dir: &Path, class: Durability) -> Self {
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
        Self { runtime, files, partition, journal }
    }

    /// Appends a batch and waits until it is durable and shown.
    pub(crate) async fn append(&self, body: &Bytes, segment_bytes: u64) -> i64 {
        let terms = Terms { segment_bytes, segment_ms: i64::MAX, expected_offset: None };
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

    /// Ends a transaction.
    pub(crate) async fn end(&self, body: &Bytes, commit: bool, segment_bytes: u64) {
        let terms = Terms { segment_bytes, segment_ms: i64::MAX, expected_offset: None };
        let marker = if commit { Marker::Commit } else { Marker::Abort };
        let mut transaction = self.runtime.transaction();
        transaction.admit(1_000).await.unwrap();
        let position = {
            let mut locked = self.partition.lock().unwrap();
            self.partition.push(&mut locked, &mut transaction, body, marker, &terms).unwrap();
            let position = transaction.append().unwrap();
            locked.appended(position);
            locked.state_mut().appended(position);
            position
        };
        let journal = self.runtime.journal();
        self.partition.reached(&**journal, position).await.unwrap();
        self.partition.lock().unwrap().state_mut().advance(journal.reached(self.partition.class()));
    }

    /// Runs one compaction, if it is due. Whether it was.
    pub(crate) async fn compact(&self, terms: plan::Terms) -> bool {
        let due = plan::due(self.partition.lock().unwrap().state(), terms);
        let Some(plan) = due else { return false };
        self.partition.flush(&**self.runtime.journal()).await.unwrap();
        let mut run = Run::new(Arc::clone(&self.partition), plan);
        loop {
            match run.step().unwrap() {
                Step::More(_) => {}
                Step::Done => return true,
                Step::Replace(replacement) => {
                    let mut transaction = self.runtime.transaction();
                    run::install(&self.partition, &mut transaction, replacement).await.unwrap().unwrap();
                }
            }
        }
    }

    /// Removes files as the janitor does.
    pub(crate) fn clean(&self) {
        let dropped = self.partition.take_dropped();
        assert!(self.runtime.journal().settle().unwrap());
        dropped.into_iter().for_each(|file| self.files.remove(file).unwrap());
    }

    /// Every batch, read with fetches of `bytes_max` bytes.
    pub(crate) fn all(&self, bytes_max: usize) -> Vec<(i64, Bytes)> {
        let (mut from, mut found) = (self.partition.lock().unwrap().state().log_start, Vec::new());
        loop {
            let (_, batches) = self.partition.read(from, Isolation::Uncommitted, bytes_max).unwrap();
            let Some(last) = batches.batches.last() else { return found };
            from = last.last_offset() + 1;
            found.extend(batches.batches.into_iter().map(|batch| (batch.base_offset, batch.body)));
        }
    }
}
