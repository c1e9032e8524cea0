//! What fails stays where it failed: damaged checkpoints, full disks, failed fsyncs, panics in apply, lost logs.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bole_base::{Disk, Durability, Kind as ErrorKind, Offset};
use bole_shard::Error;
use bole_shard::checkpoint::Store;
use bole_testing::Rng;

use crate::ranges::Effect;
use crate::world::{Home, Kind, World, log};

fn dir() -> PathBuf {
    Store::dir(Path::new("/data/checkpoints"), log(0))
}

fn names(world: &World) -> Vec<String> {
    world.disk.list(&dir()).unwrap()
}

/// A world with a checkpoint and a few entries after it.
fn checkpointed(kind: Kind) -> World {
    let world = World::new(kind, 2, 1);
    for key in 0..20 {
        world.add(0, key, 1).unwrap();
        world.add(1, key, 1).unwrap();
    }
    world.checkpoint().unwrap();
    world.add(0, 3, 1).unwrap();
    world.home.turn();
    world
}

#[test]
fn damage_stops_the_start_with_the_place() {
    type Damage = fn(&World);
    let rows: [(&str, Damage, &str); 4] = [
        (
            "a flipped bit in the manifest",
            |world| drop(world.disk.flip_bit(&dir().join("manifest"), 16..99)),
            "checksum",
        ),
        (
            "a cut manifest",
            |world| world.disk.open(&dir().join("manifest")).unwrap().set_len(20).unwrap(),
            "few",
        ),
        (
            "a flipped bit in a section",
            |world| drop(world.disk.flip_bit(&section_file(world), 16..32)),
            "checksum",
        ),
        ("a missing section file", |world| world.disk.remove(&section_file(world)).unwrap(), ".sections"),
    ];
    for (name, damage, expected) in rows {
        let world = checkpointed(Kind::Local);
        damage(&world);
        let disk = Arc::clone(&world.disk) as Arc<dyn Disk>;
        let report = Store::verify(&disk, Path::new("/data/checkpoints"), log(0));
        assert!(report.damage.iter().any(|text| text.contains(expected)), "{name}: {report:?}");
        let World { kind, disk, appended, .. } = world;
        let disk = disk.kill();
        let home = Home::open(kind, &disk).unwrap();
        let appended = appended.lock().unwrap().clone();
        let error = World::open(kind, disk, home, 2, appended).map(drop).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("default/test/ranges#0") && text.contains(expected), "{name}: {text}");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}

fn section_file(world: &World) -> PathBuf {
    let name = names(world).into_iter().find(|name| name.ends_with(".sections")).unwrap();
    dir().join(name)
}

#[test]
fn files_that_no_manifest_names_are_removed() {
    let world = checkpointed(Kind::Local);
    let orphans = ["00000000000000ff.sections", "manifest.new"];
    for name in orphans {
        world.disk.create(&dir().join(name)).unwrap();
    }
    let world = world.crash_and_check(&mut Rng::new(2));
    let left = names(&world);
    assert!(
        left.contains(&"manifest".to_owned())
            && !orphans.iter().any(|name| left.contains(&(*name).to_owned())),
        "{left:?}"
    );
    world.add(0, 1, 1).unwrap();
    world.checkpoint().unwrap();
}

#[test]
fn a_full_disk_keeps_the_last_checkpoint_and_recovers() {
    let world = checkpointed(Kind::Memory);
    let before = (names(&world), world.shards[0].checkpoint());
    let retained = world.home.journal().retained_bytes();
    for free in [0, 4_096, 8_192] {
        world.disk.set_capacity(world.disk.space_taken() + free);
        let outcome = world.checkpoint();
        if free == 0 {
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Full);
            assert_eq!((names(&world), world.shards[0].checkpoint()), before);
            assert_eq!(world.home.journal().retained_bytes(), retained, "nothing is trimmed");
        }
        world.add(0, 9, 9).unwrap();
    }
    world.disk.set_capacity(u64::MAX);
    world.checkpoint().unwrap();
    assert!(world.shards[0].checkpoint() > before.1);
    world.crash_and_check(&mut Rng::new(3));
}

#[test]
fn a_failed_write_or_fsync_of_a_checkpoint_is_final() {
    for sync in [false, true] {
        for nth in 1..4 {
            let world = checkpointed(Kind::Memory);
            let counters = world.disk.counters();
            world.disk.set_faults(|faults| {
                if sync {
                    faults.sync_error_at = Some(counters.syncs + nth);
                } else {
                    faults.write_error_at = Some(counters.writes + nth);
                }
            });
            match world.checkpoint() {
                Err(error) => assert_eq!(error.kind(), ErrorKind::Io, "{error}"),
                Ok(()) => assert!(nth > 2 && !sync, "fault {nth} was never met"),
            }
            world.crash_and_check(&mut Rng::new(nth));
        }
    }
}

#[test]
fn a_panic_in_apply_quarantines_its_shards_only() {
    let world = World::new(Kind::Memory, 3, 4);
    for shard in 0..3 {
        world.add(shard, 1, 1).unwrap();
    }
    world.home.turn();
    let retained = world.home.journal().retained_bytes();
    let panicked =
        std::panic::catch_unwind(AssertUnwindSafe(|| world.write(&[(0, Effect::Boom)], Durability::Sync)));
    assert!(panicked.is_err());
    assert_quarantined(&world, 0, "panic");
    world.add(1, 2, 2).unwrap();
    world.home.run(world.runtime.checkpoint(&[log(0)])).unwrap();
    assert!(world.home.journal().retained_bytes() >= retained, "the log of a quarantined shard stays");
    assert_eq!(world.shards[0].checkpoint(), Offset::ZERO);
    // What never reached the log is gone after a restart, and the shard serves again.
    let world = world.crash_and_check(&mut Rng::new(4));
    // A batch over two shards of which one panics: the other was changed already, and its change is in no log.
    let panicked = std::panic::catch_unwind(AssertUnwindSafe(|| {
        world.write(&[(1, Effect::Add(1, 1)), (2, Effect::Boom)], Durability::Sync)
    }));
    assert!(panicked.is_err());
    assert_quarantined(&world, 1, "never reached the log");
    assert_quarantined(&world, 2, "panic");
    world.add(0, 5, 5).unwrap();
    world.crash_and_check(&mut Rng::new(5));
}

#[track_caller]
fn assert_quarantined(world: &World, shard: usize, reason: &str) {
    let Err(Error::Quarantined { reason: shown, .. }) = world.shards[shard].lock().map(drop) else {
        panic!("shard {shard} serves");
    };
    assert!(shown.contains(reason), "{shown}");
    assert_eq!(world.runtime.status()[shard].quarantined, Some(shown));
}

#[test]
fn a_panic_or_an_unreadable_entry_in_recovery_quarantines_its_shard_only() {
    for payload in [&[4; 17][..], &[9], &[]] {
        let world = World::new(Kind::Memory, 2, 5);
        world.add(0, 1, 1).unwrap();
        append_raw(&world, payload);
        let journal = world.home.journal();
        world.home.turn();
        assert_eq!(journal.tail(log(0)), Offset(3));
        let (disk, home, appended) = world.crash(&mut Rng::new(1));
        let world = World::open(Kind::Memory, disk, home, 2, appended).unwrap();
        assert_quarantined(&world, 0, "offset 2");
        world.add(1, 1, 1).unwrap();
        world.checkpoint().unwrap();
        assert_eq!(world.shards[0].checkpoint(), Offset::ZERO);
    }
}

fn append_raw(world: &World, payload: &[u8]) {
    let locked = world.shards[0].lock().unwrap();
    let header = bole_log::EntryHeader {
        log: log(0),
        offset: locked.next(),
        epoch: locked.epoch(),
        hlc: 0,
        origin: 0,
        kind: bole_log::PayloadKind(77),
        version: 1,
        flags: 0,
    };
    let mut batch = bole_log::Batch::new();
    batch.push(&header, Durability::Sync, |out| out.extend_from_slice(payload));
    world.home.journal().append(&batch).unwrap();
}

#[test]
fn a_log_that_ends_before_its_checkpoint_quarantines() {
    let world = World::new(Kind::Memory, 2, 6);
    world.add(0, 1, 1).unwrap();
    world.add(1, 1, 1).unwrap();
    world.home.turn();
    let Home::Memory(journal) = &world.home else { panic!("a memory journal") };
    let older = Home::Memory(Arc::new(journal.crash(journal.end())));
    world.add(0, 2, 1).unwrap();
    world.checkpoint().unwrap();
    let world = World::open(Kind::Memory, world.disk.kill(), older, 2, Vec::new()).unwrap();
    assert_quarantined(&world, 0, "acknowledged entries are missing");
    world.add(1, 2, 2).unwrap();
}

#[test]
fn what_is_too_large_for_a_batch_is_refused_before_it_changes_anything() {
    let world = World::new(Kind::Memory, 1, 7);
    let mut transaction = world.runtime.transaction();
    let mut locked = world.shards[0].lock().unwrap();
    transaction.reserve(64).unwrap();
    let mut count = 0;
    let refused = loop {
        match locked.push(&mut transaction, Durability::Sync, &Effect::Add(1, 1)) {
            Ok(()) => count += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Error::Journal(bole_log::Error::BatchTooLarge { .. })), "{refused}");
    assert_eq!(locked.state().contents()[&1], count);
    let position = transaction.append().unwrap();
    locked.appended(position);
    drop(locked);
    assert_eq!(world.shards[0].quarantined(), None);
}

#[test]
fn effects_without_their_batch_quarantine() {
    let world = World::new(Kind::Memory, 1, 8);
    let mut transaction = world.runtime.transaction();
    transaction.reserve(64).unwrap();
    let mut locked = world.shards[0].lock().unwrap();
    locked.push(&mut transaction, Durability::Sync, &Effect::Add(1, 1)).unwrap();
    let Home::Memory(journal) = &world.home else { panic!("a memory journal") };
    journal.fail("the test says so");
    assert!(transaction.append().is_err());
    drop(locked);
    assert_quarantined(&world, 0, "never reached the log");
}
