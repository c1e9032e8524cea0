//! Opens the keyspace: its datasets from the catalog, its shards on the journal, its doors, and what it is given of identity.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, Result, bail};
use bole_base::{Durability, LogId, Position};
use bole_catalog::{Catalog, NewDataset};
use bole_identity::Identity;
use bole_keyspace::context::Grants;
use bole_keyspace::dataset::{DATABASES, Databases, Dataset};
use bole_keyspace::partition::Partition;
use bole_keyspace::service::{Authenticator, Node as KeyspaceNode, Parts as ServiceParts};
use bole_keyspace::state::{Database, Effect, Limits, Seed};
use bole_keyspace::{Config, Service, connection};
use bole_log::entry::ENTRY_HEADER_BYTES;
use bole_net::limits::ConnectionLimit;
use bole_net::listener::{self, LastWord, Listener};
use bole_net::metrics::ServiceMetrics;
use bole_net::shutdown::Stopper;
use bole_net::tls::Tls;
use bole_shard::{Hosted, Shard};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::banner::{Endpoint, redis_cli};
use crate::config::Settings;
use crate::kernel::Kernel;
use crate::node_meta::NodeMeta;
use crate::parts::Part;
use crate::serve::Node;
use crate::shutdown::Shutdown;
use crate::status;

/// The catalog's setting that says which dataset is behind each database.
const MAP_SETTING: &str = "default/keyspace/databases";

/// Opens the datasets of the keyspace and hosts their shards; the runtime recovers them next.
pub async fn host(settings: &Settings, meta: &NodeMeta, kernel: &Kernel) -> Result<Databases> {
    let names: Vec<String> = (0..DATABASES).map(|number| format!("default/keyspace/{number}")).collect();
    let missing: Vec<NewDataset> = {
        let exists = |name: &String| kernel.catalog.read(|state| state.dataset(name).is_some());
        let mut missing = Vec::new();
        for name in &names {
            if !exists(name)? {
                let attributes = BTreeMap::from([("sharding".to_owned(), "slots".to_owned())]);
                missing.push(NewDataset { name: name.clone(), shards: settings.keyspace.shards, attributes });
            }
        }
        missing
    };
    if !missing.is_empty() {
        kernel.catalog.create(&missing).await?;
    }
    let mut datasets = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let record = kernel.catalog.read(|state| state.dataset(name).cloned())?;
        let record = record.with_context(|| format!("dataset {name} is not in the catalog"))?;
        let class = settings.database_durability(number as u8);
        datasets.push(host_dataset(kernel, meta, name, record.logs(), class)?);
    }
    let databases = Databases::new(datasets, read_map(&kernel.catalog)?);
    databases.show(&kernel.feeds)?;
    Ok(databases)
}

fn host_dataset(
    kernel: &Kernel,
    meta: &NodeMeta,
    name: &str,
    logs: impl Iterator<Item = LogId>,
    class: Durability,
) -> Result<Dataset> {
    let (low, high) = meta.key_seed.split_at(8);
    let number = |half: &[u8]| half.iter().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
    let seed = Seed(number(low), number(high));
    let mut shards = Vec::new();
    for (index, log) in logs.enumerate() {
        let partition = Partition::new(Database::new(seed, Limits::default()));
        let shard = Arc::new(Shard::new(log, format!("{name}#{index}"), partition));
        kernel.runtime.host(Arc::clone(&shard) as Arc<dyn Hosted>)?;
        shards.push(shard);
    }
    Ok(Dataset::new(name.to_owned(), shards, class))
}

/// Empties databases of class `memory`, durably: what an earlier, logged life of theirs left is not served, now or later. That is logged, so that
/// the feed of a later life tells of it.
pub async fn forget_memory(kernel: &Kernel, databases: &Databases) -> Result<()> {
    for dataset in databases.datasets().iter().filter(|dataset| dataset.class() == Durability::Memory) {
        for shard in &dataset.shards {
            let mut transaction = kernel.runtime.transaction();
            if !shard.lock()?.state().data.is_empty() {
                transaction.set_time(kernel.runtime.tick());
                transaction.admit(ENTRY_HEADER_BYTES).await?;
            }
            let mut locked = shard.lock()?;
            if !locked.state().data.is_empty() {
                locked.push(&mut transaction, Durability::Sync, &Effect::Flush)?;
                locked.appended(transaction.append()?);
            }
            let partition = locked.state_mut();
            partition.logged = false;
            partition.data = partition.data.emptied();
        }
        kernel.runtime.checkpoint(&dataset.logs()).await?;
    }
    Ok(())
}

fn read_map(catalog: &Catalog) -> Result<[u8; DATABASES]> {
    let mut map = std::array::from_fn(|number| number as u8);
    let Some(text) = catalog.read(|state| state.setting(MAP_SETTING).map(str::to_owned))? else {
        return Ok(map);
    };
    let numbers: Vec<u8> = text.split(',').filter_map(|number| number.parse().ok()).collect();
    if numbers.len() != DATABASES || numbers.iter().any(|number| usize::from(*number) >= DATABASES) {
        bail!("the catalog's setting {MAP_SETTING} is \"{text}\"; it should name {DATABASES} datasets");
    }
    map.copy_from_slice(&numbers);
    Ok(map)
}

/// Opens the service and its doors over recovered databases.
pub async fn serve(node: &mut Node, kernel: &Kernel, databases: Databases) -> Result<()> {
    let settings = node.settings.clone();
    let plain = Listener::bind("keyspace", "keyspace.listen", settings.keyspace.listen).await?;
    let secured = match settings.keyspace.tls_listen {
        Some(address) => Some(Listener::bind("keyspace", "keyspace.tls_listen", address).await?),
        None => None,
    };
    let address = plain.local();
    let config = config(&settings, node.memory_bytes);
    let durability = config.durability;
    let service = Service::open(ServiceParts {
        databases,
        runtime: Arc::clone(&kernel.runtime),
        config,
        authenticator: Arc::new(Users {
            identity: Arc::clone(&kernel.identity),
            loopback: is_loopback(&settings),
        }),
        node: Arc::new(Catalogued { catalog: kernel.catalog.clone(), shutdown: node.shutdown.clone() }),
        port: address.port(),
        seed: rand::random(),
    });
    let (stopper, token) = Stopper::new();
    let limit = ConnectionLimit::new(settings.keyspace.connections_max as usize);
    let metrics = node.metrics.service("keyspace");
    let mut doors = Vec::new();
    let mut open = |listener: Listener, tls: Option<Tls>| {
        doors.push(open_door(&service, &settings, &limit, &metrics, &stopper, listener, tls));
    };
    open(plain, None);
    if let Some(listener) = secured {
        let tls = node.tls()?.context("keyspace.tls_listen needs tls.certificate and tls.key")?;
        node.endpoints.push(Endpoint {
            service: "keyspace (Redis, TLS)".to_owned(),
            address: listener.local(),
            paste: format!("redis-cli --tls -p {}", listener.local().port()),
        });
        open(listener, Some(tls));
    }
    drop(token);
    let expiry = tokio::spawn(Arc::clone(&service).run_expiry());
    node.endpoints.push(Endpoint {
        service: "keyspace (Redis)".to_owned(),
        address,
        paste: redis_cli(address),
    });
    announce(node, &durability);
    let (for_status, for_metrics) = (Arc::clone(&service), Arc::clone(&service));
    node.status.push(Box::new(move |status| fill_status(&for_status, status)));
    node.collectors.push(Arc::new(move |out| write_metrics(&for_metrics, out)));
    node.participants.push(Arc::clone(&service) as Arc<_>);
    node.console.keyspace = Some(Arc::clone(&service));
    node.parts.push(KeyspacePart { service, stopper, doors, expiry });
    Ok(())
}

fn announce(node: &mut Node, durability: &[Durability; DATABASES]) {
    let common = durability[0];
    node.durability.push(("keyspace".to_owned(), common));
    for (number, class) in durability.iter().enumerate().filter(|(_, class)| **class != common) {
        node.durability.push((format!("keyspace/{number}"), *class));
    }
}

fn is_loopback(settings: &Settings) -> bool {
    let doors = [Some(settings.keyspace.listen), settings.keyspace.tls_listen];
    doors.into_iter().flatten().all(|address| address.ip().to_canonical().is_loopback())
}

/// The keys' share of the node's memory.
const MEMORY_SHARE: u64 = 2;

/// What the keys may take where nothing is said: a share of what the gateway's cache leaves, which is half at least.
fn memory_share(node_bytes: u64, cache_bytes: u64) -> u64 {
    (node_bytes - cache_bytes.min(node_bytes / 2)) / MEMORY_SHARE
}

fn config(settings: &Settings, node_memory_bytes: u64) -> Config {
    let keyspace = &settings.keyspace;
    Config {
        durability: std::array::from_fn(|number| settings.database_durability(number as u8)),
        shards: keyspace.shards as usize,
        request_bytes_max: keyspace.request_bytes_max as usize,
        connections_max: keyspace.connections_max as usize,
        memory_bytes_max: keyspace
            .memory
            .unwrap_or_else(|| memory_share(node_memory_bytes, settings.cdn.memory)),
        output_bytes_max: keyspace.output_buffer_bytes_max as usize,
        pubsub_hard_bytes: keyspace.pubsub_output_buffer_bytes_max as usize,
        idle_seconds: keyspace.idle_timeout.as_secs(),
        ..Config::default()
    }
}

fn open_door(
    service: &Arc<Service>,
    settings: &Settings,
    limit: &ConnectionLimit,
    metrics: &ServiceMetrics,
    stopper: &Stopper,
    listener: Listener,
    tls: Option<Tls>,
) -> JoinHandle<()> {
    let config = listener::Config {
        tls,
        last_word: LastWord::new(|_| Bytes::from_static(b"-ERR max number of clients reached\r\n")),
        drain_timeout: settings.node.shutdown_timeout / 2,
        ..listener::Config::new(limit.clone(), ConnectionLimit::new(usize::MAX >> 4))
    };
    let service = Arc::clone(service);
    let handler = move |connection: listener::Connection| {
        connection::serve(Arc::clone(&service), connection.stream, connection.peer, connection.local)
    };
    let serving = listener.serve(config, metrics.clone(), stopper.token(), handler);
    tokio::spawn(async move {
        let drained = serving.await;
        if drained.aborted > 0 {
            tracing::warn!(
                connections = drained.aborted,
                "keyspace connections did not finish in time and were cut off"
            );
        }
    })
}

/// What the keyspace asks of identity.
struct Users {
    identity: Arc<Identity>,
    /// On loopback, and only there, clients may come without credentials.
    loopback: bool,
}

impl Users {
    fn grants_of(&self, user: &str) -> Grants {
        let allowed = |action: &str| self.identity.allowed(user, "keyspace", action, "default/keyspace/*");
        let bits = [
            ("read", Grants::READ),
            ("write", Grants::WRITE),
            ("pubsub", Grants::PUBSUB),
            ("admin", Grants::ADMIN),
        ];
        Grants(bits.into_iter().filter(|(action, _)| allowed(action)).fold(0, |sum, (_, bit)| sum | bit))
    }
}

impl Authenticator for Users {
    fn anonymous(&self) -> Option<Grants> {
        self.loopback.then_some(Grants::ALL)
    }

    fn verify<'a>(&'a self, user: &'a str, password: &'a str) -> BoxFuture<'a, Option<Grants>> {
        Box::pin(async move {
            match self.identity.verify(user, password).await {
                Ok(true) => Some(self.grants_of(user)),
                Ok(false) => None,
                Err(error) => {
                    tracing::warn!(user, %error, "a password could not be checked");
                    None
                }
            }
        })
    }

    fn grants(&self, user: &str) -> Option<Grants> {
        let exists = self.identity.read(|directory| directory.user(user).is_some_and(|user| user.enabled));
        exists.unwrap_or(false).then(|| self.grants_of(user))
    }

    fn version(&self) -> u64 {
        self.identity.version()
    }
}

/// What the keyspace asks of the node.
struct Catalogued {
    catalog: Catalog,
    shutdown: Shutdown,
}

impl KeyspaceNode for Catalogued {
    fn swap(&self, first: usize, second: usize) -> Result<Position, String> {
        let mut map = read_map(&self.catalog).map_err(|error| error.to_string())?;
        map.swap(first, second);
        let text: Vec<String> = map.iter().map(u8::to_string).collect();
        self.catalog.set_now(MAP_SETTING, &text.join(",")).map_err(|error| error.to_string())
    }

    fn stop(&self) {
        self.shutdown.by_client();
    }
}

struct KeyspacePart {
    service: Arc<Service>,
    stopper: Stopper,
    doors: Vec<JoinHandle<()>>,
    expiry: JoinHandle<()>,
}

impl Part for KeyspacePart {
    fn name(&self) -> &'static str {
        "keyspace"
    }

    fn stop(self: Box<Self>, _deadline: Instant) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            self.expiry.abort();
            self.stopper.stop();
            self.service.drain();
            for door in self.doors {
                door.await?;
            }
            Ok(())
        })
    }
}

fn fill_status(service: &Service, status: &mut status::Status) {
    let shards = service.databases.datasets().iter().flat_map(|dataset| &dataset.shards);
    let memory = shards.map(|shard| shard.status().memory_bytes).sum();
    status.services.push(status::Service {
        name: "keyspace".to_owned(),
        connections: service.clients.len() as u64,
        memory_bytes: memory,
        memory_bytes_max: service.settings.read().memory_bytes_max as u64,
        notes: Vec::new(),
    });
}

fn write_metrics(service: &Service, out: &mut String) {
    let metrics = &service.metrics;
    let get = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    for (name, help, value) in [
        ("commands_total", "Commands run.", metrics.calls_total()),
        ("errors_total", "Replies that were errors.", get(&metrics.errors)),
        ("hits_total", "Keys that reads found.", get(&metrics.hits)),
        ("misses_total", "Keys that reads did not find.", get(&metrics.misses)),
        ("expired_keys_total", "Keys removed because their time had come.", get(&metrics.expired)),
        ("evicted_keys_total", "Keys removed because there was too little memory.", get(&metrics.evicted)),
    ] {
        crate::metrics::counter(out, &format!("bole_keyspace_{name}"), help, value);
    }
}
