//! What a partition takes that is there and does nothing. A process of its own, so that nobody else's memory is counted.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;

use bole_base::{Durability, LogId, RealDisk, SystemClock};
use bole_log::LocalJournal;
use bole_shard::{Hosted, Runtime, runtime};
use bole_streams::partition::Partition;
use bole_streams::partition::files::SegmentFiles;

const PARTITIONS: u64 = 10_000;
/// Measured: about 1,000 bytes, with the runtime's slot and the store of its checkpoint.
const BYTES_MAX: u64 = 3_000;

/// Resident bytes of this process.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

#[tokio::test]
async fn idle_partitions_are_small() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk);
    let clock = Arc::new(SystemClock::new());
    let files = Arc::new(SegmentFiles::open(Arc::clone(&disk) as _, &dir.path().join("streams")).unwrap());
    let config = bole_log::local::Config {
        reserve_bytes: 0,
        segment_bytes: 8 << 20,
        bytes_max: 64 << 20,
        ..Default::default()
    };
    let journal = LocalJournal::open(
        Arc::clone(&disk) as _,
        Arc::clone(&clock) as _,
        &dir.path().join("journal"),
        config,
    );
    let journal = Arc::new(journal.unwrap().start().unwrap());
    let root = dir.path().join("checkpoints");
    let runtime = Runtime::new(journal, disk, clock, root, runtime::Config::default());
    let before = resident();
    for number in 0..PARTITIONS {
        let name = format!("default/streams/t#{number}");
        let partition = Partition::new(LogId(20 + number), name, Arc::clone(&files), Durability::Async);
        runtime.host(Arc::new(partition) as Arc<dyn Hosted>).unwrap();
    }
    runtime.recover(&[]).await.unwrap();
    let each = resident().saturating_sub(before) / PARTITIONS;
    eprintln!("{each} bytes for each of {PARTITIONS} idle partitions");
    assert!(each < BYTES_MAX, "{each} bytes for each idle partition");
    assert!(each > 100, "{each} bytes for each: this measures nothing");
}
