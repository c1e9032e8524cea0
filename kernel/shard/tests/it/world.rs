//! A node of a few shards on one journal, the record of what was appended to it, and what a crash must leave of that.

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bole_base::clock::ManualClock;
use bole_base::{Disk, Durability, LogId, Position};
use bole_log::{Journal, LocalJournal, MemoryJournal};
use bole_shard::{Error, Hosted, Locked, Runtime, Shard, Transaction, runtime};
use bole_testing::{FaultDisk, Faults, Rng};

use crate::ranges::{Contents, Effect, Ranges, step};

pub(crate) const FIRST_LOG: u64 = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Memory,
    Local,
}

/// A journal that the test drives by hand.
#[derive(Clone)]
pub(crate) enum Home {
    Memory(Arc<MemoryJournal>),
    Local(Arc<LocalJournal>),
}

impl Home {
    pub(crate) fn open(kind: Kind, disk: &Arc<FaultDisk>) -> Result<Self, Error> {
        Ok(match kind {
            Kind::Memory => Self::Memory(Arc::new(MemoryJournal::by_hand())),
            Kind::Local => {
                let config = bole_log::local::Config::small();
                let disk = Arc::clone(disk) as Arc<dyn Disk>;
                let clock = Arc::new(ManualClock::new());
                Self::Local(Arc::new(LocalJournal::open(disk, clock, Path::new("/data/journal"), config)?))
            }
        })
    }

    pub(crate) fn journal(&self) -> Arc<dyn Journal> {
        match self {
            Self::Memory(journal) => Arc::clone(journal) as Arc<dyn Journal>,
            Self::Local(journal) => Arc::clone(journal) as Arc<dyn Journal>,
        }
    }

    /// What the journal's threads do: fsync and make space. Failures show in the journal.
    pub(crate) fn turn(&self) {
        match self {
            Self::Memory(journal) => journal.sync(),
            Self::Local(journal) => {
                let _ = journal.wal().sync();
                let _ = journal.wal().make_space();
            }
        }
    }

    /// Runs `future`, giving the journal a turn whenever it waits.
    #[track_caller]
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..1_000 {
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return value;
            }
            self.turn();
        }
        panic!("the future waits for something that never comes");
    }
}

/// An appended batch.
#[derive(Clone, Debug)]
pub(crate) struct Appended {
    pub(crate) position: Position,
    pub(crate) effects: Vec<(usize, Effect)>,
}

pub(crate) struct World {
    pub(crate) kind: Kind,
    pub(crate) disk: Arc<FaultDisk>,
    pub(crate) home: Home,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) shards: Vec<Arc<Shard<Ranges>>>,
    /// In order of position, once sorted.
    pub(crate) appended: Arc<Mutex<Vec<Appended>>>,
}

impl World {
    pub(crate) fn new(kind: Kind, shards: usize, seed: u64) -> Self {
        let disk = FaultDisk::new(seed, Faults::default());
        let home = Home::open(kind, &disk).unwrap();
        Self::open(kind, disk, home, shards, Vec::new()).unwrap()
    }

    pub(crate) fn open(
        kind: Kind,
        disk: Arc<FaultDisk>,
        home: Home,
        shards: usize,
        appended: Vec<Appended>,
    ) -> Result<Self, Error> {
        let config =
            runtime::Config { retained_bytes_max: 2_000, pinned_bytes_max: 4_000, ..Default::default() };
        Self::open_with(config, kind, disk, home, shards, appended)
    }

    pub(crate) fn open_with(
        config: runtime::Config,
        kind: Kind,
        disk: Arc<FaultDisk>,
        home: Home,
        shards: usize,
        appended: Vec<Appended>,
    ) -> Result<Self, Error> {
        let runtime = Runtime::new(
            home.journal(),
            Arc::clone(&disk) as Arc<dyn Disk>,
            Arc::new(ManualClock::new()),
            "/data/checkpoints".into(),
            config,
        );
        let shards: Vec<_> = (0..shards)
            .map(|n| Arc::new(Shard::new(log(n), format!("default/test/ranges#{n}"), Ranges::default())))
            .collect();
        for shard in &shards {
            runtime.host(Arc::clone(shard) as Arc<dyn Hosted>)?;
        }
        if let Home::Local(journal) = &home {
            journal.wal().make_space().map_err(bole_log::Error::from)?;
        }
        home.run(runtime.recover(&[]))?;
        let appended = Arc::new(Mutex::new(appended));
        Ok(Self { kind, disk, home, runtime: Arc::new(runtime), shards, appended })
    }

    /// Appends one batch. The record keeps it if the journal took it.
    pub(crate) fn write(&self, effects: &[(usize, Effect)], class: Durability) -> Result<Position, Error> {
        let mut transaction = self.runtime.transaction();
        loop {
            match write(&self.shards, &mut transaction, effects, class) {
                Ok(position) => {
                    let batch = Appended { position, effects: effects.to_vec() };
                    self.appended.lock().unwrap().push(batch);
                    return Ok(position);
                }
                Err(Error::Wait { bytes }) => self.home.run(transaction.admit(bytes as usize))?,
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn add(&self, shard: usize, key: u64, by: u64) -> Result<Position, Error> {
        self.write(&[(shard, Effect::Add(key, by))], Durability::Sync)
    }

    pub(crate) fn checkpoint(&self) -> Result<(), Error> {
        self.home.run(self.runtime.checkpoint_all())
    }

    pub(crate) fn contents(&self) -> Vec<Contents> {
        self.shards.iter().map(|shard| shard.lock().unwrap().state().contents()).collect()
    }

    pub(crate) fn synced(&self) -> Position {
        self.home.journal().reached(Durability::Sync)
    }

    /// A crash and what the next process finds: the disk, the journal opened again (after as many power cuts as strike), the
    /// record of what is left in the journal.
    pub(crate) fn crash(self, rng: &mut Rng) -> (Arc<FaultDisk>, Home, Vec<Appended>) {
        let synced = self.synced();
        let Self { kind, disk, home, appended, .. } = self;
        let disk = disk.crash(rng);
        let home = match &home {
            Home::Memory(journal) => {
                let range = synced.0..journal.end().0 + 1;
                Home::Memory(Arc::new(journal.crash(Position(rng.in_range(range)))))
            }
            Home::Local(_) => Home::open(kind, &disk).unwrap(),
        };
        let kept = home.journal().reached(Durability::Sync);
        assert!(kept >= synced, "the journal lost what was fsynced: {kept} < {synced}");
        let mut appended = appended.lock().unwrap().clone();
        appended.sort_by_key(|batch| batch.position);
        appended.retain(|batch| batch.position <= kept);
        (disk, home, appended)
    }

    /// Crashes, opens again, and checks that every shard is exactly what the journal's prefix makes of it.
    #[track_caller]
    pub(crate) fn crash_and_check(self, rng: &mut Rng) -> Self {
        let (kind, shards) = (self.kind, self.shards.len());
        let (disk, home, appended) = self.crash(rng);
        let world = Self::open(kind, disk, home, shards, appended).unwrap();
        world.check();
        world
    }

    #[track_caller]
    pub(crate) fn check(&self) {
        for status in self.runtime.status() {
            assert_eq!(status.quarantined, None, "{}", status.name);
        }
        assert_eq!(self.contents(), self.expected());
    }

    /// What the record makes of empty shards.
    pub(crate) fn expected(&self) -> Vec<Contents> {
        let mut appended = self.appended.lock().unwrap().clone();
        appended.sort_by_key(|batch| batch.position);
        let mut expected = vec![Contents::new(); self.shards.len()];
        for (shard, effect) in appended.iter().flat_map(|batch| &batch.effects) {
            step(&mut expected[*shard], effect);
        }
        expected
    }
}

pub(crate) fn log(shard: usize) -> LogId {
    LogId(FIRST_LOG + shard as u64)
}

/// One batch over the shards that `effects` names, locked in ascending order.
pub(crate) fn write(
    shards: &[Arc<Shard<Ranges>>],
    transaction: &mut Transaction,
    effects: &[(usize, Effect)],
    class: Durability,
) -> Result<Position, Error> {
    let mut names: Vec<usize> = effects.iter().map(|(shard, _)| *shard).collect();
    names.sort_unstable();
    names.dedup();
    transaction.reserve(effects.len() * 64)?;
    let mut locked: Vec<(usize, Locked<'_, Ranges>)> = Vec::new();
    for name in names {
        locked.push((name, shards[name].lock()?));
    }
    for (shard, effect) in effects {
        let at = locked.iter().position(|(name, _)| name == shard).unwrap();
        locked[at].1.push(transaction, class, effect)?;
    }
    let position = transaction.append()?;
    for (_, locked) in &mut locked {
        locked.appended(position);
    }
    Ok(position)
}

/// A random batch over random shards.
pub(crate) fn random_batch(rng: &mut Rng, shards: usize) -> Vec<(usize, Effect)> {
    let count = 1 + rng.below(3);
    (0..count)
        .map(|_| {
            let shard = rng.below(shards as u64) as usize;
            let key = rng.below(40) * (u64::MAX / 40);
            let effect = match rng.below(60) {
                0 => Effect::Flush,
                1..10 => Effect::Remove(key),
                _ => Effect::Add(key, 1 + rng.below(1000)),
            };
            (shard, effect)
        })
        .collect()
}

pub(crate) fn random_class(rng: &mut Rng) -> Durability {
    if rng.below(2) == 0 { Durability::Async } else { Durability::Sync }
}
