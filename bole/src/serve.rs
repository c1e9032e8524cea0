//! Composition: opens the parts of a node one after the other, says on standard output that it is up, waits for the
//! reason to stop, and stops the parts in reverse order.
//!
//! The order of a start: settings → logs → data directory (lock, `node.meta`) → services → admin door → banner. What a
//! service adds to a [`Node`] are its part, its doors for the banner, its piece of the status and its metrics.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use bole_base::{Disk, Durability, RealDisk, SystemClock};
use bole_identity::directory::DEFAULT_USER;
use bole_net::metrics::Metrics;
use bole_net::safety::{self, Door};
use bole_net::tls::{self, Tls};
use bole_shard::participant::Participant;
use bole_shard::participant::upserts::Upserts;
use tokio::time::Instant;

use crate::admin::identity::IdentityUsers;
use crate::admin::{self, Admin, Mover, Readiness, guard};
use crate::banner::{Banner, Endpoint};
use crate::config::{Loaded, Settings};
use crate::kernel::{Kernel, KernelPart};
use crate::lock::DataLock;
use crate::metrics::Collector;
use crate::node_meta::NodeMeta;
use crate::parts::Parts;
use crate::shutdown::{Reason, Shutdown};
use crate::status::Status;

use crate::{console, listen, logging, memory, open_files, services};

/// Version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Fills in one part's piece of the status. Must not block.
pub type StatusSource = Box<dyn Fn(&mut Status) + Send + Sync>;

/// A node while it is put together.
pub struct Node {
    /// The settings.
    pub settings: Settings,
    /// What the data directory is.
    pub meta: NodeMeta,
    /// Memory that the services share.
    pub memory_bytes: u64,
    /// What runs, in order of start.
    pub parts: Parts,
    /// Doors for the banner.
    pub endpoints: Vec<Endpoint>,
    /// Datasets and their durability, for the banner.
    pub durability: Vec<(String, Durability)>,
    /// The parts' pieces of the status.
    pub status: Vec<StatusSource>,
    /// The parts' metrics.
    pub collectors: Vec<Collector>,
    /// The services that take part in batches of those that are opened after them.
    pub participants: Vec<Arc<dyn Participant>>,
    /// The services that sinks write to in batches of those services' own.
    pub upserts: Vec<Arc<dyn Upserts>>,
    /// What looks after large objects.
    pub blobs: Option<Arc<dyn admin::blobs::Blobs>>,
    /// Reads objects as everybody may.
    pub buckets: Option<bole_blobs::door::Door>,
    /// What moves bytes of large objects between their homes.
    pub mover: Option<Arc<dyn Mover>>,
    /// What services answer at the admin door themselves.
    pub admin_routes: Vec<axum::Router>,
    /// The services that pages of the console ask.
    pub console: console::Services,
    /// The metrics of doors and services.
    pub metrics: Metrics,
    /// Where a part that fails for good asks for the stop.
    pub shutdown: Shutdown,
    /// Whether the node serves.
    pub readiness: Readiness,
    started: Instant,
    _lock: DataLock,
}

/// Runs a node until it is asked to stop. Exit code 0 after a clean stop, 1 if a part failed.
pub fn run(loaded: &Loaded) -> Result<ExitCode> {
    let settings = &loaded.settings;
    logging::start(&settings.log)?;
    open_files::raise();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("bole").build();
    let runtime = runtime.context("the threads cannot be started")?;
    let code = runtime.block_on(serve(settings));
    // A blocking task that is late must not hold up the exit.
    runtime.shutdown_background();
    code
}

async fn serve(settings: &Settings) -> Result<ExitCode> {
    let shutdown = Shutdown::on_signals()?;
    let mut node = Node::open(settings, shutdown)?;
    let kernel = open_services(&mut node).await?;
    node.open_admin(&kernel).await?;
    let Node { parts, shutdown, readiness, _lock, .. } = node;

    let reason = shutdown.requested().await;
    readiness.not_ready("stopping");
    let failed = parts.stop(settings.node.shutdown_timeout).await;
    match reason {
        Reason::Failed(message) => bail!("the node stopped because {message}"),
        Reason::Signal(name) if failed.is_empty() => {
            tracing::info!(signal = name, "stopped");
            Ok(ExitCode::SUCCESS)
        }
        Reason::Signal(_) => bail!("these parts did not stop cleanly: {}", failed.join(", ")),
    }
}

/// Opens journal, catalog, identity and services, each on what was opened before it.
async fn open_services(node: &mut Node) -> Result<Kernel> {
    let kernel = Kernel::open(&node.settings, &node.meta, &node.shutdown).await?;
    refuse_exposed(&node.settings, &kernel).await?;
    let databases = services::keyspace::host(&node.settings, &node.meta, &kernel).await?;
    let sql = Arc::new(services::sql::host(&node.settings, &kernel).await?);
    let streams = services::streams::host(&node.settings, &node.meta, &kernel, &sql).await?;
    let registry = services::schemas::host(&kernel).await?;
    let blobs = services::blobs::host(&node.settings, &kernel).await?;
    let gateway = services::gateway::host(&node.settings, &kernel).await?;
    let zones = services::dns::host(&kernel).await?;
    let recovered = kernel.runtime.recover(&[]).await.context("the shards cannot be recovered")?;
    kernel.runtime.sweep_attachments()?;
    services::keyspace::forget_memory(&kernel, &databases).await?;
    tracing::info!(
        entries = recovered.entries,
        milliseconds = recovered.took.as_millis() as u64,
        "replayed the journal"
    );
    let (for_status, for_metrics) = (kernel.clone(), kernel.clone());
    node.status.push(Box::new(move |status| for_status.status(status)));
    node.collectors.push(Arc::new(move |out| for_metrics.metrics(out)));
    let net = node.metrics.clone();
    node.collectors.push(Arc::new(move |out| out.push_str(&net.render())));
    node.parts.push(KernelPart::start(kernel.clone(), node.shutdown.clone())?);
    services::keyspace::serve(node, &kernel, databases).await?;
    node.upserts.push(services::sql::upserts(&sql));
    services::streams::serve(node, &kernel, streams).await?;
    services::schemas::serve(node, &kernel, registry).await?;
    services::sql::serve(node, &kernel, sql).await?;
    services::blobs::serve(node, &kernel, blobs).await?;
    let endpoints = services::gateway::serve(node, &kernel, gateway).await?;
    services::dns::serve(node, &kernel, zones, endpoints).await?;
    Ok(kernel)
}

/// Refuses doors that other machines reach while the default user can come in (promise P8), and warns where TLS is missing.
async fn refuse_exposed(settings: &Settings, kernel: &Kernel) -> Result<()> {
    let door = |service: &'static str, option: &'static str, address: SocketAddr, tls: bool| Door {
        service,
        option,
        address,
        tls,
    };
    let mut doors = vec![
        door("admin", "admin.listen", settings.admin.listen, false),
        door("keyspace", "keyspace.listen", settings.keyspace.listen, false),
        door("streams", "streams.listen", settings.streams.listen, false),
        door("blobs", "blobs.listen", settings.blobs.listen, false),
        door("schemas", "schemas.listen", settings.schemas.listen, false),
        door("sql", "sql.listen", settings.sql.listen, settings.tls.certificate.is_some()),
    ];
    doors.extend(
        settings.keyspace.tls_listen.map(|address| door("keyspace", "keyspace.tls_listen", address, true)),
    );
    doors.extend(
        settings.streams.tls_listen.map(|address| door("streams", "streams.tls_listen", address, true)),
    );
    let gateway = services::gateway::doors(settings);
    doors.extend(gateway.into_iter().map(|(option, address, tls)| door("gateway", option, address, tls)));
    doors.extend(
        services::dns::doors(settings)
            .into_iter()
            .map(|(option, address, tls)| door("dns", option, address, tls)),
    );
    let identity = Arc::clone(&kernel.identity);
    let unchanged = tokio::task::spawn_blocking(move || identity.default_user_unchanged()).await?;
    for warning in safety::check(&doors, !unchanged)? {
        tracing::warn!("{warning}");
    }
    Ok(())
}

impl Node {
    /// Takes the data directory.
    fn open(settings: &Settings, shutdown: Shutdown) -> Result<Self> {
        let data = &settings.node.data;
        create_data_dir(&RealDisk, data)?;
        let lock = DataLock::acquire(data)?;
        let clock = SystemClock::new();
        let (meta, new) = NodeMeta::open_or_create(&RealDisk, data, &clock, &mut rand::rng())?;
        let memory_bytes = memory::budget(settings.node.memory);
        tracing::info!(version = VERSION, node = meta.node_name(), data = %data.display(), new, memory_bytes, "starting");
        Ok(Self {
            settings: settings.clone(),
            meta,
            memory_bytes,
            parts: Parts::default(),
            endpoints: Vec::new(),
            durability: Vec::new(),
            status: Vec::new(),
            collectors: Vec::new(),
            participants: Vec::new(),
            upserts: Vec::new(),
            blobs: None,
            buckets: None,
            mover: None,
            admin_routes: Vec::new(),
            console: console::Services::default(),
            metrics: Metrics::default(),
            shutdown,
            readiness: Readiness::new("starting"),
            started: Instant::now(),
            _lock: lock,
        })
    }

    /// The certificates of TLS doors, watched for changes; `None` if none are set.
    pub fn tls(&self) -> Result<Option<Tls>> {
        let (Some(certificate), Some(key)) = (&self.settings.tls.certificate, &self.settings.tls.key) else {
            return Ok(None);
        };
        let config = tls::Config {
            client_ca: self.settings.tls.client_ca.clone(),
            ..tls::Config::new(certificate, key)
        };
        let tls = Tls::load(config)?;
        let (stopper, token) = bole_net::shutdown::Stopper::new();
        let watching = tls.clone().watch(tls::RELOAD_INTERVAL, token);
        tokio::spawn(async move {
            watching.await;
            drop(stopper);
        });
        Ok(Some(tls))
    }

    /// Opens the admin door and says that the node is up. Everything else is open by now.
    async fn open_admin(&mut self, kernel: &Kernel) -> Result<()> {
        let listen = self.settings.admin.listen;
        let listener = listen::bind(listen, "admin.listen").await?;
        let users = Arc::new(IdentityUsers::new(Arc::clone(&kernel.identity)));
        let shown = |endpoint: &Endpoint| bole_console::node::Endpoint {
            service: endpoint.service.clone(),
            address: endpoint.address,
        };
        let own = listener.local_addr().map(admin_endpoint);
        let endpoints = self.endpoints.iter().chain(own.as_ref().ok()).map(shown).collect();
        let asked = std::mem::take(&mut self.console);
        let admin = Admin {
            readiness: self.readiness.clone(),
            status: self.status_reader(),
            collectors: std::mem::take(&mut self.collectors),
            authenticator: Arc::clone(&users) as Arc<_>,
            users: Arc::clone(&users) as Arc<_>,
            blobs: self.blobs.take(),
            mover: self.mover.take(),
            extra: std::mem::take(&mut self.admin_routes),
            console: Some(console::pages(asked, Arc::clone(&users) as Arc<_>, endpoints)),
            guard: guard::addresses_only(),
            private: !listen.ip().to_canonical().is_loopback(),
        };
        let door = admin::open(listener, admin)?;
        self.endpoints.push(admin_endpoint(door.address()));
        self.parts.push(door);
        self.readiness.ready();
        let banner = Banner {
            version: VERSION.to_owned(),
            endpoints: std::mem::take(&mut self.endpoints),
            data: self.settings.node.data.clone(),
            durability: std::mem::take(&mut self.durability),
            default_user: kernel.identity.read(|directory| directory.user(DEFAULT_USER).is_some())?,
        };
        // A node whose output nobody reads serves all the same.
        let _ = write!(std::io::stdout(), "{banner}");
        tracing::info!(milliseconds = self.started.elapsed().as_millis() as u64, "ready");
        Ok(())
    }

    /// Reads the status: the node's own piece, then each part's.
    fn status_reader(&mut self) -> Arc<dyn Fn() -> Status + Send + Sync> {
        let sources = std::mem::take(&mut self.status);
        let (started, readiness) = (self.started, self.readiness.clone());
        let node = self.meta.node_name();
        let data =
            std::path::absolute(&self.settings.node.data).unwrap_or_else(|_| self.settings.node.data.clone());
        let data = data.display().to_string();
        Arc::new(move || {
            let mut status = Status {
                version: VERSION.to_owned(),
                node: node.clone(),
                state: readiness.check().map_or_else(|reason| reason, |()| "ready".to_owned()),
                uptime_seconds: started.elapsed().as_secs(),
                data: data.clone(),
                ..Status::default()
            };
            for source in &sources {
                source(&mut status);
            }
            status
        })
    }
}

fn admin_endpoint(address: SocketAddr) -> Endpoint {
    let paste = match address.port() {
        4280 => "bole status".to_owned(),
        _ => format!("bole status --addr {address}"),
    };
    Endpoint { service: "admin, metrics".to_owned(), address, paste }
}

fn create_data_dir(disk: &dyn Disk, dir: &Path) -> Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    disk.create_dir(dir).with_context(|| format!("data directory {} cannot be created", dir.display()))
}
