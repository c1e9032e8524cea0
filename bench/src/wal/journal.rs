//! The journal under a number of appenders.

use std::future::poll_fn;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use bole_base::{Durability, Epoch, LogId, Offset, RealDisk, SystemClock};
use bole_log::{Batch, EntryHeader, Error, Journal, LocalJournal, PayloadKind};

use super::Appended;

/// All appenders together let their entries go after so many bytes, so that segments are recycled. Were it more than the spares hold,
/// the journal would zero-fill further segments while it is measured, and compete with itself for the disk.
const TRIM_BYTES: usize = 16 << 20;
/// Segments are ready before the clock starts.
const SPARES: usize = 4;

/// Appends with `appenders` tasks for `time`, in a new journal that is removed afterwards.
pub(super) fn measure(dir: &Path, size: usize, appenders: usize, time: Duration) -> Result<Appended> {
    let config = bole_wal::Config {
        record_writes: true,
        reserve_bytes: 0,
        spares: SPARES,
        queue_bytes_max: 64 << 20,
        ..bole_wal::Config::default()
    };
    let journal = LocalJournal::open(Arc::new(RealDisk), Arc::new(SystemClock::new()), dir, config)?;
    journal.wal().make_space()?;
    let journal = Arc::new(journal.start()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let before = journal.wal().metrics().snapshot();
    journal.wal().metrics().take_write_sizes();
    let start = Instant::now();
    let tasks: Vec<_> = (0..appenders)
        .map(|number| {
            let trim_every = (TRIM_BYTES / appenders / size).max(1) as u64;
            runtime.spawn(append(Arc::clone(&journal), number as u64, size, trim_every, start + time))
        })
        .collect();
    for task in tasks {
        runtime.block_on(task)??;
    }
    let seconds = start.elapsed().as_secs_f64();
    let after = journal.wal().metrics().snapshot();
    let fsyncs = after.syncs - before.syncs;
    let groups = groups(&journal.wal().metrics().take_write_sizes(), fsyncs as usize);
    drop(runtime);
    journal.close()?;
    std::fs::remove_dir_all(dir)?;
    Ok(Appended {
        seconds,
        entries: after.appends - before.appends,
        bytes: after.write_bytes - before.write_bytes,
        fsyncs,
        fsync_seconds: (after.sync_micros - before.sync_micros) as f64 / 1e6,
        groups,
    })
}

async fn append(
    journal: Arc<LocalJournal>,
    number: u64,
    size: usize,
    trim_every: u64,
    end: Instant,
) -> Result<(), Error> {
    let payload = vec![0xB0; size];
    let mut header = EntryHeader {
        log: LogId(LogId::FIRST_DATASET.0 + number),
        offset: Offset::ZERO,
        epoch: Epoch(1),
        hlc: 0,
        origin: 0,
        kind: PayloadKind(1),
        version: 1,
        flags: 0,
    };
    let mut batch = Batch::new();
    while Instant::now() < end {
        batch.clear();
        batch.push(&header, Durability::Sync, |out| out.extend_from_slice(&payload));
        let cost = journal.batch_cost(batch.bytes().len());
        if !journal.try_admit(cost)? {
            poll_fn(|context| journal.poll_admit(cost, context)).await?;
        }
        let position = journal.append(&batch)?;
        poll_fn(|context| journal.poll_reached(Durability::Sync, position, context)).await?;
        header.offset.0 += 1;
        if header.offset.0.is_multiple_of(trim_every) {
            journal.trim(header.log, header.offset);
        }
    }
    Ok(())
}

/// The bytes of each of `count` group commits: several writes may have shared an fsync, so neighbours are added up evenly.
fn groups(writes: &[u32], count: usize) -> Vec<u32> {
    let count = count.clamp(1, writes.len().max(1));
    let from = |group: usize| group * writes.len() / count;
    (0..count).map(|group| writes[from(group)..from(group + 1)].iter().sum()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_added_up_to_as_many_groups_as_there_were_fsyncs() {
        for (writes, count, expected) in [
            (&[1, 2, 3, 4][..], 4, vec![1, 2, 3, 4]),
            (&[1, 2, 3, 4], 2, vec![3, 7]),
            (&[1, 2, 3], 2, vec![1, 5]),
            (&[5], 3, vec![5]),
            (&[], 3, vec![0]),
        ] {
            assert_eq!(groups(writes, count), expected, "{writes:?} in {count}");
        }
    }
}
