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
use tokio::time::Instant;

use crate::admin::default_user::DefaultUser;
use crate::admin::{self, Admin, Readiness, guard};
use crate::banner::{Banner, Endpoint};
use crate::config::{Loaded, Settings};
use crate::lock::DataLock;
use crate::metrics::Collector;
use crate::node_meta::NodeMeta;
use crate::parts::Parts;
use crate::shutdown::{Reason, Shutdown};
use crate::status::Status;
use crate::{listen, logging, memory};

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
    open_services(&mut node)?;
    node.open_admin().await?;
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
fn open_services(node: &mut Node) -> Result<()> {
    refuse_exposed(&node.settings)
}

/// Refuses doors that other machines reach (promise P8): the only user there is has a password that everybody knows.
fn refuse_exposed(settings: &Settings) -> Result<()> {
    let doors = [("admin.listen", settings.admin.listen), ("keyspace.listen", settings.keyspace.listen)];
    let tls = settings.keyspace.tls_listen.map(|address| ("keyspace.tls_listen", address));
    for (option, address) in doors.into_iter().chain(tls) {
        if !address.ip().to_canonical().is_loopback() {
            bail!(
                "{option} = {address} can be reached by other machines, and the default user \"bole\" has a password \
                 that everybody knows; listen on 127.0.0.1, or remove that user first"
            );
        }
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
            shutdown,
            readiness: Readiness::new("starting"),
            started: Instant::now(),
            _lock: lock,
        })
    }

    /// Opens the admin door and says that the node is up. Everything else is open by now.
    async fn open_admin(&mut self) -> Result<()> {
        let listen = self.settings.admin.listen;
        let listener = listen::bind(listen, "admin.listen").await?;
        let admin = Admin {
            readiness: self.readiness.clone(),
            status: self.status_reader(),
            collectors: std::mem::take(&mut self.collectors),
            authenticator: Arc::new(DefaultUser),
            users: Arc::new(DefaultUser),
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
            default_user: true,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doors_that_others_reach_are_refused() {
        let mut settings = Settings::defaults();
        refuse_exposed(&settings).unwrap();
        settings.keyspace.listen = "0.0.0.0:6379".parse().unwrap();
        let message = refuse_exposed(&settings).unwrap_err().to_string();
        assert!(message.contains("keyspace.listen = 0.0.0.0:6379"), "{message}");
    }
}
