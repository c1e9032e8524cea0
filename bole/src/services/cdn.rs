//! Opens the gateway's cache: its tiers, what it tells of itself, and its part in a network of caches.
//!
//! ```text
//! bole cdn purge ─► control: number, log ─► shields take it (a poll that waits) ─► then edges do ─► receipt
//! ```

mod control;
mod door;
mod follow;
mod warm;

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bole_base::clock::SystemClock;
use bole_cdn::{Cache, Config, DiskConfig};
use bole_gateway::cached::Store;
use bole_gateway::cached::network::Network;
use bole_gateway::cached::warm::Warmer;
use bole_gateway_control::door::Admission;

use crate::config::gateway::CdnRole;
use crate::metrics;
use crate::serve::Node;
use crate::status;

use control::Control;
use door::Door;
use follow::Follower;

/// The folder in the data directory.
pub const FOLDER: &str = "cdn";
/// Fewer characters of a secret can be tried out.
const SECRET_CHARS_MIN: usize = 16;

/// The cache, open.
pub struct Cdn {
    /// What the gateway gets of it.
    pub store: Store,
    member: Option<Member>,
}

/// This node in a network.
#[derive(Clone)]
struct Member {
    name: String,
    shield: bool,
    secret: String,
    network: Arc<Network>,
    applied: follow::Applied,
}

/// Opens the tiers. What is on disk is there again.
pub fn open(node: &Node) -> Result<Cdn> {
    let (settings, data) = (&node.settings.cdn, &node.settings.node.data);
    let folder = data.join(FOLDER);
    let shield = settings.role == CdnRole::Shield;
    let config = Config {
        memory_bytes: settings.memory,
        disk: (settings.disk > 0).then(|| DiskConfig {
            folder: folder.clone(),
            bytes: settings.disk,
            admission: settings.disk_admission.0,
        }),
        stale_while_revalidate: !shield,
        show_targeted: shield,
        ..Config::default()
    };
    let cache = Cache::open(config, Arc::new(SystemClock::new()))
        .with_context(|| format!("the cache in {} cannot be opened", folder.display()))?;
    let secret = settings.secret_file.as_ref().map(|file| {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cdn.secret_file {} cannot be read", file.display()))?;
        let secret = text.lines().next().unwrap_or_default().trim().to_owned();
        let chars = secret.chars().count();
        ensure!(
            chars >= SECRET_CHARS_MIN,
            "the first line of cdn.secret_file {} has {chars} characters; at least {SECRET_CHARS_MIN} are needed",
            file.display()
        );
        Ok(secret)
    });
    let secret = secret.transpose()?;
    ensure!(
        secret.is_some() || (settings.role == CdnRole::Single && settings.control.is_none()),
        "cdn.role and cdn.control say that this node is in a network of caches; set cdn.secret_file as well"
    );
    let member = secret.map(|secret| {
        let applied = follow::Applied::open(&folder)?;
        let network = Arc::new(Network::new(secret.clone().into_bytes(), applied.read()?));
        let name = settings.name.clone().unwrap_or_else(|| node.meta.node_name());
        anyhow::Ok(Member { name, shield, secret, network, applied })
    });
    let member = member.transpose()?;
    let network = member.as_ref().map(|member| Arc::clone(&member.network));
    Ok(Cdn { store: Store { cache, network, shield }, member })
}

impl Cdn {
    /// Serves the API, tells status and metrics, and begins to take part in the network.
    pub fn serve(self, node: &mut Node, admission: Arc<dyn Admission>, warmer: Warmer) -> Result<()> {
        let cache = self.store.cache;
        let settings = &node.settings.cdn;
        let control = match (&self.member, &settings.control) {
            (Some(member), None) => {
                Some(Arc::new(Control::open(&node.settings.node.data.join(FOLDER), member.secret.clone())?))
            }
            _ => None,
        };
        if let Some(control) = control.clone() {
            let shutdown = node.shutdown.clone();
            tokio::spawn(async move {
                shutdown.requested().await;
                control.close();
            });
        }
        if let Some(member) = self.member.clone() {
            let source = match &settings.control {
                Some(address) => follow::Source::Node(address.clone()),
                None => follow::Source::Here(control.clone().context("a network without a control")?),
            };
            Follower { member, cache: cache.clone(), source }.start(node.shutdown.clone());
        }
        let elsewhere = settings.control.clone();
        node.admin_routes.push(warm::door::router(warm::Jobs::new(warmer), Arc::clone(&admission)));
        let door = Door { cache: cache.clone(), control, elsewhere, admission };
        node.admin_routes.push(door::router(door));
        let for_metrics = cache.clone();
        node.collectors.push(Arc::new(move |out| collect(&for_metrics, out)));
        let memory_bytes_max = settings.memory;
        node.status.push(Box::new(move |status| {
            status.services.push(status::Service {
                name: "cdn".to_owned(),
                connections: 0,
                memory_bytes: cache.usage().memory_bytes,
                memory_bytes_max,
                notes: Vec::new(),
            });
        }));
        Ok(())
    }
}

type Row = (&'static str, &'static str, fn(&bole_cdn::counters::Counts) -> u64);

/// What is counted of each host; beyond 1,024 hosts, together.
const ROWS: &[Row] = &[
    ("bole_cdn_requests_total", "Requests.", |counts| counts.requests),
    ("bole_cdn_hits_total", "Requests answered without the service.", |counts| counts.hits),
    ("bole_cdn_stale_total", "Of the answers, stale ones.", |counts| counts.stale),
    ("bole_cdn_fetches_total", "Exchanges with the service.", |counts| counts.fetches),
    ("bole_cdn_collapsed_total", "Requests that waited for another one's exchange.", |counts| {
        counts.collapsed
    }),
    ("bole_cdn_confirmed_total", "Stored answers that the service confirmed.", |counts| counts.confirmed),
    ("bole_cdn_fills_total", "Answers that were stored.", |counts| counts.fills),
    ("bole_cdn_broken_total", "Fetches of bytes that broke off.", |counts| counts.broken),
    ("bole_cdn_served_bytes_total", "Bytes of bodies to clients.", |counts| counts.bytes_served),
    ("bole_cdn_filled_bytes_total", "Bytes of bodies from the service.", |counts| counts.bytes_filled),
    ("bole_cdn_purged_total", "Answers that purges removed, when next looked at.", |counts| counts.purged),
];

fn collect(cache: &Cache, out: &mut String) {
    let hosts = cache.counts();
    for (name, help, value) in ROWS {
        let values: Vec<(&str, u64)> =
            hosts.iter().map(|(host, counts)| (host.as_str(), value(counts))).collect();
        metrics::counters(out, name, help, "host", &values);
    }
    let usage = cache.usage();
    metrics::gauge(out, "bole_cdn_memory_bytes", "Bytes of the memory tier.", usage.memory_bytes);
    let shared = usage.shared_pieces;
    metrics::gauge(
        out,
        "bole_cdn_memory_shared_pieces",
        "Pieces in memory that are sent without a copy.",
        shared,
    );
    metrics::gauge(out, "bole_cdn_disk_bytes", "Bytes of the disk tier.", usage.disk_bytes);
    metrics::gauge(out, "bole_cdn_fills_open", "Fetches of bytes under way.", usage.fills);
    for (name, help, value) in [
        ("bole_cdn_memory_evictions_total", "What had to make room in memory.", usage.memory_evictions),
        ("bole_cdn_disk_reads_total", "Pieces that were read from disk.", usage.disk_reads),
        ("bole_cdn_disk_writes_total", "Pieces that were written to disk.", usage.disk_writes),
        ("bole_cdn_disk_evictions_total", "Files that had to make room.", usage.disk_evictions),
        ("bole_cdn_disk_corrupt_total", "Files that were not what was written.", usage.disk_corrupt),
        ("bole_cdn_disk_failed_total", "Writes to disk that failed.", usage.disk_failed),
        ("bole_cdn_disk_skipped_total", "Pieces that were not written to disk.", usage.disk_skipped),
        ("bole_cdn_purges_total", "Purges and invalidations.", usage.purge_epoch),
    ] {
        metrics::counter(out, name, help, value);
    }
    collect_places(out);
}

/// What is done to bodies of answers: by how many at once, and who waits.
fn collect_places(out: &mut String) {
    type Value = fn(&bole_gateway::places::Usage) -> usize;
    let all = bole_gateway::places::all();
    let rows: [(&str, &str, Value); 3] = [
        ("bole_gateway_places_in_use", "Bodies and images that are worked on at once.", |usage| usage.in_use),
        ("bole_gateway_places_waiting", "Those that wait for a place.", |usage| usage.waiting),
        ("bole_gateway_places_max", "Places that there are.", |usage| usage.most),
    ];
    for (name, help, value) in rows {
        let values = all.map(|usage| (usage.name, value(&usage) as u64));
        metrics::gauges(out, name, help, "kind", &values);
    }
    let (made, stood_in) = bole_gateway::cached::images::counts();
    metrics::counter(out, "bole_cdn_images_made_total", "Variants of images that were made.", made);
    let help = "Images that were answered in another format because the wished one took too long.";
    metrics::counter(out, "bole_cdn_images_stood_in_total", help, stood_in);
}
