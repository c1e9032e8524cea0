//! Opens the blobs: their dataset and rows, the files of chunks, the door, what gives space back, and what they are given of identity.

mod home;
mod migrate;
mod scrub;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use bole_base::{Disk, RealDisk};
use bole_blobs::check::{CHUNKS_DIR, ROWS_DIR};
use bole_blobs::chunks::homes::Homes;
use bole_blobs::chunks::local::Local;
use bole_blobs::config::WebIdentity;
use bole_blobs::counters::Counts;
use bole_blobs::door::Door;
use bole_blobs::events::{Streams, publish};
use bole_blobs::lifecycle::{Step, Walker};
use bole_blobs::logs::LOOK_INTERVAL;
use bole_blobs::reclaim::Place;
use bole_blobs::rules::lifecycle::Day;
use bole_blobs::seal::ServerKeys;
use bole_blobs::state::{self, Around, Blobs, Shard};
use bole_blobs::{Config, Parts, Service};
use bole_identity::jwt::{self, Verifier};
use bole_net::limits::ConnectionLimit;
use bole_net::listener::{self, Listener};
use bole_net::shutdown::Stopper;
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use migrate::Migration;

use crate::banner::Endpoint;
use crate::config::{Settings, options};
use crate::issuer::{self, Source};
use crate::kernel::Kernel;
use crate::parts::Part;
use crate::serve::Node;
use crate::shutdown::Shutdown;
use crate::status;

use scrub::Scrubbing;

/// The folder of rows and chunks in the data directory.
pub const DIR: &str = "blobs";
/// What the keys are for that objects are sealed with. *Persisted* in that other words are other keys.
const KEYS_PURPOSE: &str = "blobs data keys 1";
/// How often is looked whether chunks can be removed.
const RECLAIM_INTERVAL: Duration = Duration::from_secs(1);

/// How often lifecycle looks whether a bucket needs a round.
const LIFECYCLE_INTERVAL: Duration = Duration::from_secs(1);
/// How long it waits after an error.
const LIFECYCLE_PAUSE: Duration = Duration::from_secs(10);

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
    let blobs = state_over(node, kernel, shard, homes);
    home::settle(&blobs, cluster, node.meta.node_name()).await?;
    let migration = Migration::new(blobs.clone());
    node.mover = Some(Arc::new(migration.clone()));
    let tokens = web_identity(&settings.blobs)?;
    let config = Config {
        domains: settings.blobs.domains.0.clone(),
        website_domains: settings.blobs.website_domains.0.clone(),
        session_max: settings.blobs.session_max,
        web_identity: tokens.as_ref().map(|(web, _)| web.clone()),
        region: settings.blobs.region.0.clone(),
        threads_max: settings.blobs.threads_max as usize,
        ..Config::default()
    };
    let keys = ServerKeys::new(kernel.identity.derived_keys(KEYS_PURPOSE));
    let (users, clock) = (Arc::clone(&kernel.identity), Arc::clone(kernel.runtime.clock()));
    let parts = Parts { blobs: blobs.clone(), config, users, keys, clock };
    // A door on another address is reached by that address as well.
    let bound = Some(address.ip()).filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string());
    let service = Service::open(parts, bound);
    let (stopper, token) = Stopper::new();
    let metrics = node.metrics.service("blobs");
    let door = node.buckets.insert(Door::new(&service).measured(&metrics)).clone();
    node.console.blobs = Some(door.clone());
    let handler = move |connection: listener::Connection| door.clone().serve(connection);
    let serving = listener.serve(doors, metrics, token, handler);
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
    let scrubbing = Scrubbing::new(blobs.clone());
    tell(node, &service, &scrubbing, limit);
    node.blobs = Some(Arc::new(scrubbing.clone()));
    let (rate, interval) = (settings.blobs.scrub_bytes_second, settings.blobs.scrub_interval);
    let mut background = vec![
        tokio::spawn(lifecycle(blobs.clone())),
        tokio::spawn(upkeep(blobs, chunks, migration, node.shutdown.clone())),
        tokio::spawn(scrubbing.drive(rate, interval)),
        tokio::spawn(deliver_logs(Arc::clone(&service))),
    ];
    if let Some((web, source)) = tokens {
        background.push(tokio::spawn(issuer::refresh(web.verifier, source)));
    }
    node.parts.push(BlobsPart { service, stopper, door, background });
    Ok(())
}

/// What status and metrics say.
fn tell(node: &mut Node, service: &Arc<Service>, scrubbing: &Scrubbing, limit: ConnectionLimit) {
    let (for_status, for_metrics) = (Arc::clone(service), Arc::clone(service));
    let (scrub_status, scrub_metrics) = (scrubbing.clone(), scrubbing.clone());
    node.status.push(Box::new(move |status| {
        let sizes = for_status.sizes();
        status.services.push(status::Service {
            name: "blobs".to_owned(),
            connections: limit.open() as u64,
            memory_bytes: sizes.uploads_bytes + sizes.downloads_bytes + sizes.documents_bytes,
            memory_bytes_max: sizes.uploads_bytes_max + sizes.downloads_bytes_max + sizes.documents_bytes_max,
            notes: notes(&for_status.counts()),
        });
        status.blobs = Some(scrub_status.status());
    }));
    node.collectors.push(Arc::new(move |out| {
        write_metrics(&for_metrics, out);
        write_scrub(&scrub_metrics, out);
    }));
}

/// The issuer of tokens that are taken for temporary credentials, and where its keys are.
fn web_identity(options: &options::Blobs) -> Result<Option<(WebIdentity, Source)>> {
    let options::Blobs { oidc_issuer, oidc_audience, oidc_jwks, .. } = options;
    let (Some(issuer), Some(audience), Some(place)) = (oidc_issuer, oidc_audience, oidc_jwks) else {
        return Ok(None);
    };
    let claim = |setting: &Option<String>, usual: &str| setting.clone().unwrap_or_else(|| usual.to_owned());
    let settings = jwt::Settings {
        issuer: issuer.clone(),
        audience: audience.clone(),
        user_claim: claim(&options.oidc_subject_claim, "sub"),
        scope: None,
    };
    let verifier = Arc::new(Verifier::new(settings, None).map_err(anyhow::Error::msg)?);
    let source = Source::new("blobs.oidc_jwks", place, options.oidc_jwks_ca.clone())?;
    source.load(&verifier)?;
    let roles_claim = claim(&options.oidc_roles_claim, "roles");
    Ok(Some((WebIdentity { verifier, roles_claim }, source)))
}

/// The state over its recovered shard.
fn state_over(node: &Node, kernel: &Kernel, shard: Arc<Shard>, homes: Homes) -> Blobs {
    let settings = &node.settings.blobs;
    let day = Day::of_seconds(settings.lifecycle_day_seconds);
    let around = Around { day, streams: streams(node, kernel) };
    Blobs::with_homes(Arc::clone(&kernel.runtime), shard, homes, settings.durability, around)
}

/// The streams as events reach them, judged as they judge their own clients.
fn streams(node: &Node, kernel: &Kernel) -> Option<Streams> {
    let mut all = node.participants.iter();
    let participant = all.find(|participant| participant.service() == bole_streams::publish::SERVICE)?;
    let identity = Arc::clone(&kernel.identity);
    let may_write = move |user: &str, topic: &str| {
        super::sql::may_affect(
            &identity,
            user,
            bole_streams::publish::SERVICE,
            &publish(topic, "", String::new()),
        )
    };
    Some(Streams { participant: Arc::clone(participant), may_write: Box::new(may_write) })
}

fn write_metrics(service: &Service, out: &mut String) {
    let sizes = service.sizes();
    for (name, help, value) in [
        ("uploads_bytes", "Bytes in memory for bodies on their way in.", sizes.uploads_bytes),
        ("uploads_bytes_max", "The most that they may have.", sizes.uploads_bytes_max),
        ("downloads_bytes", "Bytes in memory for bodies on their way out.", sizes.downloads_bytes),
        ("downloads_bytes_max", "The most that they may have.", sizes.downloads_bytes_max),
        (
            "documents_bytes",
            "Bytes in memory for XML bodies and what they are parsed into.",
            sizes.documents_bytes,
        ),
        ("documents_bytes_max", "The most that they may have.", sizes.documents_bytes_max),
        ("threads", "Threads for what blocks.", sizes.threads),
        ("logs_bytes", "Bytes of access logs that were not delivered yet.", service.logs().bytes()),
        ("chunks_held", "Chunks that readers keep from being removed.", sizes.chunks_held),
    ] {
        crate::metrics::gauge(out, &format!("bole_blobs_{name}"), help, value);
    }
    let help = "Lines of access logs that were delivered.";
    crate::metrics::counter(out, "bole_blobs_log_lines_delivered", help, service.logs().delivered());
    let help = "Lines of access logs that were lost.";
    crate::metrics::counter(out, "bole_blobs_log_lines_dropped", help, service.logs().dropped());
    let help = "Bodies that found no memory in time and were refused.";
    crate::metrics::counter(out, "bole_blobs_bodies_refused", help, sizes.refused);
    let help = "Reads that met bytes which are not what was written.";
    crate::metrics::counter(out, "bole_blobs_damage_met", help, sizes.damage_met);
    let help = "Reads that were refused, since what they need is known to be damaged.";
    crate::metrics::counter(out, "bole_blobs_damaged_refused", help, sizes.damaged_refused);
    let counts = service.counts();
    for (name, help, value) in [
        ("events", "Events that were published into topics.", counts.told),
        ("events_left_out", "Events that their topics did not take.", counts.left_out),
        (
            "lifecycle_expired",
            "Objects that lifecycle deleted, or hid by a delete marker.",
            counts.done.expired,
        ),
        ("lifecycle_removed", "Versions and delete markers that lifecycle removed.", counts.done.removed),
        ("lifecycle_aborted", "Uploads that lifecycle aborted.", counts.done.aborted),
        ("lifecycle_locked", "What was due in lifecycle, and is locked.", counts.done.locked),
        ("lifecycle_rows", "Rows that lifecycle has looked at.", counts.looked_at),
        ("lifecycle_rounds", "Rounds through a bucket that lifecycle has ended.", counts.rounds),
    ] {
        crate::metrics::counter(out, &format!("bole_blobs_{name}"), help, value);
    }
}

fn write_scrub(scrubbing: &Scrubbing, out: &mut String) {
    let shown = scrubbing.shown();
    for (name, help, value) in [
        ("damaged_chunks", "Chunks that are known to be damaged.", shown.damaged),
        (
            "scrub_running",
            "Whether the bytes of large objects are being verified.",
            u64::from(shown.is_running),
        ),
        ("scrub_bytes", "Bytes that this walk, or the last one, verified.", shown.scrub.bytes),
        ("scrub_bytes_total", "Bytes that there were when it began.", shown.scrub.bytes_total),
        ("scrub_begun_seconds", "When it began, in seconds since 1970.", shown.scrub.begun_ms / 1_000),
    ] {
        crate::metrics::gauge(out, &format!("bole_blobs_{name}"), help, value);
    }
    let help = "Bytes that walks verified since the start.";
    crate::metrics::counter(out, "bole_blobs_scrub_verified_bytes", help, shown.verified);
    let help = "Chunks that walks could not read since the start, and that may be sound.";
    crate::metrics::counter(out, "bole_blobs_scrub_unreadable", help, shown.unreadable);
}

/// What the status says of events and lifecycle, where there was anything.
fn notes(counts: &Counts) -> Vec<String> {
    let Counts { told, left_out, done, rounds, .. } = counts;
    let events = format!("events: {told} published, {left_out} left out");
    let lifecycle = format!(
        "lifecycle: {rounds} rounds; {} expired, {} removed, {} uploads aborted",
        done.expired, done.removed, done.aborted
    );
    let of = |was_any: bool, text| was_any.then_some(text);
    [of(told + left_out > 0, events), of(*rounds > 0, lifecycle)].into_iter().flatten().collect()
}

/// Does what the rules of lifecycle say, for as long as the node runs. It works no longer than it pauses, so that it has half a thread at most.
async fn lifecycle(blobs: Blobs) {
    let mut walker = Walker::default();
    loop {
        let (again, runtime) = (blobs.clone(), tokio::runtime::Handle::current());
        let started = Instant::now();
        // It blocks on the disk.
        let step = tokio::task::spawn_blocking(move || {
            let step = runtime.block_on(again.lifecycle(&mut walker));
            (step, walker)
        });
        let pause = match step.await {
            Ok((Ok(step), next)) => {
                walker = next;
                if step == Step::Idle { LIFECYCLE_INTERVAL } else { started.elapsed() }
            }
            Ok((Err(error), _)) => {
                tracing::warn!(%error, "lifecycle goes on later, from the place that it kept");
                walker = Walker::default();
                LIFECYCLE_PAUSE
            }
            Err(error) => {
                tracing::error!(%error, "the lifecycle of the blobs ended");
                return;
            }
        };
        tokio::time::sleep(pause).await;
    }
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

/// Puts access logs into their buckets, for as long as the node runs.
async fn deliver_logs(service: Arc<Service>) {
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        service.deliver_logs(false).await;
    }
}

struct BlobsPart {
    service: Arc<Service>,
    stopper: Stopper,
    door: JoinHandle<()>,
    background: Vec<JoinHandle<()>>,
}

impl Part for BlobsPart {
    fn name(&self) -> &'static str {
        "blobs"
    }

    fn stop(self: Box<Self>, _deadline: Instant) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            self.stopper.stop();
            self.door.await?;
            self.service.deliver_logs(true).await;
            self.background.iter().for_each(JoinHandle::abort);
            Ok(())
        })
    }
}
