//! A power cut at every disk operation of writes and passes, and at random ones again and again.

use bole_base::Durability;
use bole_shard::Error;
use bole_testing::Rng;

use crate::ranges::Effect;
use crate::world::{Home, Kind, World, random_batch, random_class};

/// Writes and checkpoints until the power fails; the same calls for the same seed.
fn life(world: &World, rng: &mut Rng) -> Result<(), Error> {
    for round in 0..4 {
        for _ in 0..12 {
            world.write(&random_batch(rng, world.shards.len()), random_class(rng))?;
        }
        if round == 1 {
            world.home.turn();
        }
        world.checkpoint()?;
        // Both halves of a batch are there or none: the check compares whole batches.
        let batch: Vec<_> = (0..world.shards.len()).map(|shard| (shard, Effect::Add(7, 7))).collect();
        world.write(&batch, Durability::Async)?;
    }
    Ok(())
}

#[test]
fn a_power_cut_at_every_disk_operation() {
    for kind in [Kind::Memory, Kind::Local] {
        let world = World::new(kind, 2, 1);
        let before = world.disk.counters().changes;
        life(&world, &mut Rng::new(1)).unwrap();
        let after = world.disk.counters().changes;
        assert!(after > before + 20);
        for cut in before + 1..=after {
            let mut rng = Rng::new(cut);
            let world = World::new(kind, 2, 1);
            world.disk.set_faults(|faults| faults.power_off_at = Some(cut));
            let ended = life(&world, &mut Rng::new(1));
            assert!(ended.is_err(), "the power failed at change {cut}");
            let world = world.crash_and_check(&mut rng);
            life(&world, &mut rng).unwrap();
            world.crash_and_check(&mut rng);
        }
    }
}

#[test]
fn power_cuts_again_and_again_also_during_recovery() {
    for seed in 0..40 {
        let mut rng = Rng::new(seed);
        let mut world = World::new(Kind::Local, 3, seed);
        for _ in 0..4 {
            let cut = world.disk.counters().changes + 1 + rng.below(120);
            world.disk.set_faults(|faults| faults.power_off_at = Some(cut));
            let _ = life(&world, &mut rng);
            let (mut disk, mut home, appended) = world.crash(&mut rng);
            // The recovery is cut as well, now and then: nothing of it may be lost either.
            let next = disk.counters().changes + 1 + rng.below(12);
            disk.set_faults(|faults| faults.power_off_at = Some(next));
            let opened = World::open(Kind::Local, disk.clone(), home.clone(), 3, appended.clone());
            world = if let Ok(world) = opened.and_then(|world| world.checkpoint().map(|()| world)) {
                world
            } else {
                disk = disk.crash(&mut rng);
                home = Home::open(Kind::Local, &disk).unwrap();
                World::open(Kind::Local, disk, home, 3, appended).unwrap()
            };
            world.check();
        }
    }
}
