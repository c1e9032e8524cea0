//! The contract of states on disk, and stores that cannot be used.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bole_base::{Disk, RealDisk};
use bole_ordered::{Config, Direction, Error, PageLimits, Partition, Range, Store, View, check};
use bole_shard::Hosted as _;
use bole_shard::durable::{DurableLocked, suite};
use bole_testing::process::temp_dir;
use tempfile::TempDir;

use crate::world::{LOG, Node, State, Step};

const ONE: Partition = Partition::new(1);

fn number_step(number: u64) -> Vec<Step> {
    vec![(1, number.to_be_bytes().to_vec(), Some(vec![7; 50]))]
}

struct InFolder(TempDir);

impl InFolder {
    fn folder(&self) -> PathBuf {
        self.0.path().join("store")
    }
}

impl suite::Subject for InFolder {
    type State = State;

    fn disk(&self) -> Arc<dyn Disk> {
        bole_testing::FaultDisk::new(1, bole_testing::Faults::default())
    }
    fn open(&self) -> State {
        State::open(Arc::new(RealDisk), &self.folder(), LOG, Config::small()).unwrap()
    }
    fn effect(&self, number: u64) -> Vec<Step> {
        number_step(number)
    }
    fn seen(&self, locked: &DurableLocked<'_, State>) -> Vec<u64> {
        let view = View::of(locked).unwrap();
        let limits = PageLimits::entries(1_000);
        let page = view.page(&Range::all(ONE), Direction::Forward, limits).unwrap();
        let number = |key: &[u8]| u64::from_be_bytes(key.try_into().unwrap());
        page.entries.iter().map(|(key, _)| number(key)).collect()
    }
    fn damage(&self) {
        fs::write(self.folder().join("tree/current"), b"?").unwrap();
    }
}

#[test]
fn a_state_on_an_ordered_store_passes_the_contract() {
    suite::run(|| InFolder(temp_dir("ordered-contract").unwrap()));
}

fn newest_list(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder.join("tree")).unwrap().map(|file| file.unwrap().path());
    let mut lists: Vec<_> =
        files.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with('v')).collect();
    lists.sort();
    lists.pop().unwrap()
}

fn a_table(folder: &Path) -> PathBuf {
    fs::read_dir(folder.join("tree/tables")).unwrap().next().unwrap().unwrap().path()
}

/// Something that can happen to a folder.
type Damage = (&'static str, fn(&Path));

const DAMAGES: [Damage; 7] = [
    ("no current", |folder| fs::remove_file(folder.join("tree/current")).unwrap()),
    ("current cut", |folder| fs::write(folder.join("tree/current"), b"\x01").unwrap()),
    ("no list of tables", |folder| fs::remove_file(newest_list(folder)).unwrap()),
    ("list of tables cut", |folder| fs::write(newest_list(folder), b"short").unwrap()),
    ("a table is gone", |folder| fs::remove_file(a_table(folder)).unwrap()),
    ("a table is cut", |folder| fs::write(a_table(folder), b"short").unwrap()),
    ("no tree", |folder| fs::remove_dir_all(folder.join("tree")).unwrap()),
];

fn filled(folder: &Path, kept: bool) -> Node {
    let mut node = Node::new(folder);
    if kept {
        node.runtime.pins().keep(LOG);
    }
    for number in 0..40 {
        node.push(number_step(number)).unwrap();
    }
    node.journal.sync();
    node.checkpoint().unwrap();
    node
}

#[test]
fn what_cannot_be_opened_is_found_by_the_check_and_rebuilt_or_refused() {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    for (name, damage) in DAMAGES {
        for kept in [true, false] {
            let dir = temp_dir("ordered-damage").unwrap();
            let folder = dir.path().join("store");
            let (folder, journal, appended) = filled(&folder, kept).kill(|synced, _| synced);
            let sound = check(&folder).unwrap();
            assert_eq!((sound.damage, sound.entries), (None, 41), "{name}");
            damage(&folder);
            let checked = check(&folder).unwrap();
            assert!(checked.damage.is_some(), "{name}");
            let opened = Store::open(Arc::clone(&disk), &folder, LOG, Config::small());
            assert!(matches!(opened, Err(Error::Damaged { .. })), "{name}");
            drop(opened);
            let node = Node::open(&disk, &folder, journal, appended);
            assert_eq!(node.shard.needs_rebuild(), !kept, "{name}");
            let replaced = folder.with_extension("replaced");
            assert_eq!(replaced.exists(), kept, "{name}: what was there is kept");
            if kept {
                let locked = node.shard.lock().unwrap();
                let range = Range::all(ONE);
                let page =
                    View::of(&locked).unwrap().page(&range, Direction::Forward, PageLimits::entries(99));
                assert_eq!(page.unwrap().entries.len(), 40, "{name}");
            } else {
                let reason = node.shard.status().quarantined.unwrap();
                let place = folder.display().to_string();
                assert!(reason.contains(&place) && reason.contains("`bole check`"), "{name}: {reason}");
                assert_eq!(check(&folder).unwrap(), checked, "{name}: it was not touched");
            }
        }
    }
}

#[test]
fn flipped_bytes_of_a_table_are_found_by_the_check() {
    let dir = temp_dir("ordered-flip").unwrap();
    let (folder, ..) = filled(&dir.path().join("store"), false).kill(|synced, _| synced);
    let table = a_table(&folder);
    let bytes = fs::read(&table).unwrap();
    let mut found = 0;
    let places: Vec<usize> = (0..bytes.len()).step_by(97).collect();
    for at in &places {
        let mut flipped = bytes.clone();
        flipped[*at] ^= 0x10;
        fs::write(&table, &flipped).unwrap();
        found += usize::from(check(&folder).unwrap().damage.is_some());
    }
    // Padding, and what only compactions look at, is not read.
    assert!(found * 10 >= places.len() * 8, "{found} of {}", places.len());
}

#[test]
fn a_folder_of_another_log_or_version_is_refused() {
    let dir = temp_dir("ordered-other").unwrap();
    let (folder, ..) = filled(&dir.path().join("store"), false).kill(|synced, _| synced);
    let open = |log| Store::open(Arc::new(RealDisk), &folder, log, Config::small()).map(drop);
    let error = open(bole_base::LogId(17)).unwrap_err().to_string();
    assert!(error.contains("belongs to log 16"), "{error}");
    let small = Config { memtable_bytes: 5, ..Config::small() };
    let error = Store::open(Arc::new(RealDisk), &folder, LOG, small).map(drop).unwrap_err().to_string();
    assert!(error.contains("memtable_bytes is 5"), "{error}");
    assert!(open(LOG).is_ok());
}

#[test]
fn a_dropped_store_leaves_nothing() {
    let dir = temp_dir("ordered-drop").unwrap();
    let folder = dir.path().join("store");
    let node = filled(&folder, false);
    let store = node.shard.lock().unwrap().store().store().unwrap().clone();
    drop(node);
    store.destroy().unwrap();
    assert!(!folder.exists());
    let node = Node::new(&folder);
    assert_eq!(node.shard.checkpointed().0, 0);
}
