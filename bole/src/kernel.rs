//! Opens the kernel of a node: the journal, the shard runtime, the catalog and identity, and drives checkpoints.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bole_base::{Clock, Disk, RealDisk, SystemClock};
use bole_catalog::Catalog;
use bole_identity::Identity;
use bole_log::{ExtentSets, LocalJournal};
use bole_shard::changes::Feeds;
use bole_shard::{Runtime, runtime};
use bole_streams::partition::files::SegmentFiles;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::config::Settings;
use crate::node_meta::NodeMeta;
use crate::parts::Part;
use crate::shutdown::Shutdown;
use crate::status::{Journal, Latency, Shard, Status};

/// The folder of the journal in the data directory.
pub const JOURNAL_DIR: &str = "journal";
/// The folder of the checkpoints in the data directory.
pub const CHECKPOINTS_DIR: &str = "checkpoints";
/// The folder of the segment files of streams in the data directory.
pub const STREAMS_DIR: &str = "streams";
/// How often is looked whether a checkpoint is due.
const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(500);
/// How long a checkpoint that met a full disk waits before it tries again.
const CHECKPOINT_RETRY: Duration = Duration::from_secs(5);

/// What every service stands on.
#[derive(Clone)]
pub struct Kernel {
    /// The journal as it lies on this node.
    pub journal: Arc<LocalJournal>,
    /// The shards.
    pub runtime: Arc<Runtime>,
    /// What services show of their changes.
    pub feeds: Arc<Feeds>,
    /// What exists.
    pub catalog: Catalog,
    /// Who may do what.
    pub identity: Arc<Identity>,
    /// Where streams keep their records; the journal names bytes in these files.
    pub stream_files: Arc<SegmentFiles>,
}

impl Kernel {
    /// Opens the journal and recovers catalog and identity.
    pub async fn open(settings: &Settings, meta: &NodeMeta, shutdown: &Shutdown) -> Result<Self> {
        let data = &settings.node.data;
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let stream_files = SegmentFiles::open(Arc::clone(&disk), &data.join(STREAMS_DIR));
        let stream_files = Arc::new(stream_files.context("the segment files of streams cannot be opened")?);
        let mut extents = ExtentSets::default();
        extents.add(Arc::clone(&stream_files) as Arc<_>);
        let config = bole_wal::Config {
            extents,
            segment_bytes: settings.journal.segment_bytes,
            bytes_max: settings.journal.bytes_max,
            queue_bytes_max: settings.journal.queue_bytes_max,
            reserve_bytes: settings.journal.reserve_bytes,
            journal_id: Some(meta.journal_id),
            ..bole_wal::Config::default()
        };
        let dir = data.join(JOURNAL_DIR);
        let journal = LocalJournal::open(Arc::clone(&disk), Arc::clone(&clock), &dir, config)?.start()?;
        let stop = shutdown.clone();
        journal.wal().set_on_failure(move |reason| stop.fail(format!("the journal failed: {reason}")));
        let journal = Arc::new(journal);
        let config = runtime::Config {
            replay_max: settings.checkpoint.replay_max,
            retained_bytes_max: settings.checkpoint.bytes_max,
            pinned_bytes_max: settings.feed_bytes_max(),
        };
        let checkpoints = data.join(CHECKPOINTS_DIR);
        let runtime =
            Arc::new(Runtime::new(Arc::clone(&journal) as Arc<_>, disk, clock, checkpoints, config));
        let catalog = Catalog::host(Arc::clone(&runtime))?;
        let identity = Identity::host(Arc::clone(&runtime), &settings.key_file(), data)?;
        let kernel = [bole_base::LogId::CATALOG, bole_base::LogId::IDENTITY];
        runtime.replay(&kernel).context("catalog and identity cannot be recovered")?;
        identity.settle().await?;
        let feeds = Arc::new(Feeds::new(Arc::clone(runtime.journal()), runtime.pins().clone()));
        Ok(Self { journal, runtime, feeds, catalog, identity: Arc::new(identity), stream_files })
    }

    /// Fills in the kernel's piece of the status.
    pub fn status(&self, status: &mut Status) {
        let wal = self.journal.wal();
        let (bounds, usage, counters) = (wal.positions(), wal.usage(), wal.metrics().snapshot());
        status.journals.push(Journal {
            name: "node".to_owned(),
            bytes: usage.total_bytes,
            bytes_max: usage.bytes_max,
            segments: usage.segments,
            written: bounds.written.0,
            synced: bounds.synced.0,
            queued_bytes: usage.queued_bytes,
            fsyncs: counters.syncs,
            fsync: latency(&counters),
        });
        status.shards.extend(self.runtime.status().into_iter().map(|shard| Shard {
            log: shard.id.0,
            name: shard.name,
            tail: shard.next.0,
            checkpoint: shard.checkpoint.0,
            quarantined: shard.quarantined,
        }));
    }

    /// Writes the kernel's metrics in Prometheus text.
    pub fn metrics(&self, out: &mut String) {
        let wal = self.journal.wal();
        let (usage, counters) = (wal.usage(), wal.metrics().snapshot());
        let totals = self.runtime.checkpoint_totals();
        for (name, help, value) in [
            ("journal_appends_total", "Batches appended.", counters.appends),
            ("journal_append_bytes_total", "Bytes of appended frames.", counters.append_bytes),
            ("journal_writes_total", "Writes to the operating system.", counters.writes),
            ("journal_write_bytes_total", "Bytes written.", counters.write_bytes),
            ("journal_fsync_micros_total", "Microseconds spent in fsync.", counters.sync_micros),
            ("checkpoint_passes_total", "Checkpoint passes that wrote sections.", totals.passes),
            ("checkpoint_bytes_total", "Section bytes written.", totals.bytes),
            (
                "feed_trims_total",
                "Times that a shard's feed lost its oldest changes because feeds held back too much.",
                totals.kept_trims,
            ),
        ] {
            crate::metrics::counter(out, &format!("bole_{name}"), help, value);
        }
        for (name, help, value) in [
            ("journal_retained_bytes", "Bytes that recovery would read.", usage.retained_bytes),
            (
                "retained_bytes",
                "Bytes of the journal and its attachments that checkpoints or feeds still need.",
                self.runtime.retained_bytes(),
            ),
            ("journal_free_bytes", "Bytes that can be admitted.", usage.free_bytes),
            (
                "checkpoint_lock_max_micros",
                "Longest lock that a checkpoint took.",
                totals.lock_max.as_micros() as u64,
            ),
        ] {
            crate::metrics::gauge(out, &format!("bole_{name}"), help, value);
        }
    }
}

/// Percentiles from the buckets: the upper bound of the bucket in which each lies.
fn latency(counters: &bole_wal::metrics::Snapshot) -> Latency {
    let bounds = bole_wal::metrics::SYNC_BUCKETS_MICROS;
    let at = |share: f64| {
        let rank = (counters.syncs as f64 * share).ceil() as u64;
        let mut seen = 0;
        let bucket = counters.sync_buckets.iter().position(|count| {
            seen += count;
            seen >= rank && rank > 0
        });
        bucket.map_or(0, |bucket| bounds.get(bucket).copied().unwrap_or(bounds[bounds.len() - 1]))
    };
    Latency { p50_micros: at(0.5), p99_micros: at(0.99), max_micros: at(1.0) }
}

/// The kernel as a part: stopped last, with a checkpoint of everything.
pub struct KernelPart {
    /// What is stopped.
    pub kernel: Kernel,
    /// Whether that thread shall end.
    pub stop: tokio::sync::watch::Sender<bool>,
    /// The thread that makes checkpoints.
    pub thread: std::thread::JoinHandle<()>,
}

impl KernelPart {
    /// Starts to look after checkpoints. Errors: there can be no thread for it.
    pub fn start(kernel: Kernel, shutdown: Shutdown) -> Result<Self> {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let runtime = Arc::clone(&kernel.runtime);
        let handle = tokio::runtime::Handle::current();
        let work = move || handle.block_on(look_after(runtime, shutdown, stopped));
        let thread = bole_base::background::spawn("checkpoints", work)?;
        Ok(Self { kernel, stop, thread })
    }
}

async fn look_after(
    runtime: Arc<Runtime>,
    shutdown: Shutdown,
    mut stopped: tokio::sync::watch::Receiver<bool>,
) {
    let mut wait = CHECKPOINT_INTERVAL;
    while !*stopped.borrow() {
        // Whether the time is up or the sender is gone, the loop's condition decides.
        let _changed = tokio::time::timeout(wait, stopped.changed()).await;
        wait = CHECKPOINT_INTERVAL;
        match runtime.checkpoint_due().await {
            Ok(_) => {}
            Err(error) if error.kind() == bole_base::Kind::Full => {
                tracing::warn!(%error, "a checkpoint met a full disk and will be tried again");
                wait = CHECKPOINT_RETRY;
            }
            Err(error) => {
                shutdown.fail(format!("a checkpoint failed: {error}"));
                return;
            }
        }
    }
}

impl Part for KernelPart {
    fn name(&self) -> &'static str {
        "kernel"
    }

    fn stop(self: Box<Self>, _deadline: Instant) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            // The thread may have ended by itself.
            let _gone = self.stop.send(true);
            let thread = self.thread;
            let kernel = self.kernel;
            let handle = tokio::runtime::Handle::current();
            let closed = tokio::task::spawn_blocking(move || {
                thread.join().map_err(|_| anyhow::anyhow!("the thread that makes checkpoints panicked"))?;
                let checkpointed = handle.block_on(kernel.runtime.checkpoint_all());
                kernel.journal.close()?;
                match checkpointed {
                    Err(error) if error.kind() == bole_base::Kind::Full => {
                        tracing::warn!(%error, "no room for the last checkpoint; the next start replays the journal");
                        Ok(())
                    }
                    other => other.map_err(anyhow::Error::from),
                }
            });
            closed.await?
        })
    }
}
