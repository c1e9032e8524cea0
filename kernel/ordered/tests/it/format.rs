//! What is on the disk in format version 1, kept for ever: `tests/fixtures/v1` was written by the first version of this code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bole_base::{Epoch, Offset, RealDisk};
use bole_ordered::{Config, Direction, Mutations, PageLimits, Partition, Range, Store, check};
use bole_shard::durable::Stand;
use bole_testing::process::temp_dir;

use crate::world::{LOG, owned};

const PARTITIONS: [u8; 2] = [1, 255];

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1")
}

fn open(folder: &Path) -> Store {
    Store::open(Arc::new(RealDisk), folder, LOG, Config::small()).unwrap()
}

/// Two tables: puts, then some of them deleted or put anew.
fn write(folder: &Path) {
    let store = open(folder);
    let mut next = Offset(0);
    for round in 0..2u8 {
        for number in 0..10u8 {
            let mut mutations = Mutations::new();
            for partition in PARTITIONS.map(Partition::new) {
                if round == 1 && number % 3 == 0 {
                    mutations.delete(partition, vec![number]);
                } else {
                    mutations.put(partition, vec![number], vec![round, number]);
                }
            }
            next = next.next();
            store.write(&mutations, Stand { epoch: Epoch(3), next }).unwrap();
        }
        store.persist().unwrap();
    }
}

#[track_caller]
fn read(folder: &Path) {
    let store = open(folder);
    assert_eq!(store.stand(), Stand { epoch: Epoch(3), next: Offset(20) });
    let expected: Vec<_> =
        (0..10u8).filter(|number| number % 3 != 0).map(|number| (vec![number], vec![1, number])).collect();
    for partition in PARTITIONS {
        let range = Range::all(Partition::new(partition));
        let page = store.snapshot().page(&range, Direction::Forward, PageLimits::entries(100)).unwrap();
        assert_eq!(owned(page.entries), expected);
    }
}

/// The names below a folder, without numbers of lists and tables.
fn layout(folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            names.insert(name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    names
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}

#[test]
fn version_1_is_read_and_written() {
    let dir = temp_dir("ordered-format").unwrap();
    let fresh = dir.path().join("fresh");
    write(&fresh);
    read(&fresh);
    assert!(fixture().exists(), "no fixture: keep {} as one", dir.keep().display());
    let (old, kept) = (fixture(), dir.path().join("old"));
    assert_eq!(fs::read(fresh.join("format")).unwrap(), fs::read(old.join("format")).unwrap());
    copy(&old, &kept);
    read(&kept);
    assert_eq!(layout(&kept), layout(&fresh));
    let checked = check(&kept).unwrap();
    assert_eq!((checked.damage, checked.entries), (None, 13));
    let store = open(&kept);
    let mut mutations = Mutations::new();
    mutations.put(Partition::new(1), vec![77_u8], vec![77_u8]);
    let stand = Stand { epoch: Epoch(3), next: Offset(21) };
    store.write(&mutations, stand).unwrap();
    assert_eq!(store.persist().unwrap(), stand);
}

#[test]
fn another_version_is_refused() {
    let dir = temp_dir("ordered-version").unwrap();
    let folder = dir.path().join("store");
    write(&folder);
    let mut bytes = fs::read(folder.join("format")).unwrap();
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..24]);
    bytes[24..28].copy_from_slice(&crc.to_le_bytes());
    fs::write(folder.join("format"), bytes).unwrap();
    let opened = Store::open(Arc::new(RealDisk), &folder, LOG, Config::small()).map(drop);
    for error in [opened.unwrap_err(), check(&folder).unwrap_err()] {
        assert!(error.to_string().contains("its format is version 2"), "{error}");
    }
}
