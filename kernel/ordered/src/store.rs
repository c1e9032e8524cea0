//! A store: one log-structured merge tree in a folder, with the stand inside.
//!
//! ```text
//! FOLDER/format     32 bytes: what this is, its version, whose log it belongs to, whether it ever persisted
//! FOLDER/reserve    zeros as long as all memtables need on the disk
//! FOLDER/tree/      the tree's own files: `current` names the newest list of tables `vN`; `tables/`
//! ```
//!
//! A write goes into a memtable. When that is half of what may be in memory, it is *sealed*: the stand is put in, and the next one
//! takes the writes. A flush makes a table of it and then replaces the list of tables, atomically; so the disk holds what was
//! written up to a stand, with that stand. The tree is that of fjall, without fjall's log: everything that a crash takes out of
//! memtables is in the shard's own.
//!
//! # Invariants
//! - The stand and the writes below it are in the same memtable or in older ones.
//! - Reads see whole batches: a snapshot ends where the last batch did.
//! - A snapshot is registered before it is used, so that nothing which it sees goes.
//! - After a failure of the disk nothing is written any more.

mod check;
mod files;
mod reserve;
mod snapshots;
mod upkeep;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use bole_base::{Disk, Epoch, LogId, Offset};
use bole_shard::durable::Stand;
use lsm_tree::config::PinningPolicy;
use lsm_tree::{AbstractTree, AnyTree, Cache, DescriptorTable, SequenceNumberCounter};
use parking_lot::Mutex;

pub use check::{Checked, Show, check, walk};
pub use snapshots::{Scan, Snapshot};
pub use upkeep::Maintenance;

use crate::{Config, Error, Mutation, Mutations, Partition};
use reserve::Reserve;
use snapshots::Snapshots;
use upkeep::Work;

/// The key of the stand, in the store's own partition. *Persisted.*
const STAND: &[u8] = b"stand";
const STAND_BYTES: usize = 16;

/// An open store. Clones are the same store.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    log: LogId,
    disk: Arc<dyn Disk>,
    config: Config,
    tree: AnyTree,
    cache: Arc<Cache>,
    /// Numbers every write and every list of tables.
    numbers: SequenceNumberCounter,
    snapshots: Snapshots,
    writing: Mutex<Writing>,
    upkeep: Mutex<Upkeep>,
    /// Whether the reserve is on the disk.
    reserved: AtomicBool,
    /// Why nothing is written any more.
    failure: OnceLock<String>,
    /// Who waits until the store is ready.
    waiting: Mutex<Vec<Waker>>,
    work: Work,
}

/// Changed by writes, and by flushes for a moment.
struct Writing {
    stand: Stand,
    /// Bytes of the memtable that takes writes.
    active_bytes: u64,
    sealed: Option<Sealed>,
    /// Where the disk stands.
    durable: Stand,
}

/// A memtable that waits to be flushed.
#[derive(Clone, Copy)]
struct Sealed {
    stand: Stand,
    bytes: u64,
}

/// Of the one who flushes and compacts; held while it does.
struct Upkeep {
    reserve: Reserve,
    /// Whether the format file says that the store has persisted.
    born: bool,
}

/// What a store takes and where it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Where it stands.
    pub stand: Stand,
    /// Where it stands on the disk.
    pub durable: Stand,
    /// Bytes in memtables.
    pub memtable_bytes: u64,
    /// Bytes of blocks in the cache.
    pub cache_bytes: u64,
    /// Bytes of filters and indexes that stay in memory.
    pub pinned_bytes: u64,
    /// Bytes on the disk, the reserve included.
    pub disk_bytes: u64,
    /// Tables.
    pub tables: usize,
    /// Tables that are not merged with the others yet.
    pub young_tables: usize,
    /// Snapshots that are open; each keeps what it sees from going.
    pub snapshots: usize,
    /// Whether the reserve is on the disk. While it is not, writes are refused.
    pub reserved: bool,
}

impl Store {
    /// Opens the store of log `log` in `folder`, or makes an empty one there. Blocks on the disk.
    ///
    /// Errors: `Refused` for settings, or a folder of another version or log; `Damaged`; `Full`; `Io`.
    pub fn open(disk: Arc<dyn Disk>, folder: &Path, log: LogId, config: Config) -> Result<Self, Error> {
        config.check()?;
        let born = files::prepare(&*disk, folder, log)?;
        let cache = Arc::new(Cache::with_capacity_bytes(config.cache_bytes));
        let numbers = SequenceNumberCounter::new(1);
        let tree = files::open_tree(folder, |tree| {
            lsm_tree::Config::new(tree, numbers.clone(), SequenceNumberCounter::new(1))
                .use_cache(Arc::clone(&cache))
                .use_descriptor_table(Some(Arc::new(DescriptorTable::new(config.open_files_max))))
                // In one piece, the filter of a table of millions of small rows is larger than what the cache keeps of one block, and each look reads it from the disk.
                .filter_block_partitioning_policy(PinningPolicy::new([false, true]))
                .index_block_partitioning_policy(PinningPolicy::new([false, true]))
        })?;
        let stand = read_stand(folder, &tree)?;
        if born && stand.is_none() {
            return Err(Error::damaged(folder, "it has persisted a stand, and there is none"));
        }
        let stand = stand.unwrap_or_default();
        numbers.fetch_max(tree.get_highest_seqno().map_or(1, |highest| highest + 1));
        let reserve = Reserve::open(&*disk, folder, config.reserve_bytes())
            .map_err(|error| Error::io(folder, &error))?;
        let inner = Inner {
            folder: folder.to_owned(),
            log,
            disk,
            config,
            tree,
            cache,
            snapshots: Snapshots::new(numbers.get()),
            numbers,
            writing: Mutex::new(Writing { stand, active_bytes: 0, sealed: None, durable: stand }),
            reserved: AtomicBool::new(reserve.is_whole()),
            upkeep: Mutex::new(Upkeep { reserve, born }),
            failure: OnceLock::new(),
            waiting: Mutex::default(),
            work: Work::default(),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// The store's folder.
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Where the store stands.
    pub fn stand(&self) -> Stand {
        self.0.writing.lock().stand
    }

    /// Where the store stands on the disk.
    pub fn durable(&self) -> Stand {
        self.0.writing.lock().durable
    }

    /// Takes in a batch and moves the stand, both or neither, also after a crash. In memory: it does not wait for the disk if the
    /// store is ready, but for a flush or a compaction that replaces the list of tables at this moment.
    ///
    /// Panics if the stand does not move forward. Errors: `Refused` (see [`Mutations::check`]) with nothing changed; `Io` after a failure.
    pub fn write(&self, mutations: &Mutations, stand: Stand) -> Result<(), Error> {
        mutations.check()?;
        self.0.check_failure()?;
        let mut writing = self.0.writing.lock();
        assert!(stand.next > writing.stand.next, "{:?} comes after {:?}", stand, writing.stand);
        for mutation in mutations {
            writing.active_bytes += self.0.insert(mutation);
        }
        writing.stand = stand;
        self.0.snapshots.publish(self.0.numbers.get());
        if writing.active_bytes >= self.0.config.memtable_bytes / 2 && writing.sealed.is_none() {
            self.0.seal(&mut writing);
            drop(writing);
            self.0.work.wake();
        }
        Ok(())
    }

    /// Whether a write would not fill memory beyond its bound. If not, one waits for a flush, with [`Store::poll_ready`].
    pub fn ready(&self) -> bool {
        let writing = self.0.writing.lock();
        writing.sealed.is_none()
            || writing.active_bytes < self.0.config.memtable_bytes / 2
            || self.0.failure.get().is_some()
    }

    /// Ready when the store is; the context is woken when that changed.
    pub fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        // Registered first, so that a flush which ends in between wakes it.
        self.0.waiting.lock().push(context.waker().clone());
        if self.ready() {
            self.0.waiting.lock().retain(|waker| !waker.will_wake(context.waker()));
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Whether the reserve is there, without which no write is to be taken: what is in memory must find room on the disk. The error is a
    /// sentence for the operator; whoever runs the upkeep looks for room again.
    pub fn room(&self) -> Result<(), String> {
        if self.0.reserved.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.0.work.wake();
        let folder = self.0.folder.display();
        let needed = bole_base::units::format_bytes(self.0.config.reserve_bytes());
        Err(match self.0.disk.free_bytes(&self.0.folder) {
            Ok(free) => {
                let free = bole_base::units::format_bytes(free);
                format!("the disk of {folder} has {free} free, and the store there needs {needed} in reserve")
            }
            Err(error) => format!("how much is free on the disk of {folder} is not known: {error}"),
        })
    }

    /// What the store holds now, whatever is written later.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::open(self.clone())
    }

    /// What it takes and where it stands.
    pub fn status(&self) -> Status {
        let inner = &*self.0;
        let tree = &inner.tree;
        let mut status = Status {
            cache_bytes: inner.cache.size(),
            pinned_bytes: (tree.pinned_filter_size() + tree.pinned_block_index_size()) as u64,
            disk_bytes: tree.disk_space(),
            tables: tree.table_count(),
            young_tables: tree.level_table_count(0).unwrap_or_default(),
            snapshots: inner.snapshots.count(),
            reserved: inner.reserved.load(Ordering::Relaxed),
            ..Status::default()
        };
        if status.reserved {
            status.disk_bytes += inner.config.reserve_bytes();
        }
        let writing = inner.writing.lock();
        (status.stand, status.durable) = (writing.stand, writing.durable);
        status.memtable_bytes = writing.active_bytes + writing.sealed.map_or(0, |sealed| sealed.bytes);
        status
    }

    /// Closes the store and removes its folder: the dataset was dropped. Clones and snapshots must be gone; what is in their tables may
    /// be removed under them.
    pub fn destroy(self) -> Result<(), Error> {
        let folder = self.0.folder.clone();
        // Whoever is at it has finished after this.
        let upkeep = self.0.upkeep.lock();
        let _closed = self.0.failure.set("the store was dropped".to_owned());
        files::remove(&folder).map_err(|error| Error::io(&folder, &error))?;
        drop(upkeep);
        Ok(())
    }
}

impl Inner {
    /// The bytes that it takes. Each has a number of its own: two of one key in a batch stand in order.
    fn insert(&self, mutation: &Mutation) -> u64 {
        let key = mutation.partition.stored(&mutation.key);
        let number = self.numbers.next();
        match &mutation.value {
            Some(value) => self.tree.insert(key, value.clone(), number).0,
            None => self.tree.remove(key, number).0,
        }
    }

    /// Puts the stand into the memtable and lets the next one take writes.
    fn seal(&self, writing: &mut Writing) {
        let stand = writing.stand;
        let value = encode_stand(stand);
        let stand_mutation =
            Mutation { partition: Partition::OWN, key: STAND.into(), value: Some(value.to_vec().into()) };
        let bytes = writing.active_bytes + self.insert(&stand_mutation);
        self.snapshots.publish(self.numbers.get());
        self.tree.rotate_memtable();
        writing.active_bytes = 0;
        writing.sealed = Some(Sealed { stand, bytes });
    }

    fn check_failure(&self) -> Result<(), Error> {
        match self.failure.get() {
            None => Ok(()),
            Some(reason) => Err(Error::Io { folder: self.folder.clone(), reason: reason.clone() }),
        }
    }

    /// Ends all writing.
    fn fail(&self, error: Error) -> Error {
        let _first_counts = self.failure.set(error.to_string());
        self.wake_waiting();
        error
    }

    fn wake_waiting(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock());
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// *Persisted*: `u32 epoch, u32 zero, u64 next`, little-endian.
fn encode_stand(stand: Stand) -> [u8; STAND_BYTES] {
    let mut out = [0; STAND_BYTES];
    out[..4].copy_from_slice(&stand.epoch.0.to_le_bytes());
    out[8..].copy_from_slice(&stand.next.0.to_le_bytes());
    out
}

fn decode_stand(bytes: &[u8]) -> Option<Stand> {
    let bytes: &[u8; STAND_BYTES] = bytes.try_into().ok()?;
    let (epoch, rest) = bytes.split_first_chunk::<4>()?;
    let (zero, next) = rest.split_first_chunk::<4>()?;
    let next = next.first_chunk::<8>()?;
    (*zero == [0; 4])
        .then(|| Stand { epoch: Epoch(u32::from_le_bytes(*epoch)), next: Offset(u64::from_le_bytes(*next)) })
}

/// The stand inside a tree, if it has one.
fn read_stand(folder: &Path, tree: &AnyTree) -> Result<Option<Stand>, Error> {
    let key = Partition::OWN.stored(STAND);
    let Some(bytes) = tree.get(key, lsm_tree::SeqNo::MAX).map_err(|error| Error::tree(folder, &error))?
    else {
        return Ok(None);
    };
    let stand = decode_stand(&bytes);
    stand.map(Some).ok_or_else(|| Error::damaged(folder, format!("its stand is {:?}", &*bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_is_written_as_drawn() {
        let stand = Stand { epoch: Epoch(7), next: Offset(0x0102) };
        let bytes = encode_stand(stand);
        assert_eq!(bytes, [7, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(decode_stand(&bytes), Some(stand));
        assert_eq!(decode_stand(&bytes[1..]), None);
        assert_eq!(decode_stand(&[1; STAND_BYTES]), None);
    }
}
