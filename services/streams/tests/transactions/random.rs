//! Producers that do as they please, from a seed, with kills in between: what was acknowledged holds, and what was not is whole or absent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bole_streams::transactions::timers;
use bole_testing::random::Rng;
use parking_lot::Mutex;

use crate::world::{Client, PARTITIONS, TIMEOUT_MS, TOPICS, World};

const SEEDS: u64 = 12;
const ROUNDS: u64 = 4;
const PRODUCERS: u64 = 4;

/// What became of a transaction, as its producer knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Committed,
    /// Aborted by its producer, or its producer was fenced.
    Aborted,
    /// The answer to a commit did not come.
    Unknown,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    fate: Fate,
    records: usize,
    /// The offset that it sent along for its producer's group.
    offset: Option<i64>,
    group: u64,
}

#[derive(Default)]
struct Model {
    number: AtomicI64,
    told: Mutex<BTreeMap<i64, Told>>,
}

/// One life of one producer: it comes, works off some transactions, and ends in the middle of anything.
async fn live(world: Arc<World>, model: Arc<Model>, producer: u64, mut rng: Rng) {
    let id = format!("producer-{producer}");
    let Ok(mut client) = Client::init(&world, &id, rng.one_in(2)).await else { return };
    for _ in 0..rng.in_range(1..6) {
        let number = model.number.fetch_add(1, Ordering::Relaxed);
        let mut told = Told { fate: Fate::Aborted, records: 0, offset: None, group: producer };
        model.told.lock().insert(number, told);
        for _ in 0..rng.in_range(1..8) {
            let place = (rng.index(TOPICS.len()), rng.below(PARTITIONS as u64) as i32);
            let outcome = if rng.one_in(5) {
                told.offset = Some(number);
                client.offset(&world, &format!("group-{producer}"), number).await
            } else {
                told.records += 1;
                client.write(&world, place, number).await
            };
            if outcome.is_err() {
                return;
            }
        }
        let commit = !rng.one_in(3);
        if rng.one_in(8) {
            return;
        }
        if commit {
            told.fate = Fate::Unknown;
            model.told.lock().insert(number, told);
        }
        let ended = client.end(&world, commit).await;
        told.fate = match ended {
            Ok(()) if commit => Fate::Committed,
            // Refused before anything was done: somebody else has the id, and has aborted it.
            _ => Fate::Aborted,
        };
        model.told.lock().insert(number, told);
        if ended.is_err() {
            return;
        }
    }
}

/// Lets time out what is open, because it hides what follows it; then compares what readers see with what producers were told, and settles what they were not
/// told.
async fn check(world: &World, model: &Model, seed: u64) {
    world.clock.advance(Duration::from_millis(TIMEOUT_MS as u64));
    timers::round(&world.service).await;
    let seen = world.committed_records().await;
    let mut told = model.told.lock().clone();
    for (number, told) in &mut told {
        let found = seen.get(number).copied().unwrap_or(0);
        match told.fate {
            Fate::Unknown if found == 0 => {}
            Fate::Committed | Fate::Unknown => {
                assert_eq!(found, told.records, "seed {seed}: records of {number}, {told:?}");
                told.fate = Fate::Committed;
            }
            Fate::Aborted => assert_eq!(found, 0, "seed {seed}: records of {number}, {told:?}"),
        }
    }
    for producer in 0..PRODUCERS {
        let group = format!("group-{producer}");
        let found = world.committed_offset(&group).await;
        let last = told.iter().rev().find(|(_, told)| {
            let offset_only = told.fate == Fate::Unknown && told.records == 0 && found == told.offset;
            told.group == producer && told.offset.is_some() && (told.fate == Fate::Committed || offset_only)
        });
        assert_eq!(found, last.and_then(|(_, told)| told.offset), "seed {seed}: offset of {group}");
    }
    *model.told.lock() = told;
}

/// How many transactions were committed.
async fn run(seed: u64) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = Rng::new(seed);
    let model = Arc::new(Model::default());
    let mut world = Arc::new(World::open(dir.path()).await);
    for _ in 0..ROUNDS {
        let mut lives = Vec::new();
        for producer in 0..PRODUCERS {
            // Two lives of one producer may overlap: the second fences the first.
            for _ in 0..rng.in_range(1..3) {
                let life = live(Arc::clone(&world), Arc::clone(&model), producer, rng.fork());
                lives.push(tokio::spawn(life));
            }
        }
        if rng.one_in(2) {
            world.clock.advance(Duration::from_millis(TIMEOUT_MS as u64));
            timers::round(&world.service).await;
        }
        let killed = rng.one_in(2);
        if killed {
            for _ in 0..rng.below(400) {
                tokio::task::yield_now().await;
            }
            lives.iter().for_each(tokio::task::JoinHandle::abort);
        }
        for life in lives {
            let ended = life.await;
            assert!(ended.is_ok() || killed, "seed {seed}: {ended:?}");
        }
        world.check_quiet();
        let before = world.committed_records().await;
        let open = Arc::into_inner(world).expect("nobody else has the world");
        world = Arc::new(open.restart(rng.one_in(3)).await);
        world.check_quiet();
        assert_eq!(world.committed_records().await, before, "seed {seed}: after a restart");
        if rng.one_in(2) {
            check(&world, &model, seed).await;
        }
    }
    check(&world, &model, seed).await;
    for producer in 0..PRODUCERS {
        let status = world.status(&format!("producer-{producer}"));
        assert_ne!(status, Some(bole_streams::transactions::Status::Ongoing), "seed {seed}: {producer}");
    }
    let told = model.told.lock();
    told.values().filter(|told| told.fate == Fate::Committed).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_holds_whatever_happens() {
    let mut committed = 0;
    for seed in 0..SEEDS {
        committed += run(seed).await;
    }
    assert!(committed > 0, "nothing was ever committed");
}
