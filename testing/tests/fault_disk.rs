//! The fault-injecting disk keeps its contract: what was synced survives, what was not may be lost in every legal way,
//! and each fault shows where it was asked for.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use bole_base::disk::{read_all, read_exact_at, replace_file};
use bole_base::{Disk, File, RealDisk};
use bole_testing::fault_disk::BitFlips;
use bole_testing::fault_disk::DamageKind::{self, BitFlip, ReadFlip, StaleSector};
use bole_testing::{FaultDisk, Faults, Rng};

const EIO: i32 = 5;

fn disk_with(faults: Faults) -> (Arc<FaultDisk>, Arc<dyn File>) {
    let disk = FaultDisk::new(1, faults);
    disk.create_dir(Path::new("data")).unwrap();
    let file = disk.create(Path::new("data/a")).unwrap();
    disk.sync_dir(Path::new("data")).unwrap();
    (disk, file)
}

fn content(disk: &FaultDisk, path: &str) -> Option<Vec<u8>> {
    disk.open(Path::new(path)).ok().map(|file| read_all(&*file).unwrap())
}

/// The contents of `data/a` over many power cuts of one moment.
fn images(disk: &FaultDisk) -> BTreeSet<Option<Vec<u8>>> {
    (0..400).map(|seed| content(&disk.image(&mut Rng::new(seed)), "data/a")).collect()
}

#[test]
fn what_was_synced_survives_and_the_rest_may_not() {
    let (disk, file) = disk_with(Faults::default());
    file.write_all_at(0, b"synced").unwrap();
    file.sync_data().unwrap();
    file.write_all_at(6, b" and not").unwrap();
    let images = images(&disk);
    assert!(images.iter().all(|image| image.as_ref().unwrap().starts_with(b"synced")));
    for possible in ["synced", "synced and not", "synced\0\0\0\0\0\0\0\0"] {
        assert!(images.contains(&Some(possible.into())), "{possible:?} must be possible");
    }
    assert_eq!(images.len(), 3);
}

#[test]
fn faults_limit_what_a_power_cut_does() {
    // Two writes of two sectors each: "aa", "bb" by sector, over "--".
    let run = |faults: Faults| -> BTreeSet<String> {
        let (disk, file) = disk_with(faults);
        file.write_all_at(0, &[b'-'; 1024]).unwrap();
        file.sync_data().unwrap();
        file.write_all_at(0, &[b'a'; 1024]).unwrap();
        file.write_all_at(0, &[b'b'; 1024]).unwrap();
        let sectors = |image: Vec<u8>| format!("{}{}", image[0] as char, image[512] as char);
        images(&disk).into_iter().map(|image| sectors(image.unwrap())).collect()
    };
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<_>>();
    let honest = Faults::default();
    assert_eq!(run(Faults::none()), list(&["bb"]));
    let (torn_writes, reorder_unsynced) = (false, false);
    assert_eq!(run(Faults { torn_writes, reorder_unsynced, ..honest.clone() }), list(&["--", "aa", "bb"]));
    assert_eq!(run(Faults { torn_writes, ..honest.clone() }), list(&["--", "aa", "bb"]));
    let torn_in_order = run(Faults { reorder_unsynced, ..honest.clone() });
    assert_eq!(torn_in_order, list(&["--", "aa", "bb", "-a", "a-", "ab", "ba"]));
    let all = list(&["--", "aa", "bb", "-a", "a-", "ab", "ba", "-b", "b-"]);
    assert_eq!(run(honest), all);
}

#[test]
fn names_are_durable_after_a_sync_of_their_folder() {
    let (disk, file) = disk_with(Faults::default());
    file.write_all_at(0, b"old").unwrap();
    file.sync_data().unwrap();
    let new = disk.create(Path::new("data/b")).unwrap();
    new.write_all_at(0, b"new").unwrap();
    new.sync_data().unwrap();
    disk.rename(Path::new("data/b"), Path::new("data/a")).unwrap();
    assert_eq!(disk.list(Path::new("data")).unwrap(), ["a"]);
    let possible = |bytes: &str| Some(bytes.as_bytes().to_vec());
    assert_eq!(images(&disk), BTreeSet::from([possible("old"), possible("new")]));
    disk.sync_dir(Path::new("data")).unwrap();
    assert_eq!(images(&disk), BTreeSet::from([possible("new")]));

    disk.remove(Path::new("data/a")).unwrap();
    assert_eq!(images(&disk), BTreeSet::from([None, possible("new")]));
    disk.sync_dir(Path::new("data")).unwrap();
    assert_eq!(images(&disk), BTreeSet::from([None]));
}

#[test]
fn a_replaced_file_is_old_or_new_at_every_power_failure() {
    let mut seen = BTreeSet::new();
    for power_off_at in 1..12 {
        for seed in 0..50 {
            let disk = FaultDisk::new(seed, Faults::default());
            let path = Path::new("meta");
            replace_file(&*disk, path, b"old").unwrap();
            let done = disk.counters().changes;
            disk.set_faults(|faults| faults.power_off_at = Some(done + power_off_at));
            let replaced = replace_file(&*disk, path, b"new").is_ok();
            let disk = disk.crash(&mut Rng::new(seed));
            let bytes = content(&disk, "meta").unwrap();
            assert!(if replaced { bytes == b"new" } else { bytes == b"old" || bytes == b"new" });
            seen.insert((replaced, bytes));
        }
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn a_failed_sync_loses_bytes_that_reads_still_see() {
    let (disk, file) = disk_with(Faults { sync_error_at: Some(2), ..Faults::default() });
    file.write_all_at(0, b"dropped").unwrap();
    assert_eq!(file.sync_data().unwrap_err().raw_os_error(), Some(EIO));
    file.sync_data().unwrap();
    assert_eq!(read_all(&*file).unwrap(), b"dropped");
    assert_eq!(content(&disk.kill(), "data/a").unwrap(), b"dropped");
    let lost = (0..20).filter(|&seed| {
        let faults = Faults { sync_error_at: Some(1), ..Faults::default() };
        let disk = FaultDisk::new(seed, faults);
        let file = disk.create(Path::new("a")).unwrap();
        file.write_all_at(0, b"dropped").unwrap();
        file.sync_data().unwrap_err();
        disk.sync_dir(Path::new("")).unwrap();
        file.sync_data().unwrap();
        content(&disk.crash(&mut Rng::new(seed)), "a").unwrap().is_empty()
    });
    assert!((3..18).contains(&lost.count()));
}

#[test]
fn a_kill_keeps_what_was_written_and_a_later_power_cut_may_not() {
    let (disk, file) = disk_with(Faults::default());
    file.write_all_at(0, b"written").unwrap();
    let next = disk.kill();
    assert!(file.write_all_at(0, b"zombie").is_err() && disk.list(Path::new("data")).is_err());
    assert_eq!(content(&next, "data/a").unwrap(), b"written");
    assert!(images(&next).contains(&Some(Vec::new())), "unsynced is still unsynced");
}

#[test]
fn a_full_disk_refuses_new_blocks_only() {
    let (disk, file) = disk_with(Faults { capacity: 3 * 4096, ..Faults::default() });
    file.fill_zero(2 * 4096).unwrap();
    assert_eq!(disk.free_bytes(Path::new("data")).unwrap(), 4096);
    let full = file.write_all_at(2 * 4096, &[1; 5000]).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    assert_eq!(file.len().unwrap(), 3 * 4096, "the part that fits was written");
    file.write_all_at(4000, &[2; 200]).unwrap();
    let other = disk.create(Path::new("data/b")).unwrap();
    assert_eq!(other.write_all_at(0, b"x").unwrap_err().kind(), ErrorKind::StorageFull);
    disk.set_capacity(4 * 4096);
    other.write_all_at(0, b"x").unwrap();
    disk.remove(Path::new("data/b")).unwrap();
    assert_eq!(disk.free_bytes(Path::new("data")).unwrap(), 0, "an open file keeps its space");
    drop(other);
    assert_eq!(disk.free_bytes(Path::new("data")).unwrap(), 4096);
}

#[test]
fn errors_strike_when_appointed() {
    let (_disk, file) = disk_with(Faults { write_error_at: Some(2), ..Faults::default() });
    file.write_all_at(0, &[1; 64]).unwrap();
    assert_eq!(file.write_all_at(0, &[2; 64]).unwrap_err().raw_os_error(), Some(EIO));
    file.write_all_at(0, &[3; 64]).unwrap();
}

#[test]
fn short_reads_give_the_right_bytes() {
    let (disk, file) = disk_with(Faults { short_read_one_in: 2, ..Faults::default() });
    let bytes = Rng::new(9).bytes(5000);
    file.write_all_at(0, &bytes).unwrap();
    let mut read = vec![0; 5000];
    read_exact_at(&*file, 0, &mut read).unwrap();
    assert_eq!(read, bytes);
    let before = disk.counters().reads;
    (0..20).for_each(|_| read_exact_at(&*file, 0, &mut read).unwrap());
    assert!(disk.counters().reads > before + 25, "some reads were short");
}

#[test]
fn silent_damage_is_done_and_told() {
    let (disk, file) = disk_with(Faults { stale_sector_one_in: 1, ..Faults::default() });
    file.write_all_at(0, &[7; 600]).unwrap();
    file.sync_data().unwrap();
    assert_eq!(read_all(&*file).unwrap(), [7; 600], "the page cache hides it");
    assert_eq!(content(&disk.image(&mut Rng::new(1)), "data/a").unwrap(), [0; 600]);
    disk.set_faults(|faults| faults.stale_sector_one_in = 0);
    file.write_all_at(0, &[7; 600]).unwrap();
    file.sync_data().unwrap();

    let at = disk.flip_bit(Path::new("data/a"), 100..200).unwrap();
    let flipped = content(&disk.image(&mut Rng::new(1)), "data/a").unwrap();
    assert!((100..200).contains(&at) && flipped[at as usize] != 7);
    assert!(disk.flip_bit(Path::new("data/a"), 600..700).is_err());

    let path_contains = "data/a".to_owned();
    disk.set_faults(|faults| {
        faults.bit_flips = vec![BitFlips { path_contains, range: 300..301, one_in: 1, durable: false }];
    });
    assert_ne!(read_all(&*file).unwrap()[300], 7);
    disk.set_faults(|faults| faults.bit_flips.clear());
    assert_eq!(read_all(&*file).unwrap()[300], 7);
    let kinds: Vec<DamageKind> = disk.damage().iter().map(|damage| damage.kind).collect();
    assert_eq!(kinds, [StaleSector, StaleSector, BitFlip, ReadFlip]);
}

#[test]
fn errors_of_the_caller() {
    let (disk, _file) = disk_with(Faults::default());
    let kind = |result: std::io::Result<Arc<dyn File>>| result.err().map(|error| error.kind());
    assert_eq!(kind(disk.create(Path::new("data/a"))), Some(ErrorKind::AlreadyExists));
    assert_eq!(kind(disk.create(Path::new("nowhere/a"))), Some(ErrorKind::NotFound));
    assert_eq!(kind(disk.open(Path::new("data/b"))), Some(ErrorKind::NotFound));
    assert_eq!(kind(disk.open(Path::new("data"))), Some(ErrorKind::IsADirectory));
    assert_eq!(kind(disk.open(Path::new("data/../a"))), Some(ErrorKind::InvalidInput));
    assert_eq!(disk.list(Path::new("nowhere")).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(disk.list(Path::new("")).unwrap(), ["data"]);
}

/// A random workload; what the disk says of it must depend on the seed alone.
fn workload(seed: u64) -> (u64, u64) {
    let faults =
        Faults { write_error_one_in: 20, sync_error_one_in: 9, short_read_one_in: 3, ..Faults::default() };
    let mut disk = FaultDisk::new(seed, faults);
    let mut rng = Rng::new(seed);
    for _ in 0..4 {
        disk.create_dir(Path::new("d")).unwrap();
        let path = format!("d/{}", rng.below(3));
        let file = disk.create(Path::new(&path)).or_else(|_| disk.open(Path::new(&path))).unwrap();
        for _ in 0..30 {
            let offset = rng.below(4000);
            let bytes = rng.bytes(700);
            let _ = file.write_all_at(offset, &bytes);
            if rng.one_in(4) {
                let _ = file.sync_data();
                let _ = disk.sync_dir(Path::new("d"));
            }
            let _ = file.read_at(offset, &mut [0; 100]);
        }
        disk = disk.crash(&mut rng);
    }
    (disk.trace().hash(), disk.trace().count())
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    assert_eq!(workload(5), workload(5));
    assert_ne!(workload(5), workload(6));
}

/// One random operation on a disk; what it answered, as text.
fn random_operation(disk: &dyn Disk, root: &Path, rng: &mut Rng) -> String {
    let name = |rng: &mut Rng| root.join(rng.pick(&["a", "b", "sub/c", "gone/d"]));
    let path = name(rng);
    let kind = |error: std::io::Error| error.kind();
    let on_file = |act: &dyn Fn(&dyn File) -> std::io::Result<u64>| {
        format!("{:?}", disk.open(&path).and_then(|file| act(&*file)).map_err(kind))
    };
    let (offset, len) = (rng.below(9000), rng.below(3000));
    let bytes = rng.bytes(len as usize);
    match rng.below(12) {
        0 | 1 => format!("{:?}", disk.create(&path).map(drop).map_err(kind)),
        2 | 3 => on_file(&|file| file.write_all_at(offset, &bytes).map(|()| 0)),
        4 => on_file(&|file| file.set_len(offset).map(|()| 0)),
        5 => on_file(&|file| file.fill_zero(len).map(|()| 0)),
        6 => on_file(&|file| file.sync_data().map(|()| 0)),
        7 => format!("{:?}", disk.rename(&path, &name(rng)).map_err(kind)),
        8 => format!("{:?}", disk.remove(&path).map_err(kind)),
        9 => format!("{:?}", disk.list(root).map_err(kind)),
        10 => format!("{:?}", disk.sync_dir(&root.join("sub")).map_err(kind)),
        _ => on_file(&|file| {
            let bytes = read_all(file)?;
            Ok(bytes
                .iter()
                .fold(file.len()?, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(*byte))))
        }),
    }
}

#[test]
fn it_answers_as_the_real_disk_does() {
    for seed in 0..8 {
        let dir = bole_testing::process::temp_dir("real").unwrap();
        let fault_disk = FaultDisk::new(seed, Faults::default());
        let (mut first, mut second) = (Rng::new(seed), Rng::new(seed));
        fault_disk.create_dir(Path::new("root/sub")).unwrap();
        RealDisk.create_dir(&dir.path().join("sub")).unwrap();
        for step in 0..400 {
            let expected = random_operation(&RealDisk, dir.path(), &mut first);
            let found = random_operation(&*fault_disk, Path::new("root"), &mut second);
            assert_eq!(found, expected, "seed {seed}, step {step}\n{}", fault_disk.trace());
        }
        assert!(fault_disk.damage().is_empty());
    }
}
