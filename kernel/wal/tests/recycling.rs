//! Segments that are recycled or removed while fsyncs fail: whatever of it survives, the journal opens again and has everything that
//! was acknowledged.

#![expect(clippy::unwrap_used, reason = "a harness of tests: a failed step fails the test")]

use std::path::Path;
use std::sync::Arc;

use bole_base::clock::ManualClock;
use bole_base::{Disk, Durability, Epoch, LogId, Offset};
use bole_testing::Rng;
use bole_testing::fault_disk::{FaultDisk, Faults};
use bole_wal::{Batch, Config, EntryHeader, Error, PayloadKind, Wal};

const LOG: LogId = LogId(16);
const PAYLOAD_BYTES: usize = 1_500;

fn open(disk: &Arc<FaultDisk>, spares: usize) -> Result<Wal, Error> {
    let disk: Arc<dyn Disk> = Arc::<FaultDisk>::clone(disk);
    let config = Config { spares, segment_bytes: 24 << 10, ..Config::small() };
    Wal::open(disk, Arc::new(ManualClock::new()), Path::new("journal"), config)
}

/// Appends one durable entry; its offset.
fn append(wal: &Wal) -> Result<u64, Error> {
    let offset = append_unsynced(wal, wal.tail(LOG).0)?;
    wal.sync()?;
    Ok(offset)
}

/// Appends one entry, and hands it to the operating system; its offset.
fn append_unsynced(wal: &Wal, offset: u64) -> Result<u64, Error> {
    let offset = Offset(offset);
    let (kind, epoch) = (PayloadKind(1), Epoch(1));
    let header = EntryHeader { log: LOG, offset, epoch, hlc: 0, origin: 0, kind, version: 1, flags: 0 };
    let mut batch = Batch::new();
    batch.push(&header, Durability::Async, |out| out.resize(out.len() + PAYLOAD_BYTES, offset.0 as u8));
    wal.make_space()?;
    assert!(wal.try_admit(wal.batch_cost(batch.bytes().len()))?, "there is space");
    wal.append(&batch)?;
    wal.write_queued()?;
    Ok(offset.0)
}

/// Appends, and trims all but the last few entries, so that segments come and go. Returns what was acknowledged last.
fn live(wal: &Wal, entries: u64, acknowledged: &mut Option<u64>) -> Result<(), Error> {
    for _ in 0..entries {
        let offset = append(wal)?;
        *acknowledged = Some(offset);
        wal.trim(LOG, Offset(offset.saturating_sub(3)));
        wal.make_space()?;
    }
    Ok(())
}

/// The journal opens and still has the entry.
fn check(disk: &Arc<FaultDisk>, spares: usize, acknowledged: Option<u64>, what: &str) -> Wal {
    let wal = open(disk, spares).unwrap_or_else(|error| panic!("{what}: {error}"));
    let Some(offset) = acknowledged else { return wal };
    let mut found = None;
    wal.read(LOG, Offset(offset), |entry| {
        found = Some(entry.header.offset.0);
        assert!(entry.payload.iter().all(|byte| *byte == entry.header.offset.0 as u8), "{what}");
        false
    })
    .unwrap();
    assert_eq!(found, Some(offset), "{what}");
    wal
}

/// Fails the sync `at`, restarts, cuts the power. `false`: no sync came that far. Adds up the recycled segments.
fn fail_restart_cut(at: u64, seed: u64, recycled: &mut u64) -> bool {
    const SPARES: usize = 2;
    let what = format!("sync {at} failed, seed {seed}");
    let mut rng = Rng::new(seed);
    let disk = FaultDisk::new(seed, Faults::none());
    let wal = open(&disk, SPARES).unwrap();
    let before = disk.counters().syncs;
    disk.set_faults(|faults| {
        faults.sync_error_at = Some(before + 1 + at);
        faults.lose_unsynced = true;
        faults.reorder_unsynced = seed.is_multiple_of(2);
    });
    let mut acknowledged = None;
    let outcome = live(&wal, 60, &mut acknowledged);
    *recycled += wal.metrics().snapshot().segments_recycled;
    drop(wal);
    if outcome.is_ok() {
        return false;
    }
    // The process ends; what it wrote is in the page cache. The next one goes on from there, until the power fails.
    let disk = disk.kill();
    disk.set_faults(|faults| faults.sync_error_at = None);
    let wal = check(&disk, SPARES, acknowledged, &what);
    live(&wal, seed * 15, &mut acknowledged).unwrap();
    drop(wal);
    let disk = disk.crash(&mut rng);
    drop(check(&disk, SPARES, acknowledged, &what));
    drop(check(&disk.kill(), SPARES, acknowledged, &what));
    true
}

#[test]
fn any_failed_fsync_then_a_restart_then_a_power_cut_loses_nothing() {
    let (mut failed, mut recycled) = (0, 0);
    while (0..4).all(|seed| fail_restart_cut(failed, seed, &mut recycled)) {
        failed += 1;
    }
    assert!(failed > 60 && recycled > 300, "{failed} failed fsyncs, {recycled} segments recycled");
}

#[test]
fn a_reader_that_holds_an_old_segment_leaves_no_gap_behind() {
    let disk = FaultDisk::new(1, Faults::none());
    let wal = open(&disk, 2).unwrap();
    let mut acknowledged = None;
    live(&wal, 3, &mut acknowledged).unwrap();
    wal.read(LOG, Offset(0), |_| {
        // The reader holds the first segment; the ones that come and go meanwhile must not be recycled before it.
        live(&wal, 60, &mut acknowledged).unwrap();
        drop(check(
            &disk.image(&mut Rng::new(2)),
            2,
            acknowledged,
            "a crash while a reader holds the oldest segment",
        ));
        false
    })
    .unwrap();
}

#[test]
fn a_segment_under_another_name_is_refused_unless_it_has_its_own() {
    let disk = FaultDisk::new(1, Faults::none());
    drop(open(&disk, 2).unwrap());
    let path = |name: &str| Path::new("journal").join(name);
    disk.rename(&path("0000000000000001.wal"), &path("0000000000000000.wal")).unwrap();
    let error = open(&disk, 2).err().expect("it is refused");
    assert!(matches!(&error, Error::Corrupt { what, .. } if what.contains("renamed")), "{error}");
}

#[test]
fn a_header_that_was_lost_behind_the_last_fsync_is_a_tail_whatever_later_segments_kept() {
    let mut lost = 0;
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let disk = FaultDisk::new(seed, Faults::none());
        disk.set_faults(|faults| {
            faults.lose_unsynced = true;
            faults.reorder_unsynced = true;
        });
        let wal = open(&disk, 4).unwrap();
        let acknowledged = append(&wal).unwrap();
        // More than two segments.
        let last = acknowledged + rng.in_range(40..50);
        for offset in acknowledged + 1..=last {
            append_unsynced(&wal, offset).unwrap();
        }
        drop(wal);
        let wal = check(&disk.crash(&mut rng), 4, Some(acknowledged), &format!("seed {seed}"));
        let mut next = acknowledged;
        wal.read(LOG, Offset(acknowledged), |entry| {
            assert_eq!(entry.header.offset, Offset(next), "seed {seed}");
            next += 1;
            true
        })
        .unwrap();
        lost += u64::from(next < last);
    }
    assert!(lost > 0, "nothing was ever lost");
}
