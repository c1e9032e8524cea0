//! A full disk refuses writes before anything is applied, takes deletes, flushes into the reserve, and goes on when there is room again.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bole_base::{Disk, File, RealDisk};
use bole_log::MemoryJournal;
use bole_ordered::{Config, Direction, Mutations, Partition, Range, Store, View};
use bole_shard::Error;
use bole_shard::durable::{Durable as _, Stand};
use bole_testing::process::temp_dir;

use crate::world::{LOG, Node, Step};

/// The real disk, on which so many bytes are said to be free.
struct Tight(AtomicU64);

impl Disk for Tight {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        RealDisk.open(path)
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        RealDisk.create(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir(dir)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }
    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(self.0.load(Ordering::Relaxed))
    }
}

fn put(number: u8, bytes: usize) -> Vec<Step> {
    vec![(1, vec![number], Some(vec![number; bytes]))]
}

#[test]
fn a_full_disk_refuses_writes_and_takes_deletes() {
    let dir = temp_dir("ordered-full").unwrap();
    let folder = dir.path().join("store");
    let tight = Arc::new(Tight(AtomicU64::new(1 << 30)));
    let disk: Arc<dyn Disk> = Arc::clone(&tight) as Arc<dyn Disk>;
    let mut node = Node::open(&disk, &folder, Arc::new(MemoryJournal::by_hand()), Vec::new());
    assert_eq!(folder.join("reserve").metadata().unwrap().len(), Config::small().reserve_bytes());
    tight.0.store(1_000, Ordering::Relaxed);
    node.push(put(1, 100)).unwrap();
    node.journal.sync();
    assert!(node.shard.lock().unwrap().store().room(&put(2, 1)).is_ok(), "the reserve is still there");
    node.checkpoint().unwrap();
    assert!(!folder.join("reserve").exists(), "the flush had its place");

    let refused = node.push(put(2, 100)).unwrap_err();
    let Error::Journal(bole_log::Error::Full(text)) = &refused else { panic!("{refused}") };
    assert!(text.contains(&folder.display().to_string()) && text.contains("1000 B free"), "{text}");
    assert_eq!(node.shard.lock().unwrap().overlay().len(), 0, "nothing was shown");
    node.push(vec![(1, vec![1], None)]).unwrap();

    tight.0.store(1 << 30, Ordering::Relaxed);
    let store = node.shard.lock().unwrap().store().store().unwrap().clone();
    store.maintain().unwrap();
    assert!(folder.join("reserve").exists());
    node.push(put(2, 100)).unwrap();
    let (folder, journal, appended) = node.kill(|_, end| end);
    drop(store);
    let node = Node::open(&disk, &folder, journal, appended);
    let locked = node.shard.lock().unwrap();
    let view = View::of(&locked).unwrap();
    assert_eq!(view.get(Partition::new(1), &[1]).unwrap(), None);
    assert_eq!(view.get(Partition::new(1), &[2]).unwrap().map(|value| value.len()), Some(100));
}

/// Memory is bounded: when one memtable waits for its flush and the other is full, the store is not ready, and a flush makes it so.
#[test]
fn a_store_says_when_a_write_would_have_to_wait() {
    let dir = temp_dir("ordered-ready").unwrap();
    let config = Config::small();
    let store = Store::open(Arc::new(RealDisk), &dir.path().join("store"), LOG, config).unwrap();
    let mut stand = Stand::default();
    let mut written = 0;
    while store.ready() {
        stand.next = stand.next.next();
        let mut mutations = Mutations::new();
        mutations.put(Partition::new(1), stand.next.0.to_be_bytes().to_vec(), vec![1_u8; 500]);
        store.write(&mutations, stand).unwrap();
        written += 1;
        assert!(store.status().memtable_bytes <= config.memtable_bytes + 2_000, "{:?}", store.status());
    }
    assert!(written > 20, "{written}");
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(store.poll_ready(&mut context).is_pending());
    assert!(store.maintain().unwrap());
    assert!(store.poll_ready(&mut context).is_ready());
    assert!(store.durable().next > Stand::default().next && store.durable().next < stand.next);
    assert_eq!(store.persist().unwrap(), stand);
    assert_eq!(store.status().memtable_bytes, 0);
}

/// The tree's list counts young tables in one byte, and nobody merges them here but the flushes themselves.
#[test]
fn checkpoints_without_end_leave_few_tables() {
    let dir = temp_dir("ordered-checkpoints").unwrap();
    let folder = dir.path().join("store");
    let store = Store::open(Arc::new(RealDisk), &folder, LOG, Config::small()).unwrap();
    let mut stand = Stand::default();
    let mut young_max = 0;
    for _ in 0..300 {
        stand.next = stand.next.next();
        let mut mutations = Mutations::new();
        mutations.put(Partition::new(1), stand.next.0.to_be_bytes().to_vec(), vec![1_u8; 20]);
        store.write(&mutations, stand).unwrap();
        assert_eq!(store.persist().unwrap(), stand);
        young_max = young_max.max(store.status().young_tables);
    }
    assert!((12..=64).contains(&young_max), "{young_max}");
    drop(store);
    let store = Store::open(Arc::new(RealDisk), &folder, LOG, Config::small()).unwrap();
    assert_eq!(store.stand(), stand);
    let scan = store.snapshot().scan(&Range::all(Partition::new(1)), Direction::Backward).count();
    assert_eq!(scan, 300);
}
