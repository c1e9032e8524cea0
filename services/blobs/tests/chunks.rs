//! The chunk store: the suite on each implementation, and what a power cut leaves of files.

use std::path::Path;
use std::sync::Arc;

use bole_base::{Disk, Epoch, Kind, RealDisk};
use bole_blobs::chunks::cluster::{Cluster, PART_BYTES};
use bole_blobs::chunks::frame::BLOCK_BYTES;
use bole_blobs::chunks::local::Local;
use bole_blobs::chunks::memory::Memory;
use bole_blobs::chunks::writer::Writer;
use bole_blobs::chunks::{ChunkId, Home, s3, suite};
use bole_testing::{FaultDisk, Faults, Rng};
use object_store::ObjectStore as _;
use object_store::memory::InMemory;

const DIR: &str = "/chunks";

fn id(counter: u64) -> ChunkId {
    ChunkId { epoch: Epoch(1), counter }
}

#[test]
fn memory_passes_the_suite() {
    let memory = Memory::default();
    let home: Arc<dyn Home> = Arc::new(memory.clone());
    suite::run(&home);
    suite::damage_is_seen(&home, |id, at| memory.damage(id, |bytes| bytes[at as usize] ^= 0x10));
    assert_eq!(memory.bytes(), 0, "everything was removed");
}

#[test]
fn files_pass_the_suite() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chunks");
    for _ in 0..2 {
        let local = Local::open(Arc::new(RealDisk), &path, 0).unwrap();
        suite::run(&(Arc::new(local.clone()) as Arc<dyn Home>));
        assert_eq!(local.promised_bytes(), 0);
    }
    std::fs::write(path.join("version"), "BOLE CHUNKS 2\n").unwrap();
    let error = Local::open(Arc::new(RealDisk), &path, 0).err().unwrap();
    assert!(error.to_string().contains("BOLE CHUNKS 2"), "{error}");
}

#[test]
fn files_on_a_disk_that_fails_pass_the_suite() {
    let disk = FaultDisk::new(1, Faults { short_read_one_in: 3, ..Faults::default() });
    let home: Arc<dyn Home> = Arc::new(Local::open(disk.clone(), Path::new(DIR), 0).unwrap());
    suite::run(&home);
    suite::damage_is_seen(&home, |id, at| {
        let path = format!("{DIR}/{:02x}/{id}", id.place());
        disk.flip_bit(Path::new(&path), at..at + 1).unwrap();
    });
}

#[test]
fn a_cluster_passes_the_suite() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let store = Arc::new(InMemory::new());
    let cluster = Cluster::new(store.clone(), "tenant/chunks", runtime.handle().clone());
    let home: Arc<dyn Home> = Arc::new(cluster);
    suite::run(&home);
    suite::damage_is_seen(&home, |id, at| {
        let path = object_store::path::Path::from(format!("tenant/chunks/{:02x}/{id}", id.place()));
        let found = runtime.block_on(async { store.get(&path).await?.bytes().await }).unwrap();
        let mut bytes = found.to_vec();
        bytes[at as usize] ^= 1;
        runtime.block_on(store.put(&path, bytes.into())).unwrap();
    });
    // Longer than a part.
    let body = suite::body(2 * PART_BYTES as u64 + 12_345);
    suite::write(&*home, id(1), &body, 1 << 20).unwrap();
    assert!(suite::read(&home, id(1), body.len() as u64, 0..u64::MAX).unwrap() == body);
    let mut writer = Writer::create(&*home, id(2), 0).unwrap();
    writer.push(&body).unwrap();
    drop(writer);
    assert_eq!(home.list(2).unwrap(), [], "what was given up is aborted");
}

#[test]
fn a_cluster_belongs_to_one_node() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let store = Arc::new(InMemory::new());
    let cluster = |prefix: &str| Cluster::new(store.clone(), prefix, runtime.handle().clone());
    let claim = |prefix: &str, owner: &str, is_known: bool| {
        s3::claim(&cluster(prefix), owner, is_known).map_err(|error| error.to_string())
    };
    for (prefix, owner, is_known, refused) in [
        ("a", "one", true, Some("is not there")),
        ("a", "one", false, None),
        ("a", "one", true, None),
        ("a", "one", false, None),
        ("a", "two", false, Some("says \"BOLE CHUNKS 1 one\"")),
        ("a", "two", true, Some("this one is two")),
        ("b", "two", false, None),
    ] {
        let claimed = claim(prefix, owner, is_known);
        let is_as_told = match (&claimed, refused) {
            (Ok(()), None) => true,
            (Err(error), Some(part)) => error.contains(part),
            _ => false,
        };
        assert!(is_as_told, "{prefix} {owner} {is_known}: {claimed:?}");
    }
    assert_eq!((0..=255).map(|place| cluster("a").list(place).unwrap().len()).sum::<usize>(), 0);
}

/// What was finished before a power cut is there and sound, whatever was being written.
#[test]
fn finished_chunks_survive_power_cuts() {
    let opening = {
        let disk = FaultDisk::new(0, Faults::default());
        Local::open(disk.clone(), Path::new(DIR), 0).unwrap();
        disk.counters().changes
    };
    let mut survived = 0;
    for seed in 0..20 {
        let mut rng = Rng::new(seed);
        let mut disk = FaultDisk::new(seed, Faults::default());
        let mut finished = Vec::new();
        for life in 0..4_u32 {
            let at = disk.counters().changes + 1 + rng.below(if life == 0 { opening + 200 } else { 90 });
            disk.set_faults(|faults| faults.power_off_at = Some(at));
            let epoch = Epoch(life + 1);
            write_until_the_cut(&disk, epoch, &mut rng, &mut finished);
            disk = disk.crash(&mut rng);
            disk.set_faults(|faults| faults.power_off_at = None);
            let home: Arc<dyn Home> = Arc::new(Local::open(disk.clone(), Path::new(DIR), 0).unwrap());
            for (id, length) in &finished {
                let found = suite::read(&home, *id, *length, 0..*length);
                assert!(
                    found.is_ok_and(|found| found == suite::body(*length)),
                    "seed {seed}, life {life}: {id}"
                );
            }
        }
        survived += finished.len();
    }
    assert!(survived > 200, "only {survived} chunks were finished before a cut");
}

fn write_until_the_cut(
    disk: &Arc<FaultDisk>,
    epoch: Epoch,
    rng: &mut Rng,
    finished: &mut Vec<(ChunkId, u64)>,
) {
    let Ok(local) = Local::open(disk.clone(), Path::new(DIR), 0) else { return };
    for counter in 0..40 {
        let (id, length) = (ChunkId { epoch, counter }, 1 + rng.below(3 * BLOCK_BYTES as u64));
        match suite::write(&local, id, &suite::body(length), 50_000) {
            Ok(_) => finished.push((id, length)),
            Err(error) => {
                assert_eq!(error.kind(), Kind::Io, "{error}");
                let again = suite::write(&local, ChunkId { epoch, counter: 1_000 }, b"more", 4);
                let again = again.expect_err("a home that failed");
                assert_eq!(again.kind(), Kind::Io, "after a failure nothing is written: {again}");
                return;
            }
        }
    }
}

#[test]
fn a_failed_sync_is_final() {
    let disk = FaultDisk::new(7, Faults::default());
    let local = Local::open(disk.clone(), Path::new(DIR), 0).unwrap();
    suite::write(&local, id(1), b"before", 6).unwrap();
    let mut writer = Writer::create(&local, id(2), 5).unwrap();
    writer.push(b"bytes").unwrap();
    let at = disk.counters().syncs + 1;
    disk.set_faults(|faults| faults.sync_error_at = Some(at));
    assert_eq!(writer.finish().unwrap_err().kind(), Kind::Io);

    assert!(local.failure().is_some());
    assert_eq!(suite::write(&local, id(3), b"after", 5).unwrap_err().kind(), Kind::Io);
    let home: Arc<dyn Home> = Arc::new(local);
    assert_eq!(suite::read(&home, id(1), 6, 0..6).unwrap(), b"before", "reads go on");
}

#[test]
fn a_full_disk_refuses_chunks_and_keeps_the_reserve() {
    let disk = FaultDisk::new(9, Faults::default());
    let local = Local::open(disk.clone(), Path::new(DIR), 1 << 20).unwrap();
    disk.set_capacity(disk.space_taken() + (3 << 20));
    let mut first = Writer::create(&local, id(1), 1 << 20).unwrap();
    // What the first has set aside counts before it is written.
    let Err(error) = Writer::create(&local, id(2), 3 << 19) else { panic!("there is no room for it") };
    assert_eq!(error.kind(), Kind::Full, "{error}");
    first.push(&suite::body(1 << 20)).unwrap();
    first.finish().unwrap();
    // More comes than was said.
    let mut liar = Writer::create(&local, id(3), 10).unwrap();
    let error = liar.push(&suite::body(4 << 20)).unwrap_err();
    assert_eq!(error.kind(), Kind::Full, "{error}");
    drop(liar);
    assert!(disk.free_bytes(Path::new(DIR)).unwrap() >= 1 << 20);
    assert_eq!((local.promised_bytes(), local.list(3).unwrap()), (0, vec![]));
    suite::write(&local, id(4), &suite::body(100_000), 4_096).expect("there is room for a small one");
}

#[test]
fn memory_can_be_full() {
    let memory = Memory::default();
    memory.set_room(100);
    assert_eq!(suite::write(&memory, id(1), &suite::body(99), 99).unwrap_err().kind(), Kind::Full);
    suite::write(&memory, id(2), &suite::body(50), 50).unwrap();
}
