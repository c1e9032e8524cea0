//! Opens the blobs: their dataset and rows, the files of chunks, the door, what gives space back, and what they are given of identity.

mod home;
mod migrate;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use bole_base::{Disk, RealDisk};
use bole_blobs::check::{CHUNKS_DIR, ROWS_DIR};
use bole_blobs::chunks::local::Local;
use bole_blobs::door::Door;
use bole_blobs::reclaim::Place;
use bole_blobs::state::{self, Blobs, Shard};
use bole_blobs::{Config, Parts, Service};
use bole_net::limits::ConnectionLimit;
use bole_net::listener::{self, Listener};
use bole_net::shutdown::Stopper;
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use migrate::Migration;

use crate::banner::Endpoint;
use crate::config::Settings;
use crate::kernel::Kernel;
use crate::parts::Part;
use crate::serve::Node;
use crate::shutdown::Shutdown;
use crate::status;

/// The folder of rows and chunks in the data directory.
pub const DIR: &str = "blobs";
/// How often is looked whether chunks can be removed.
const RECLAIM_INTERVAL: Duration = Duration::from_secs(1);

/// What is hosted before the journal is replayed.
pub struct Hosted {
    shard: Arc<Shard>,
    chunks: Local,
}

/// Opens rows and chunks and hosts the shard; the runtime recovers it next.
pub async fn host(settings: &Settings, kernel: &Kernel) -> Result<Hosted> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let dir = settings.node.data.join(DIR);
    let config = state::Config { durability: settings.blobs.durability, ..state::Config::default() };
    let rows = dir.join(ROWS_DIR);
    let shard = state::host(&kernel.runtime, &kernel.catalog, Arc::clone(&disk), &rows, config).await;
    let shard = shard.map_err(|error| anyhow!("the rows of the blobs cannot be opened: {error}"))?;
    let chunks = open_chunks(disk, &dir.join(CHUNKS_DIR), settings.blobs.reserve_bytes)?;
    Ok(Hosted { shard, chunks })
}

fn open_chunks(disk: Arc<dyn Disk>, dir: &Path, reserve: u64) -> Result<Local> {
    Local::open(disk, dir, reserve)
        .with_context(|| format!("the chunks in {} cannot be opened", dir.display()))
}

/// Opens the service and its door over the recovered shard.
pub async fn serve(node: &mut Node, kernel: &Kernel, hosted: Hosted) -> Result<()> {
    let settings = node.settings.clone();
    let Hosted { shard, chunks } = hosted;
    let listener = Listener::bind("blobs", "blobs.listen", settings.blobs.listen).await?;
    let address = listener.local();
    let limit = ConnectionLimit::new(settings.blobs.connections_max as usize);
    let doors = listener::Config {
        drain_timeout: settings.node.shutdown_timeout / 2,
        ..listener::Config::new(limit.clone(), ConnectionLimit::new(usize::MAX >> 4))
    };
    let cluster = home::cluster(&settings)?;
    let homes = home::homes(&settings, chunks.clone(), cluster.as_ref().map(|(_, cluster)| cluster));
    let blobs = Blobs::with_homes(Arc::clone(&kernel.runtime), shard, homes, settings.blobs.durability);
    home::settle(&blobs, cluster, node.meta.node_name()).await?;
    let migration = Migration::new(blobs.clone());
    node.mover = Some(Arc::new(migration.clone()));
    let config = Config {
        domains: settings.blobs.domains.0.clone(),
        region: settings.blobs.region.0.clone(),
        threads_max: settings.blobs.threads_max as usize,
        ..Config::default()
    };
    let users = Arc::clone(&kernel.identity);
    let parts = Parts { blobs: blobs.clone(), config, users, clock: Arc::clone(kernel.runtime.clock()) };
    // A door on another address is reached by that address as well.
    let bound = Some(address.ip()).filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string());
    let service = Service::open(parts, bound);
    let (stopper, token) = Stopper::new();
    let door = Door::new(&service);
    let handler = move |connection: listener::Connection| door.clone().serve(connection);
    let serving = listener.serve(doors, node.metrics.service("blobs"), token, handler);
    let door = tokio::spawn(async move {
        let drained = serving.await;
        if drained.aborted > 0 {
            tracing::warn!(
                connections = drained.aborted,
                "connections of the blobs did not finish in time and were cut off"
            );
        }
    });
    node.endpoints.push(Endpoint {
        service: "blobs (S3)".to_owned(),
        address,
        paste: format!(
            "AWS_ACCESS_KEY_ID=bole AWS_SECRET_ACCESS_KEY=bolebole aws --endpoint-url http://{address} s3 ls"
        ),
    });
    node.durability.push(("blobs".to_owned(), settings.blobs.durability));
    let (for_status, for_metrics) = (Arc::clone(&service), service);
    node.status.push(Box::new(move |status| {
        let sizes = for_status.sizes();
        status.services.push(status::Service {
            name: "blobs".to_owned(),
            connections: limit.open() as u64,
            memory_bytes: sizes.uploads_bytes + sizes.downloads_bytes,
            memory_bytes_max: sizes.uploads_bytes_max + sizes.downloads_bytes_max,
        });
    }));
    node.collectors.push(Arc::new(move |out| write_metrics(&for_metrics, out)));
    let upkeep = tokio::spawn(upkeep(blobs, chunks, migration, node.shutdown.clone()));
    node.parts.push(BlobsPart { stopper, door, upkeep });
    Ok(())
}

fn write_metrics(service: &Service, out: &mut String) {
    let sizes = service.sizes();
    for (name, help, value) in [
        ("uploads_bytes", "Bytes in memory for bodies on their way in.", sizes.uploads_bytes),
        ("uploads_bytes_max", "The most that they may have.", sizes.uploads_bytes_max),
        ("downloads_bytes", "Bytes in memory for bodies on their way out.", sizes.downloads_bytes),
        ("downloads_bytes_max", "The most that they may have.", sizes.downloads_bytes_max),
        ("threads", "Threads for what blocks.", sizes.threads),
        ("chunks_held", "Chunks that readers keep from being removed.", sizes.chunks_held),
    ] {
        crate::metrics::gauge(out, &format!("bole_blobs_{name}"), help, value);
    }
    let help = "Bodies that found no memory in time and were refused.";
    crate::metrics::counter(out, "bole_blobs_bodies_refused", help, sizes.refused);
}

/// Removes what a crash left, and then whatever no version names any more, for as long as the node runs.
async fn upkeep(blobs: Blobs, chunks: Local, migration: Migration, shutdown: Shutdown) {
    let mut swept: Option<u8> = Some(0);
    let mut place = Place::default();
    loop {
        if let Some(failure) = chunks.failure() {
            shutdown.fail(format!("the chunks of the blobs cannot be written: {failure}"));
            return;
        }
        let again = blobs.clone();
        let runtime = tokio::runtime::Handle::current();
        // Both block on the disk.
        let step = tokio::task::spawn_blocking(move || {
            if let Some(number) = swept {
                again.sweep(number)?;
            }
            // Homes wait for the network themselves, so only what is logged is waited for here.
            let removed = again.remove(again.garbage(&mut place)?);
            runtime.block_on(again.gone(&removed))?;
            Ok::<_, state::Error>((removed.len(), place))
        });
        let gone = match step.await {
            Ok(Ok((gone, next))) => {
                place = next;
                swept = swept.and_then(|number| number.checked_add(1));
                if swept.is_none() {
                    migration.swept();
                }
                gone
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "chunks that nobody needs are not removed now");
                place = Place::default();
                0
            }
            Err(error) => {
                tracing::error!(%error, "the upkeep of the blobs ended");
                return;
            }
        };
        if gone == 0 && swept.is_none() {
            tokio::time::sleep(RECLAIM_INTERVAL).await;
        }
    }
}

struct BlobsPart {
    stopper: Stopper,
    door: JoinHandle<()>,
    upkeep: JoinHandle<()>,
}

impl Part for BlobsPart {
    fn name(&self) -> &'static str {
        "blobs"
    }

    fn stop(self: Box<Self>, _deadline: Instant) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            self.stopper.stop();
            self.door.await?;
            self.upkeep.abort();
            Ok(())
        })
    }
}
