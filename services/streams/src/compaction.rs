//! Compaction: topics with `cleanup.policy=compact` keep the newest record of each key.
//!
//! [`plan`] says what is due, [`map`] remembers where keys stand, [`keep`] decides about batches, [`run`] writes segments anew. Offsets never change.
//! One partition at a time, at a bounded rate. `docs/internals/streams.md` has the rules in one table.

pub mod keep;
pub mod map;
pub mod plan;
pub mod run;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bole_base::LogId;
use tokio::time::Instant;

use crate::Error;
use crate::limits::COMPACTION_BYTES_PER_SECOND;
use crate::metrics::count;
use crate::partition::Partition;
use crate::service::Service;
use plan::{Plan, Terms};
use run::{Run, Step};

/// How often partitions are looked at.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long a partition is left alone whose compaction failed.
const BACKOFF: Duration = Duration::from_mins(10);

/// Compacts what is due, for ever: run it as a task. It may end at any await; an unfinished segment is removed by the next run or the next start.
pub async fn run(service: Arc<Service>) {
    let mut failed: HashMap<LogId, Instant> = HashMap::new();
    loop {
        tokio::time::sleep(INTERVAL).await;
        failed.retain(|_, until| *until > Instant::now());
        for topic in service.topics.all() {
            if !topic.settings().cleanup.compact {
                continue;
            }
            for partition in topic.partitions().iter() {
                if failed.contains_key(&partition.log()) {
                    continue;
                }
                let terms = Terms::of(&topic.settings(), service.now());
                if let Err(error) = compact(&service, partition, terms).await {
                    tracing::warn!(partition = partition.name(), %error, "the partition could not be compacted");
                    failed.insert(partition.log(), Instant::now() + BACKOFF);
                }
            }
        }
    }
}

/// One run over one partition, if it is due. Errors: `Full`, `Storage`.
async fn compact(service: &Arc<Service>, partition: &Arc<Partition>, terms: Terms) -> Result<(), Error> {
    // A quarantined partition was reported when it was quarantined.
    let Ok((plan, flushed)) =
        partition.lock().map(|locked| (plan::due(locked.state(), terms), locked.state().flushed))
    else {
        return Ok(());
    };
    let Some(plan) = plan else { return Ok(()) };
    if plan.end() > flushed {
        let (partition, journal) = (Arc::clone(partition), Arc::clone(service.runtime.journal()));
        let handle = tokio::runtime::Handle::current();
        blocking(move || handle.block_on(partition.flush(&*journal))).await??;
    }
    replace(service, partition, plan).await
}

async fn replace(service: &Arc<Service>, partition: &Arc<Partition>, plan: Plan) -> Result<(), Error> {
    let mut run = Run::new(Arc::clone(partition), plan);
    loop {
        let step;
        (run, step) = blocking(move || {
            let step = run.step();
            (run, step)
        })
        .await?;
        match step? {
            Step::More(bytes) => {
                let nanos = bytes * 1_000_000_000 / COMPACTION_BYTES_PER_SECOND;
                tokio::time::sleep(Duration::from_nanos(nanos)).await;
            }
            Step::Replace(replacement) => {
                let mut transaction = service.runtime.transaction();
                transaction.set_time(service.runtime.tick());
                let Some(position) = run::install(partition, &mut transaction, replacement).await? else {
                    // Retention took the old segments; what is left is looked at another time.
                    break;
                };
                partition.reached(&**service.runtime.journal(), position).await?;
            }
            Step::Done => break,
        }
    }
    let (report, metrics) = (run.report(), &service.metrics);
    count(&metrics.compaction_bytes_read, report.read);
    count(&metrics.compaction_bytes_written, report.written);
    count(&metrics.compactions, 1);
    metrics.last_compaction_ms.store(service.now().max(0) as u64, Ordering::Relaxed);
    Ok(())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::Storage(format!("a step of compaction failed: {error}")))
}
