//! Drives the walk over all chunks: at a rate, once in an interval, or when an operator asks for it; and says where it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bole_base::Kind;
use bole_blobs::chunks::ChunkId;
use bole_blobs::limits::SCRUB_BYTES_SECOND;
use bole_blobs::rows::Scrub;
use bole_blobs::scrub::{Scrubber, Step};
use bole_blobs::state::{self, Blobs};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use crate::admin::Error;
use crate::admin::blobs::{Blobs as Upkeep, Damage, DamagedChunk};
use crate::status;

/// A step verifies what may be verified in this time.
const STEP: Duration = Duration::from_millis(250);
/// How often is looked whether a walk is due, and how many chunks are marked.
const IDLE: Duration = Duration::from_secs(5);

/// The walk as operators see it. Cheap to clone.
#[derive(Clone)]
pub(super) struct Scrubbing(Arc<Shared>);

struct Shared {
    blobs: Blobs,
    shown: Mutex<Shown>,
    wanted: Notify,
}

/// The walk at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shown {
    pub(super) scrub: Scrub,
    pub(super) is_running: bool,
    /// Chunks that are marked.
    pub(super) damaged: u64,
    /// Chunks that could not be read since the start, and may be sound.
    pub(super) unreadable: u64,
    /// Bytes that were verified since the start.
    pub(super) verified: u64,
}

impl Scrubbing {
    pub(super) fn new(blobs: Blobs) -> Self {
        Self(Arc::new(Shared { blobs, shown: Mutex::default(), wanted: Notify::new() }))
    }

    /// Where it is.
    pub(super) fn shown(&self) -> Shown {
        *self.0.shown.lock()
    }

    pub(super) fn status(&self) -> status::Blobs {
        let Shown { scrub, is_running, damaged, .. } = self.shown();
        status::Blobs {
            damaged_chunks: damaged,
            scrub_running: is_running,
            scrub_begun_ms: scrub.begun_ms,
            scrub_ended_ms: scrub.ended_ms,
            scrub_bytes: scrub.bytes,
            scrub_bytes_total: scrub.bytes_total,
            scrub_damaged: scrub.damaged,
        }
    }

    /// Walks for as long as the node runs. `bytes_second` 0: only when asked to.
    pub(super) async fn drive(self, bytes_second: u64, interval: Duration) {
        let mut scrubber = match Scrubber::open(self.0.blobs.clone()) {
            Ok(scrubber) => scrubber,
            Err(error) => {
                tracing::error!(%error, "where the walk over all chunks was cannot be read; there is none");
                return;
            }
        };
        let mut is_wanted = false;
        loop {
            let begun = Instant::now();
            let is_due = is_wanted || (bytes_second > 0 && scrubber.is_due(interval));
            let rate = if bytes_second == 0 { SCRUB_BYTES_SECOND } else { bytes_second };
            let step_bytes = (rate / 4).max(1);
            let runtime = Handle::current();
            // It reads files, or waits for a cluster.
            let step = tokio::task::spawn_blocking(move || {
                let outcome = step(&runtime, &mut scrubber, is_due, step_bytes);
                (scrubber, outcome)
            });
            let outcome = match step.await {
                Ok((back, outcome)) => {
                    scrubber = back;
                    outcome
                }
                Err(error) => {
                    tracing::error!(%error, "the walk over all chunks ended");
                    return;
                }
            };
            is_wanted = false;
            let is_fine = outcome.as_ref().map_err(|error| {
                tracing::warn!(%error, "the walk over all chunks does not get on; it is tried again");
            });
            self.show(&scrubber, is_fine.copied().unwrap_or_default());
            if scrubber.is_running() && outcome.is_ok() {
                sleep_until(begun + STEP).await;
            } else {
                is_wanted = timeout(IDLE, self.0.wanted.notified()).await.is_ok();
            }
        }
    }

    fn show(&self, scrubber: &Scrubber, verified: u64) {
        // What is marked may be more than is listed, which is many.
        let damaged = self.0.blobs.damaged().map_or(0, |marked| marked.len() as u64);
        let mut shown = self.0.shown.lock();
        *shown = Shown {
            scrub: *scrubber.scrub(),
            is_running: scrubber.is_running(),
            damaged,
            unreadable: scrubber.unreadable(),
            verified: shown.verified + verified,
        };
    }
}

/// One step. Homes wait for the network themselves, so only what is logged is waited for here.
fn step(runtime: &Handle, scrubber: &mut Scrubber, begins: bool, bytes: u64) -> state::Result<u64> {
    if begins {
        runtime.block_on(scrubber.begin())?;
    }
    let mut step = Step::of(bytes);
    while !step.is_over() {
        scrubber.verify(&mut step)?;
        runtime.block_on(scrubber.log(&mut step))?;
    }
    Ok(step.verified)
}

impl Upkeep for Scrubbing {
    fn begin_scrub(&self) {
        self.0.wanted.notify_one();
    }

    fn damage(&self) -> BoxFuture<'_, Result<Damage, Error>> {
        let blobs = self.0.blobs.clone();
        Box::pin(async move {
            let found = tokio::task::spawn_blocking(move || damage(&blobs)).await;
            let found = found.map_err(|error| Error::new(Kind::Io, error.to_string()))?;
            found.map_err(|error| Error::new(error.kind(), error.to_string()))
        })
    }
}

fn damage(blobs: &Blobs) -> state::Result<Damage> {
    let marked = blobs.damaged()?;
    let holders = blobs.holders(marked.iter().map(|(id, _)| *id))?;
    let mut objects: BTreeMap<ChunkId, Vec<String>> = BTreeMap::new();
    for holder in holders.found {
        objects.entry(holder.chunk).or_default().push(holder.name.to_string());
    }
    let is_cut = holders.is_cut || marked.len() >= bole_blobs::limits::DAMAGED_LISTED_MAX;
    let chunk = |(id, damage): (ChunkId, bole_blobs::rows::Damage)| DamagedChunk {
        chunk: id.to_string(),
        what: damage.what,
        found_ms: damage.found_ms,
        objects: objects.remove(&id).unwrap_or_default(),
    };
    Ok(Damage { chunks: marked.into_iter().map(chunk).collect(), is_cut })
}
