//! What the node does besides serving: high watermarks, checkpoints, flushes and evictions, files that go.

use std::cell::Cell;
use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bole_base::{Clock as _, Disk, Kind};
use bole_log::Journal;
use bole_shard::Runtime;
use bole_streams::Error;
use bole_streams::compaction::plan::{self, Terms};
use bole_streams::compaction::run::{self, Run, Step};
use bole_streams::partition::Partition;
use bole_streams::partition::files::{FileId, SegmentFiles};
use bole_testing::scheduler::Handle;
use bole_testing::{Rng, SimClock};

use super::Flaw;
use super::model::{COMPACTED_FROM, PARTITIONS};
use super::system::{FILES_DIR, SEGMENT_BYTES, Simulated};

/// Starts all of it.
pub fn spawn<const FLAW: u8>(system: &Rc<Simulated<FLAW>>, seed: u64) {
    let handle = &system.scheduler;
    for advancer in &system.advancers {
        let journal = Arc::clone(system.runtime.journal());
        let advancer = Arc::clone(advancer);
        handle.spawn("advance", async move { advancer.run(journal).await });
    }
    crate::system::spawn_checkpoints(handle, &system.runtime, seed);
    let mut rng = Rng::new(seed ^ 1);
    let (here, partitions) = (handle.clone(), Arc::clone(&system.partitions));
    let journal = Arc::clone(system.runtime.journal());
    handle.spawn("evict", async move {
        loop {
            here.sleep(Duration::from_micros(100 + rng.below(3_000))).await;
            let partition = rng.pick(&partitions);
            if let Err(text) = evict(partition, &*journal, rng.below(1_001)).await {
                here.event(format_args!("the flush failed: {text}"));
                return;
            }
        }
    });
    let mut janitor = Janitor {
        partitions: Arc::clone(&system.partitions),
        files: Arc::clone(&system.files),
        journal: Arc::clone(system.runtime.journal()),
        disk: system.disk.clone(),
        trash: Vec::new(),
        settles: FLAW != Flaw::REMOVED_UNSETTLED,
        compacting: Rc::clone(&system.compacting),
    };
    let mut rng = Rng::new(seed ^ 2);
    let here = handle.clone();
    handle.spawn("janitor", async move {
        loop {
            here.sleep(Duration::from_micros(100 + rng.below(6_000))).await;
            if let Err(error) = janitor.round() {
                here.event(format_args!("the janitor gives up: {error}"));
                return;
            }
        }
    });
    spawn_compaction(handle, system, seed);
}

/// Compacts partitions, now and then giving up in the middle as a node does that stops.
fn spawn_compaction<const FLAW: u8>(handle: &Handle, system: &Rc<Simulated<FLAW>>, seed: u64) {
    let mut rng = Rng::new(seed ^ 3);
    let compactor = Compactor {
        scheduler: handle.clone(),
        clock: Arc::clone(&system.clock),
        runtime: Arc::clone(&system.runtime),
        partitions: Arc::clone(&system.partitions),
        compacting: Rc::clone(&system.compacting),
    };
    let here = handle.clone();
    handle.spawn("compaction", async move {
        loop {
            here.sleep(Duration::from_micros(100 + rng.below(4_000))).await;
            let number = COMPACTED_FROM + rng.index(PARTITIONS - COMPACTED_FROM);
            let outcome = compactor.round(number, &mut rng).await;
            compactor.compacting.set(false);
            match outcome {
                Err(Error::Full(_)) | Ok(()) => {}
                Err(error) => {
                    here.event(format_args!("the compaction failed: {error}"));
                    return;
                }
            }
        }
    });
}

struct Compactor {
    scheduler: Handle,
    clock: Arc<SimClock>,
    runtime: Arc<Runtime>,
    partitions: Arc<[Arc<Partition>]>,
    /// Files that nothing names yet may be there.
    compacting: Rc<Cell<bool>>,
}

impl Compactor {
    async fn round(&self, number: usize, rng: &mut Rng) -> Result<(), Error> {
        let partition = &self.partitions[number];
        let terms = Terms {
            now: self.clock.now().0 as i64,
            segment_bytes: SEGMENT_BYTES,
            cleanable_ratio_min: *rng.pick(&[0.0, 0.5]),
            lag_ms_min: *rng.pick(&[0, 5]),
            lag_ms_max: *rng.pick(&[i64::MAX, 10]),
            delete_retention_ms: *rng.pick(&[0, 20]),
            keys_max: *rng.pick(&[5, 5, 100]),
        };
        let Some(plan) = plan::due(partition.lock()?.state(), terms) else { return Ok(()) };
        if plan.end() > partition.lock()?.state().flushed {
            partition.flush(&**self.runtime.journal()).await?;
        }
        self.compacting.set(true);
        let mut run = Run::new(Arc::clone(partition), plan);
        while !rng.one_in(40) {
            match run.step()? {
                Step::More(_) => self.scheduler.sleep(Duration::from_micros(rng.below(300))).await,
                Step::Replace(replacement) => {
                    let mut transaction = self.runtime.transaction();
                    transaction.set_time(self.runtime.tick());
                    let installed = run::install(partition, &mut transaction, replacement).await?;
                    let Some(position) = installed else { return Ok(()) };
                    self.scheduler.event(format_args!("compacted {number}, logged at {position}"));
                    if rng.one_in(2) {
                        partition.reached(&**self.runtime.journal(), position).await?;
                    }
                }
                Step::Done => return Ok(()),
            }
        }
        run.stop();
        Ok(())
    }
}

/// Lets batches go from memory, as the service does it: those that are in no file yet after a flush.
async fn evict(partition: &Partition, journal: &dyn Journal, permille: u64) -> Result<(), String> {
    let let_go = || -> Result<bool, String> {
        let mut locked = partition.lock().map_err(|error| error.to_string())?;
        let state = locked.state_mut();
        let offset = state.next_offset * permille as i64 / 1_000;
        state.evict(offset);
        Ok(state.memory_start() >= offset)
    };
    if let_go()? {
        return Ok(());
    }
    match partition.flush(journal).await {
        Err(error) if error.kind() != Kind::Full => return Err(error.to_string()),
        _ => {}
    }
    let_go().map(drop)
}

struct Janitor {
    partitions: Arc<[Arc<Partition>]>,
    files: Arc<SegmentFiles>,
    journal: Arc<dyn Journal>,
    disk: Arc<dyn Disk>,
    trash: Vec<FileId>,
    /// Whether files stay until the journal has settled.
    settles: bool,
    compacting: Rc<Cell<bool>>,
}

impl Janitor {
    /// As the service does it.
    fn round(&mut self) -> io::Result<()> {
        for partition in self.partitions.iter() {
            self.trash.extend(partition.take_dropped());
        }
        if self.trash.is_empty() || (self.settles && !self.journal.settle().map_err(io::Error::other)?) {
            return Ok(());
        }
        for file in std::mem::take(&mut self.trash) {
            self.files.remove(file)?;
        }
        self.check_leaks()
    }

    /// Every file that is there is named.
    fn check_leaks(&self) -> io::Result<()> {
        if self.compacting.get() {
            return Ok(());
        }
        let mut named = HashSet::new();
        for partition in self.partitions.iter() {
            let Ok(locked) = partition.lock() else { return Ok(()) };
            let segments = locked.state().segments.iter().map(|segment| segment.id);
            named.extend(segments.map(|segment| self.files.path(partition.file(segment))));
        }
        for name in self.disk.list(Path::new(FILES_DIR))? {
            let path = Path::new(FILES_DIR).join(name);
            assert!(named.contains(&path), "{} is there, and nothing names it", path.display());
        }
        Ok(())
    }
}
