//! A state whose effects are lists of puts and deletes, and a node of one shard on it.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bole_base::clock::ManualClock;
use bole_base::{Disk, Durability, LogId, Position, RealDisk};
use bole_log::{Journal, MemoryJournal, PayloadKind};
use bole_ordered::{Config, Effects, Mutations, OrderedState, Partition};
use bole_shard::durable::DurableShard;
use bole_shard::{ApplyError, Error, Hosted, Runtime, runtime};
use bytes::Bytes;

pub(crate) const LOG: LogId = LogId(16);
pub(crate) const OVERLAY_BYTES_MAX: usize = 8_000;

/// One put or delete: partition, key, value.
pub(crate) type Step = (u8, Vec<u8>, Option<Vec<u8>>);
/// What partitions hold.
pub(crate) type Contents = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

pub(crate) fn step(contents: &mut Contents, steps: &[Step]) {
    for (partition, key, value) in steps {
        match value {
            Some(value) => drop(contents.insert((*partition, key.clone()), value.clone())),
            None => drop(contents.remove(&(*partition, key.clone()))),
        }
    }
}

pub(crate) struct Steps;

impl Effects for Steps {
    type Effect = Vec<Step>;

    fn kind(_: &Vec<Step>) -> (PayloadKind, u8) {
        (PayloadKind(79), 1)
    }

    fn encode(effect: &Vec<Step>, out: &mut Vec<u8>) {
        for (partition, key, value) in effect {
            out.push(*partition);
            out.push(u8::from(value.is_some()));
            for part in [Some(key), value.as_ref()].into_iter().flatten() {
                out.extend_from_slice(&(part.len() as u32).to_le_bytes());
                out.extend_from_slice(part);
            }
        }
    }

    fn decode(_: PayloadKind, _: u8, payload: &[u8]) -> Result<Vec<Step>, ApplyError> {
        let mut rest = payload;
        let mut steps = Vec::new();
        while let Some((&[partition, is_put], after)) = rest.split_first_chunk::<2>() {
            rest = after;
            let mut part = || {
                let (length, after) = rest.split_first_chunk::<4>()?;
                let (part, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
                rest = after;
                Some(part.to_vec())
            };
            let key = part();
            let value = if is_put == 1 { part().map(Some) } else { Some(None) };
            match (key, value) {
                (Some(key), Some(value)) if partition != 0 => steps.push((partition, key, value)),
                _ => return Err(ApplyError::Malformed("it ends early".into())),
            }
        }
        if rest.is_empty() { Ok(steps) } else { Err(ApplyError::Malformed("it ends early".into())) }
    }

    fn mutations(effect: &Vec<Step>, out: &mut Mutations) {
        for (partition, key, value) in effect {
            let partition = Partition::new(*partition);
            match value {
                Some(value) => out.put(partition, key.clone(), value.clone()),
                None => out.delete(partition, key.clone()),
            }
        }
    }

    fn frees(effect: &Vec<Step>) -> bool {
        effect.iter().all(|(.., value)| value.is_none())
    }
}

pub(crate) type State = OrderedState<Steps>;

pub(crate) struct Node {
    pub(crate) folder: PathBuf,
    pub(crate) journal: Arc<MemoryJournal>,
    pub(crate) runtime: Runtime,
    pub(crate) shard: Arc<DurableShard<State>>,
    /// In order of position.
    pub(crate) appended: Vec<(Position, Vec<Step>)>,
}

impl Node {
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        folder: &Path,
        journal: Arc<MemoryJournal>,
        appended: Vec<(Position, Vec<Step>)>,
    ) -> Self {
        let state = State::open_by_hand(Arc::clone(disk), folder, LOG, Config::small()).unwrap();
        let shared = Arc::clone(&journal) as Arc<dyn Journal>;
        let root = folder.with_extension("checkpoints");
        let clock = Arc::new(ManualClock::new());
        let runtime = Runtime::new(shared, Arc::clone(disk), clock, root, runtime::Config::default());
        let shard = Arc::new(DurableShard::new(LOG, "default/test/steps#0", state, OVERLAY_BYTES_MAX));
        runtime.host(Arc::clone(&shard) as Arc<dyn Hosted>).unwrap();
        let node = Self { folder: folder.to_owned(), journal, runtime, shard, appended };
        node.run(node.runtime.recover(&[])).unwrap();
        node
    }

    pub(crate) fn new(folder: &Path) -> Self {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        Self::open(&disk, folder, Arc::new(MemoryJournal::by_hand()), Vec::new())
    }

    /// Runs a future; the journal fsyncs and the store is kept up whenever it waits.
    #[track_caller]
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        for _ in 0..1_000 {
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return value;
            }
            self.journal.sync();
            if let Ok(locked) = self.shard.lock()
                && let Ok(store) = locked.store().store().cloned()
            {
                drop(locked);
                let _full = store.maintain();
            }
        }
        panic!("it waits for something that never comes");
    }

    pub(crate) fn push(&mut self, steps: Vec<Step>) -> Result<Position, Error> {
        let mut transaction = self.runtime.transaction();
        loop {
            self.run(self.shard.admit(&mut transaction, 200))?;
            let mut locked = self.shard.lock()?;
            match locked.push(&mut transaction, Durability::Sync, steps.clone()) {
                Err(Error::Wait { .. }) => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    let position = transaction.append()?;
                    locked.appended(position);
                    self.appended.push((position, steps));
                    return Ok(position);
                }
            }
        }
    }

    pub(crate) fn checkpoint(&self) -> Result<(), Error> {
        self.run(self.runtime.checkpoint_all())
    }

    pub(crate) fn expected(&self) -> Contents {
        let mut contents = Contents::new();
        self.appended.iter().for_each(|(_, steps)| step(&mut contents, steps));
        contents
    }

    /// Ends as a killed process does: what is in memory is gone, and of the journal as much is left as `keep` says of what was not fsynced.
    pub(crate) fn kill(
        self,
        keep: impl FnOnce(Position, Position) -> Position,
    ) -> (PathBuf, Arc<MemoryJournal>, Vec<(Position, Vec<Step>)>) {
        let kept = keep(self.journal.reached(Durability::Sync), self.journal.end());
        let journal = Arc::new(self.journal.crash(kept));
        let mut appended = self.appended;
        appended.retain(|(position, _)| *position <= kept);
        (self.folder, journal, appended)
    }
}

pub(crate) fn owned(entries: Vec<(Bytes, Bytes)>) -> Vec<(Vec<u8>, Vec<u8>)> {
    entries.into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}
