//! Opens the DNS server: the shard of zones that are kept, the API at the admin door, health of targets, its doors.

mod aliases;
mod settings;
mod targets;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bole_base::Durability;
use bole_catalog::NewDataset;
use bole_geodns::health::Vitals;
use bole_geodns::{Doors, Parts, Service};
use bole_geodns_control::Control;
use bole_geodns_control::door::{self, Door};
use bole_net::limits::ConnectionLimit;
use bole_net::{Drained, Stopper};
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::admin::dns::Admission;
use crate::admin::identity::IdentityUsers;
use crate::banner::Endpoint;
use crate::config::Settings;
use crate::kernel::Kernel;
use crate::parts::Part;
use crate::serve::Node;
use crate::services::gateway::Endpoints;
use crate::status;

use aliases::Aliases;
use targets::Targets;

/// The one dataset of the DNS server.
const DATASET: &str = "default/dns/zones";

/// Opens the dataset of zones and hosts its shard; the runtime recovers it next.
pub async fn host(kernel: &Kernel) -> Result<Arc<Control>> {
    if kernel.catalog.read(|state| state.dataset(DATASET).is_none())? {
        let new = NewDataset { name: DATASET.to_owned(), shards: 1, attributes: BTreeMap::new() };
        kernel.catalog.create(&[new]).await?;
    }
    let log = kernel.catalog.read(|state| state.dataset(DATASET).and_then(|record| record.logs().next()))?;
    let log = log.with_context(|| format!("dataset {DATASET} is not in the catalog"))?;
    Ok(Arc::new(Control::host(Arc::clone(&kernel.runtime), log, &format!("{DATASET}#0"))?))
}

/// Opens the server over the recovered shard. Each target was checked once before the first answer leaves, if that is possible
/// within a few seconds.
pub async fn serve(
    node: &mut Node,
    kernel: &Kernel,
    control: Arc<Control>,
    endpoints: Endpoints,
) -> Result<()> {
    let config = settings::config(&node.settings)?;
    let (vitals, aliases) = (Arc::new(Vitals::default()), Arc::new(Aliases::default()));
    let parts = Parts {
        health: Arc::clone(&vitals) as Arc<_>,
        resolver: Some(Arc::clone(&aliases) as Arc<_>),
        node_limit: ConnectionLimit::new(usize::MAX >> 4),
        metrics: node.metrics.clone(),
    };
    let opening = tokio::task::spawn_blocking(move || Service::open(config, parts));
    let service = opening.await?.context("the DNS server cannot be opened")?;
    control.start(&service).await?;
    // All ports are taken before anything is waited for.
    let doors = service.bind().await?;
    let targets = Arc::new(Targets::new(Arc::clone(&service), Arc::clone(&vitals), endpoints));
    targets.know().await;
    let tasks =
        vec![tokio::spawn(Arc::clone(&targets).follow()), tokio::spawn(aliases.follow(Arc::clone(&service)))];
    let users = Arc::new(IdentityUsers::new(Arc::clone(&kernel.identity)));
    let door = Arc::new(Door {
        control,
        service: Arc::clone(&service),
        vitals,
        targets: targets as Arc<_>,
        admission: Arc::new(Admission(users)),
    });
    node.admin_routes.push(door::router(Arc::clone(&door)));
    tell(node, &doors, &door);
    let (stopper, shutdown) = Stopper::new();
    let serving = tokio::spawn(doors.serve(shutdown));
    node.parts.push(DnsPart { stopper, serving, tasks });
    Ok(())
}

/// What the banner and the status say.
fn tell(node: &mut Node, doors: &Doors, door: &Arc<Door>) {
    for address in doors.addresses() {
        let paste = format!("dig @{} -p {} example.com", address.ip(), address.port());
        node.endpoints.push(Endpoint { service: "dns (UDP, TCP)".to_owned(), address, paste });
    }
    if let Some(address) = doors.tls_address() {
        let paste = format!("kdig @{} -p {} +tls example.com", address.ip(), address.port());
        node.endpoints.push(Endpoint { service: "dns (TLS)".to_owned(), address, paste });
    }
    if let Some(address) = doors.https_address() {
        let paste = format!("kdig @{} -p {} +https example.com", address.ip(), address.port());
        node.endpoints.push(Endpoint { service: "dns (HTTPS)".to_owned(), address, paste });
    }
    node.durability.push(("dns zones".to_owned(), Durability::Sync));
    let (door, metrics) = (Arc::clone(door), node.metrics.service("dns"));
    node.status.push(Box::new(move |status| {
        status.services.push(status::Service {
            name: "dns".to_owned(),
            connections: metrics.connections_open.get().max(0) as u64,
            memory_bytes: 0,
            memory_bytes_max: 0,
            notes: door.problems(),
        });
    }));
}

/// The running server.
struct DnsPart {
    stopper: Stopper,
    serving: JoinHandle<Drained>,
    tasks: Vec<JoinHandle<()>>,
}

impl Part for DnsPart {
    fn name(&self) -> &'static str {
        "dns"
    }

    fn stop(self: Box<Self>, _: Instant) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            self.stopper.stop();
            self.tasks.iter().for_each(JoinHandle::abort);
            self.serving.await?;
            Ok(())
        })
    }
}

/// The doors that others may reach.
pub fn doors(settings: &Settings) -> Vec<(&'static str, SocketAddr, bool)> {
    let dns = &settings.dns;
    let plain = dns.listen.0.iter().map(|address| ("dns.listen", *address, false));
    let tls = dns.tls_listen.map(|address| ("dns.tls_listen", address, true));
    let https = dns.https_listen.map(|address| ("dns.https_listen", address, true));
    plain.chain(tls).chain(https).collect()
}
