//! Seeded histories with crashes, kills, failing disks and flipped bits, compared with a model of what was appended.

#![expect(clippy::unwrap_used, reason = "a harness of tests: a failed step fails the test")]

#[path = "crash/torn_disk.rs"]
mod torn_disk;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bole_base::clock::ManualClock;
use bole_base::{Disk, Durability, Epoch, LogId, Offset, Position};
use bole_wal::{Batch, Config, EntryHeader, Error, PayloadKind, Wal, check};
use torn_disk::{Random, TornDisk};

const DIR: &str = "journal";

fn header(log: u64, offset: u64) -> EntryHeader {
    EntryHeader {
        log: LogId(log),
        offset: Offset(offset),
        epoch: Epoch(1),
        hlc: 0,
        origin: 0,
        kind: PayloadKind(1),
        version: 1,
        flags: 0,
    }
}

fn payload(log: u64, offset: u64, life: u64) -> Vec<u8> {
    let len = (log * 31 + offset * 17) % 700;
    let mut bytes = life.to_le_bytes().to_vec();
    bytes.resize(8 + len as usize, (log ^ offset) as u8);
    bytes
}

/// A batch in the model: entries, and the position at which it ends.
#[derive(Clone)]
struct Written {
    entries: Vec<(u64, u64, Vec<u8>)>,
    end: Position,
}

struct World {
    disk: TornDisk,
    clock: Arc<ManualClock>,
    wal: Wal,
    model: Vec<Written>,
    next: [u64; 6],
    trimmed: [u64; 6],
    life: u64,
}

fn open(disk: &TornDisk, clock: &Arc<ManualClock>) -> Result<Wal, Error> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Wal::open(disk, Arc::<ManualClock>::clone(clock), Path::new(DIR), Config::small())
}

impl World {
    fn new() -> Self {
        let (disk, clock) = (TornDisk::new(), Arc::new(ManualClock::new()));
        let wal = open(&disk, &clock).unwrap();
        Self { disk, clock, wal, model: Vec::new(), next: [0; 6], trimmed: [0; 6], life: 0 }
    }

    fn append(&mut self, random: &mut Random) {
        let mut batch = Batch::new();
        let mut entries = Vec::new();
        for _ in 0..=random.below(3) {
            let log = random.below(6);
            let offset = self.next[log as usize];
            let bytes = payload(log, offset, self.life);
            let class = if random.below(2) == 0 { Durability::Sync } else { Durability::Async };
            batch.push(&header(log, offset), class, |out| out.extend_from_slice(&bytes));
            self.next[log as usize] += 1;
            entries.push((log, offset, bytes));
        }
        let cost = self.wal.batch_cost(batch.bytes().len());
        match self.wal.try_admit(cost) {
            Ok(true) => {
                let end = self.wal.append(&batch).unwrap();
                self.model.push(Written { entries, end });
            }
            Ok(false) | Err(Error::Failed(_) | Error::Full(_)) => {
                for (log, ..) in &entries {
                    self.next[*log as usize] -= 1;
                }
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// One step of the journal's life. A failed disk makes steps fail; that is fine until the crash.
    fn step(&mut self, random: &mut Random) {
        match random.below(20) {
            0..10 => self.append(random),
            10..13 => drop(self.wal.write_queued()),
            13..15 => drop(self.wal.sync()),
            15 => {
                self.clock.advance(Duration::from_millis(700));
                let _ = self.wal.sync_due();
            }
            16 | 17 => drop(self.wal.make_space()),
            18 => {
                let log = random.below(6);
                let tail = self.wal.tail(LogId(log)).0;
                let below = tail.saturating_sub(random.below(6));
                self.wal.trim(LogId(log), Offset(below));
                self.trimmed[log as usize] = self.trimmed[log as usize].max(below);
            }
            _ => {
                let _ = self.wal.copy_forward(LogId(random.below(6)));
            }
        }
    }

    /// What survived is a prefix of the model that holds everything before `durable`; the model forgets the rest.
    fn check(&mut self, durable: Position) {
        let tails: Vec<u64> = (0..6).map(|log| self.wal.tail(LogId(log)).0).collect();
        let survives =
            |written: &Written| written.entries.iter().all(|(log, offset, _)| *offset < tails[*log as usize]);
        let touched =
            |written: &Written| written.entries.iter().any(|(log, offset, _)| *offset < tails[*log as usize]);
        let kept = self.model.partition_point(survives);
        assert!(self.model[..kept].iter().all(survives), "a hole in the prefix");
        assert!(!self.model[kept..].iter().any(touched), "half a batch, or one behind a lost one");
        assert!(self.model[kept..].iter().all(|lost| lost.end > durable), "an acknowledged batch is lost");
        self.model.truncate(kept);
        let mut next = [0; 6];
        for (log, offset, _) in self.model.iter().flat_map(|written| &written.entries) {
            next[*log as usize] = offset + 1;
        }
        self.next = next;
        assert_eq!(tails, next);
        self.check_entries();
    }

    /// Reads and replay agree with the model in every retained entry.
    fn check_entries(&self) {
        let all: Vec<_> = self.model.iter().flat_map(|written| &written.entries).collect();
        for log in 0..6 {
            let mut seen = Vec::new();
            let end = self.wal.read(LogId(log), Offset(0), |entry| {
                seen.push((entry.header.offset.0, entry.payload.to_vec()));
                true
            });
            let first = end.unwrap().gap.map_or(0, |(_, to)| to.0);
            assert!(first <= self.trimmed[log as usize], "entries that were not trimmed are gone");
            let of_log = all.iter().filter(|(other, offset, _)| *other == log && *offset >= first);
            let expected: Vec<_> = of_log.map(|(_, offset, bytes)| (*offset, bytes.clone())).collect();
            assert_eq!(seen, expected, "log {log}");
        }
        let mut expected: Vec<_> =
            self.wal.logs().iter().map(|info| (info.log.0, info.first.0, info.tail.0)).collect();
        self.wal
            .replay(&mut |entry| {
                let found = expected.iter_mut().find(|(log, ..)| *log == entry.header.log.0).unwrap();
                assert_eq!(entry.header.offset.0, found.1, "replay of log {} is out of order", found.0);
                found.1 += 1;
                Ok::<(), Error>(())
            })
            .unwrap();
        assert!(expected.iter().all(|(_, next, tail)| next == tail), "replay misses entries");
    }

    fn crash(&mut self, random: &mut Random) {
        let killed = random.below(3) == 0;
        let class = if killed { Durability::Async } else { Durability::Sync };
        let durable = self.wal.reached(class);
        let mut disk = if killed { self.disk.kill() } else { self.disk.crash(random) };
        // Recovery itself may crash, too.
        while random.below(3) == 0 {
            disk.fuse.left.store(random.below(40), Ordering::SeqCst);
            drop(open(&disk, &self.clock));
            disk = if killed { disk.kill() } else { disk.crash(random) };
        }
        let free = if random.below(4) == 0 { 0 } else { 1 << 40 };
        disk.fuse.free.store(free, Ordering::SeqCst);
        self.disk = disk;
        self.life += 1;
        self.wal = match open(&self.disk, &self.clock) {
            Ok(wal) => wal,
            Err(Error::Full(_)) if free == 0 && self.model.is_empty() => {
                self.disk.fuse.free.store(1 << 40, Ordering::SeqCst);
                open(&self.disk, &self.clock).unwrap()
            }
            Err(error) => panic!("{error}\n{:#?}", check::check(&self.disk, Path::new(DIR))),
        };
        self.check(durable);
        self.disk.fuse.free.store(1 << 40, Ordering::SeqCst);
    }
}

#[test]
fn what_survives_a_crash_is_a_prefix_with_everything_acknowledged() {
    for seed in 1..100_u64 {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut world = World::new();
        for _ in 0..4 {
            let steps = random.below(250);
            if random.below(4) == 0 {
                world.disk.fuse.left.store(random.below(60), Ordering::SeqCst);
            }
            (0..steps).for_each(|_| world.step(&mut random));
            world.crash(&mut random);
        }
    }
}

/// A journal of some segments whose first part is fsynced and marked, closed by a kill.
fn written(random: &mut Random) -> (TornDisk, Arc<ManualClock>, Vec<Written>, Position) {
    let mut world = World::new();
    for _ in 0..150 {
        world.append(random);
        world.wal.sync().unwrap();
        world.wal.make_space().unwrap();
    }
    let synced = world.model[world.model.len() - 2].end;
    (world.disk.kill(), world.clock, world.model, synced)
}

fn segments(disk: &TornDisk) -> Vec<check::SegmentReport> {
    check::check(disk, Path::new(DIR)).unwrap().segments
}

#[test]
fn a_flipped_bit_is_found_below_the_synced_position_and_cut_above() {
    let (mut refused, mut cut) = (0, 0);
    for seed in 1..60_u64 {
        let mut random = Random(seed.wrapping_mul(0xD134_2543_DE82_EF95));
        let (disk, clock, model, synced) = written(&mut random);
        let all = segments(&disk);
        assert!(all.len() > 1, "the test needs several segments");
        let segment = &all[random.below(all.len() as u64) as usize];
        let used = segment.end.0 - segment.base.0;
        let offset = if random.below(8) == 0 { random.below(64) } else { 4096 + random.below(used) };
        // Bytes 8 to 12 hold the version; a changed one is refused as an unknown version.
        let offset = if (8..12).contains(&offset) { 16 } else { offset };
        disk.flip(&segment.file, offset, random.below(8) as u8);
        let position = Position(segment.base.0 + offset.saturating_sub(4096));
        match open(&disk, &clock) {
            Err(Error::Corrupt { file, offset: found, what }) => {
                let text = Error::Corrupt { file: file.clone(), offset: found, what }.to_string();
                assert!(
                    text.contains("bole check --repair DIR") && text.contains(&file.display().to_string())
                );
                assert!(file == segment.file && found <= offset, "{text}");
                assert!(position < synced, "{text}");
                refused += 1;
                let repaired = check::repair(&disk, Path::new(DIR)).unwrap();
                assert_eq!(repaired.len(), 1);
                let wal = open(&disk, &clock).unwrap();
                let kept: u64 = wal.logs().iter().map(|info| info.tail.0).sum();
                let all: usize = model.iter().map(|written| written.entries.len()).sum();
                assert!(repaired[0].lossless == (kept == all as u64), "{repaired:?}: {kept} of {all}");
                assert_eq!(check::repair(&disk, Path::new(DIR)), Ok(vec![]));
            }
            Err(error) => panic!("{error}"),
            // A padding byte belongs to no checksum; otherwise the last batch is gone.
            Ok(_) => cut += usize::from(position >= synced),
        }
    }
    assert!(refused > 30, "{refused} damages were refused, {cut} tails cut");
}

#[test]
fn a_damaged_last_batch_is_cut() {
    let mut random = Random(77);
    let (disk, clock, model, synced) = written(&mut random);
    let last = segments(&disk).pop().unwrap();
    disk.flip(&last.file, 4096 + (synced.0 - last.base.0) + 50, 3);
    let wal = open(&disk, &clock).unwrap();
    let kept: u64 = wal.logs().iter().map(|info| info.tail.0).sum();
    let all: usize = model.iter().map(|written| written.entries.len()).sum();
    assert_eq!(kept as usize, all - model.last().unwrap().entries.len());
}

#[test]
fn a_full_disk_refuses_appends_until_space_returns() {
    let mut random = Random(5);
    let mut world = World::new();
    world.disk.fuse.free.store(0, Ordering::SeqCst);
    world.wal.make_space().unwrap();
    let mut refused = None;
    while refused.is_none() {
        let before = world.model.len();
        world.append(&mut random);
        world.wal.sync().unwrap();
        if world.model.len() == before {
            refused = world.wal.try_admit(2_000).err();
        }
    }
    assert!(matches!(refused, Some(Error::Full(_))), "{refused:?}");
    world.check_entries();
    world.disk.fuse.free.store(1 << 30, Ordering::SeqCst);
    world.wal.make_space().unwrap();
    assert_eq!(world.wal.try_admit(2_000), Ok(true));
    world.wal.return_admitted(2_000);
    world.append(&mut random);
    world.wal.sync().unwrap();
    world.check_entries();
}

#[test]
fn at_its_bound_the_journal_waits_for_trim_and_recycles() {
    let mut random = Random(9);
    let mut world = World::new();
    for _ in 0..20 {
        let mut stuck = 0;
        while stuck < 3 {
            let before = world.model.len();
            world.append(&mut random);
            world.wal.sync().unwrap();
            world.wal.make_space().unwrap();
            stuck += usize::from(world.model.len() == before);
        }
        assert!(world.wal.usage().total_bytes <= 1 << 20);
        for log in 0..6 {
            let tail = world.wal.tail(LogId(log));
            world.wal.trim(LogId(log), tail);
            world.trimmed[log as usize] = tail.0;
        }
        world.wal.make_space().unwrap();
        assert_eq!(world.wal.try_admit(2_000), Ok(true));
        world.wal.return_admitted(2_000);
        world.check_entries();
    }
    assert!(world.wal.metrics().snapshot().segments_recycled > 20);
    world.disk = world.disk.kill();
    world.wal = open(&world.disk, &world.clock).unwrap();
    world.check_entries();
}

#[test]
fn a_failed_write_or_fsync_is_final() {
    for fuse in 0..2 {
        let mut random = Random(3);
        let mut world = World::new();
        let told = Arc::new(std::sync::Mutex::new(String::new()));
        let tell = Arc::clone(&told);
        world.wal.set_on_failure(move |text| text.clone_into(&mut tell.lock().unwrap()));
        world.append(&mut random);
        world.disk.fuse.left.store(fuse, Ordering::SeqCst);
        assert!(matches!(world.wal.sync(), Err(Error::Failed(_))));
        world.disk.fuse.left.store(u64::MAX, Ordering::SeqCst);
        let expected = if fuse == 0 { "cannot write" } else { "cannot fsync" };
        assert!(told.lock().unwrap().contains(expected), "{}", told.lock().unwrap());
        assert!(matches!(world.wal.sync(), Err(Error::Failed(_))), "a failed journal does not try again");
        assert!(matches!(world.wal.try_admit(10), Err(Error::Failed(_))));
        assert_eq!(world.wal.reached(Durability::Sync), Position(0));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let end = world.model[0].end;
        let answer = world.wal.poll_reached(Durability::Sync, end, &mut context);
        assert!(matches!(answer, std::task::Poll::Ready(Err(Error::Failed(_)))));
    }
}
