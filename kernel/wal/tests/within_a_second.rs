//! Class `async`: what was acknowledged a second before the power fails is on the disk, whenever that is and whatever else is written.
//! Time is simulated: who drives the journal sleeps as long as it is told to, or until somebody appends a batch of class `sync`.

#![expect(clippy::unwrap_used, reason = "a harness of tests: a failed step fails the test")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bole_base::clock::{Clock, ManualClock};
use bole_base::{Disk, Durability, Epoch, LogId, Offset};
use bole_testing::Rng;
use bole_testing::fault_disk::{FaultDisk, Faults};
use bole_wal::{Batch, Config, EntryHeader, PayloadKind, Wal};

const LOG: LogId = LogId(16);
const SECOND: Duration = Duration::from_secs(1);

/// A journal with the interval that a node has, and its driver.
struct Node {
    wal: Wal,
    clock: Arc<ManualClock>,
    disk: Arc<FaultDisk>,
    /// When the driver looks next.
    due: Duration,
}

impl Node {
    fn open(seed: u64) -> Self {
        let disk = FaultDisk::new(seed, Faults::none());
        disk.set_faults(|faults| {
            faults.lose_unsynced = true;
            faults.reorder_unsynced = seed.is_multiple_of(2);
        });
        let clock = Arc::new(ManualClock::new());
        let config = Config { sync_interval: Config::default().sync_interval, ..Config::small() };
        let dyn_disk: Arc<dyn Disk> = Arc::<FaultDisk>::clone(&disk);
        let wal =
            Wal::open(dyn_disk, Arc::<ManualClock>::clone(&clock), Path::new("journal"), config).unwrap();
        Self { wal, clock, disk, due: Duration::ZERO }
    }

    /// Does what the driver's thread does, for as long as it does not sleep.
    fn drive(&mut self) {
        loop {
            let idle = self.wal.sync_due().unwrap();
            if !idle.is_zero() {
                self.due = self.clock.monotonic() + idle;
                return;
            }
        }
    }

    /// Lets time pass; the driver wakes whenever its sleep is over.
    fn pass(&mut self, time: Duration) {
        let end = self.clock.monotonic() + time;
        while self.due <= end {
            self.clock.advance(self.due.saturating_sub(self.clock.monotonic()));
            self.drive();
        }
        self.clock.advance(end.saturating_sub(self.clock.monotonic()));
    }

    fn append(&mut self, class: Durability) -> Offset {
        let offset = self.wal.tail(LOG);
        let (kind, epoch) = (PayloadKind(1), Epoch(1));
        let header = EntryHeader { log: LOG, offset, epoch, hlc: 0, origin: 0, kind, version: 1, flags: 0 };
        let mut batch = Batch::new();
        batch.push(&header, class, |out| out.resize(out.len() + 300, offset.0 as u8));
        self.wal.trim(LOG, Offset(offset.0.saturating_sub(100)));
        self.wal.make_space().unwrap();
        assert!(self.wal.try_admit(self.wal.batch_cost(batch.bytes().len())).unwrap(), "there is space");
        let end = self.wal.append(&batch).unwrap();
        self.wal.write_queued().unwrap();
        if class == Durability::Sync {
            self.drive();
        }
        assert!(self.wal.reached(class) >= end, "it can be acknowledged");
        offset
    }
}

/// Appends at random times and cuts the power at a random one. Returns how many entries were younger than a second and lost.
fn run(seed: u64) -> u64 {
    let mut rng = Rng::new(seed);
    let mut node = Node::open(seed);
    let mut acknowledged = Vec::new();
    for _ in 0..rng.in_range(1..120) {
        let pause = if rng.one_in(8) { rng.below(3_000) } else { rng.below(80) };
        node.pass(Duration::from_millis(pause));
        let class = if rng.one_in(30) { Durability::Sync } else { Durability::Async };
        acknowledged.push((node.clock.monotonic(), node.append(class)));
    }
    node.pass(Duration::from_millis(rng.below(1_500)));
    let cut = node.clock.monotonic();
    let Node { wal, clock, disk, .. } = node;
    drop(wal);
    let disk: Arc<dyn Disk> = disk.crash(&mut rng);
    let wal = Wal::open(disk, clock, Path::new("journal"), Config::small()).unwrap();
    let tail = wal.tail(LOG);
    let lost: Vec<_> = acknowledged.iter().filter(|(_, offset)| *offset >= tail).collect();
    for (at, offset) in &lost {
        let age = cut.saturating_sub(*at);
        assert!(
            age <= SECOND,
            "seed {seed}: entry {offset} was acknowledged {age:?} before the power failed"
        );
    }
    lost.len() as u64
}

#[test]
fn a_power_cut_takes_no_async_write_that_is_older_than_a_second() {
    let lost: u64 = (0..300).map(run).sum();
    assert!(lost > 100, "the disk lost {lost} young entries: the test sees losses");
}
