//! Opens the SQL service: its databases from the catalog, its door, and what it is given of identity.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, Result};
use bole_base::{Disk as _, RealDisk};
use bole_identity::Identity;
use bole_net::limits::ConnectionLimit;
use bole_net::listener::{self, LastWord, Listener};
use bole_net::shutdown::Stopper;
use bole_shard::participant::upserts::Upserts;
use bole_shard::participant::{Participants, Request};
use bole_sql::config::Config;
use bole_sql::pool::Pool;
use bole_sql::service::{Parts as ServiceParts, Service};
use bole_sql::spill::{self, Spill};
use bole_sql::store::{self, Databases};
use bole_sql::{connection, limits, protocol, upserts};
use bole_streams::access;
use bole_streams::session::{Action, Principal};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::banner::{Endpoint, psql};
use crate::config::Settings;
use crate::kernel::Kernel;
use crate::parts::Part;
use crate::serve::Node;
use crate::status;

/// The folder of the databases in the data directory.
pub const SQL_DIR: &str = "sql";
/// Segments that the journal makes before it needs them, as is its default.
const SEGMENTS_AHEAD: u64 = 2;

/// Hosts the databases that the catalog knows; the runtime recovers them next.
pub async fn host(settings: &Settings, kernel: &Kernel) -> Result<Databases> {
    let dir = settings.node.data.join(SQL_DIR);
    let disk = Arc::new(RealDisk);
    if !dir.is_dir() {
        disk.create_dir(&dir).with_context(|| format!("{} cannot be created", dir.display()))?;
    }
    let config = store::Config {
        disk,
        durability: settings.sql.durability,
        registers: bole_sql::registers(),
        vfs: None,
        wal_bytes_max: bole_sql::limits::WAL_BYTES_MAX,
        overlay_bytes_max: settings.sql.overlay_bytes_max,
        temporary_bytes_session: settings.sql.temporary_bytes_session,
        temporary_bytes_node: settings.sql.temporary_bytes_node,
        spill: spill(settings, &dir)?,
        fed: settings.fed_databases(),
        dir,
    };
    let databases = Databases::host(kernel.catalog.clone(), Arc::clone(&kernel.runtime), config).await;
    databases.map_err(anyhow::Error::msg).context("the databases cannot be opened")
}

/// The tables of these databases as sinks write to them.
pub fn upserts(databases: &Arc<Databases>) -> Arc<dyn Upserts> {
    let config = upserts::Config {
        pool: Some(Pool::new(limits::UPSERT_THREADS)),
        turn_wait_max: limits::UPSERT_TURN_WAIT_MAX,
        hold_max: limits::UPSERT_HOLD_MAX,
    };
    Arc::new(upserts::Tables::new(databases, config))
}

/// Room for what statements set aside, beside the databases. What files were called there is removed: after a crash between their opening and the removal of
/// their name one may be left.
fn spill(settings: &Settings, dir: &Path) -> Result<Arc<Spill>> {
    let dir = dir.join("tmp");
    if dir.is_dir() {
        std::fs::remove_dir_all(&dir).with_context(|| format!("{} cannot be emptied", dir.display()))?;
    }
    std::fs::create_dir(&dir).with_context(|| format!("{} cannot be created", dir.display()))?;
    let (sql, journal) = (&settings.sql, &settings.journal);
    // As much as the journal asks for before it makes its segments ahead.
    let keep_free = journal.reserve_bytes + SEGMENTS_AHEAD * journal.segment_bytes;
    Ok(Spill::new(spill::Config {
        dir,
        disk: Arc::new(RealDisk),
        bytes_max: sql.spill_bytes_node,
        keep_free,
        memory_session_max: sql.cursor_bytes_session as usize,
        memory_node_max: sql.cursor_bytes_node as usize,
    }))
}

/// Opens the service and its door over recovered databases.
pub async fn serve(node: &mut Node, kernel: &Kernel, databases: Arc<Databases>) -> Result<()> {
    let settings = node.settings.clone();
    let listener = Listener::bind("sql", "sql.listen", settings.sql.listen).await?;
    let address = listener.local();
    let mut participants = Participants::new(Arc::clone(kernel.runtime.journal()));
    node.participants.iter().for_each(|participant| participants.register(Arc::clone(participant)));
    databases.set_participants(Arc::new(participants));
    let service = Service::open(ServiceParts {
        databases,
        identity: Arc::clone(&kernel.identity),
        config: config(&settings),
        tls: node.tls()?,
    });
    let identity = Arc::clone(&kernel.identity);
    service.set_effects_policy(Box::new(move |user, service, request| {
        may_affect(&identity, user, service, request)
    }));
    let (stopper, token) = Stopper::new();
    let door_config = listener::Config {
        last_word: LastWord::new(|_| Bytes::from(protocol::too_many_connections())),
        drain_timeout: settings.node.shutdown_timeout / 2,
        ..listener::Config::new(
            ConnectionLimit::new(settings.sql.connections_max as usize),
            ConnectionLimit::new(usize::MAX >> 4),
        )
    };
    let (for_clients, metrics) = (Arc::clone(&service), node.metrics.service("sql"));
    let handler =
        move |connection: listener::Connection| connection::serve(Arc::clone(&for_clients), connection);
    let serving = listener.serve(door_config, metrics.clone(), token, handler);
    let door = tokio::spawn(async move {
        let drained = serving.await;
        if drained.aborted > 0 {
            tracing::warn!(
                connections = drained.aborted,
                "SQL connections did not finish in time and were cut off"
            );
        }
    });
    let (looks_after, shutdown) = (Arc::clone(&service), node.shutdown.clone());
    let looking_after = tokio::spawn(async move {
        shutdown.fail(looks_after.look_after().await);
    });
    node.endpoints.push(Endpoint { service: "sql (PostgreSQL)".to_owned(), address, paste: psql(address) });
    node.durability.push(("sql".to_owned(), settings.sql.durability));
    let (for_status, for_metrics) = (Arc::clone(&service), Arc::clone(&service));
    node.status.push(Box::new(move |status| fill_status(&for_status, status)));
    node.collectors.push(Arc::new(move |out| write_metrics(&for_metrics, out)));
    node.console.sql = Some((Arc::clone(&service), metrics));
    node.parts.push(SqlPart { service, stopper, door, looking_after });
    Ok(())
}

/// As the other service judges its own clients.
pub(super) fn may_affect(identity: &Identity, user: &str, service: &str, request: &Request) -> bool {
    match service {
        access::SERVICE => {
            let principal = Principal::user(user);
            access::allowed(identity, &principal, Action::Write, "topic", &request.dataset)
        }
        _ => identity.allowed(user, service, "write", &format!("default/{service}/*")),
    }
}

fn config(settings: &Settings) -> Config {
    let sql = &settings.sql;
    Config {
        connections_max: sql.connections_max as usize,
        threads_max: sql.threads_max as usize,
        message_bytes_max: sql.message_bytes_max as usize,
        login_timeout: sql.login_timeout,
        idle_writer_timeout: sql.idle_writer_timeout,
        ..Config::default()
    }
}

struct SqlPart {
    service: Arc<Service>,
    stopper: Stopper,
    door: JoinHandle<()>,
    looking_after: JoinHandle<()>,
}

impl Part for SqlPart {
    fn name(&self) -> &'static str {
        "sql"
    }

    fn stop(self: Box<Self>, _deadline: Instant) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            self.stopper.stop();
            self.service.drain();
            self.door.await?;
            self.looking_after.abort();
            Ok(())
        })
    }
}

fn fill_status(service: &Service, status: &mut status::Status) {
    status.services.push(status::Service {
        name: "sql".to_owned(),
        connections: service.sessions.len() as u64,
        memory_bytes: service.databases.all().iter().map(|database| database.memory_bytes()).sum(),
        memory_bytes_max: 0,
        notes: Vec::new(),
    });
}

fn write_metrics(service: &Service, out: &mut String) {
    let metrics = &service.metrics;
    let get = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    for (name, help, value) in [
        ("statements_total", "Statements run.", get(&metrics.statements)),
        ("shapes_known_total", "Simple statements whose plan was kept.", get(&metrics.shapes_known)),
        ("shapes_made_total", "Plans made for the shape of a simple statement.", get(&metrics.shapes_made)),
        ("shapes_dropped_total", "Plans of shapes that made room for others.", get(&metrics.shapes_dropped)),
        ("errors_total", "Errors that clients were told.", get(&metrics.errors)),
        ("commits_total", "Transactions committed with changes.", get(&metrics.commits)),
        ("rollbacks_total", "Transactions rolled back.", get(&metrics.rollbacks)),
        ("rows_out_total", "Rows sent.", get(&metrics.rows_out)),
        ("copied_rows_total", "Rows that COPY took in.", get(&metrics.copied_rows)),
        ("authentications_failed_total", "Logins that failed.", get(&metrics.authentications_failed)),
        ("cancelled_total", "Statements cancelled by a client or a timeout.", get(&metrics.cancelled)),
        ("notifications_total", "Notifications handed to sessions.", get(&metrics.notifications)),
    ] {
        crate::metrics::counter(out, &format!("bole_sql_{name}"), help, value);
    }
    let (temporary_sessions, temporary_bytes) = service.databases.temporary();
    let mut gauges = vec![
        ("databases", "Databases.", service.databases.all().len() as u64),
        ("sessions", "Sessions that are open.", service.sessions.len() as u64),
        ("threads", "Threads that execute statements.", service.pool.threads() as u64),
        ("temporary_sessions", "Sessions that have temporary tables.", temporary_sessions as u64),
        ("temporary_bytes", "Bytes that are reserved for temporary tables.", temporary_bytes),
    ];
    gauges.extend(memory_gauges(service));
    gauges.extend(overlay_gauges(service));
    for (name, help, value) in gauges {
        crate::metrics::gauge(out, &format!("bole_sql_{name}"), help, value);
    }
    let refused = "Times that a statement found no room for what it sets aside.";
    crate::metrics::counter(
        out,
        "bole_sql_spill_refused_total",
        refused,
        service.databases.spill().refused(),
    );
    let ended = "Snapshots that were ended because they kept a file of recent changes from starting over.";
    let ended_count = service.databases.all().iter().map(|database| database.snapshots().ended).sum();
    crate::metrics::counter(out, "bole_sql_snapshots_ended_total", ended, ended_count);
}

/// A metric's name, what it says, and its value.
type Gauge = (&'static str, &'static str, u64);

/// What statements have in memory and in files.
fn memory_gauges(service: &Service) -> [Gauge; 5] {
    let spill = service.databases.spill();
    let used = spill.used();
    [
        (
            "sqlite_bytes",
            "Bytes of memory that SQLite uses: pages, statements, rows.",
            bole_sql::sqlite_bytes(),
        ),
        (
            "aggregate_bytes",
            "Bytes that aggregates of running statements keep.",
            bole_sql::aggregates_bytes() as u64,
        ),
        ("cursor_bytes", "Bytes of rows of portals and cursors in memory.", spill.memory() as u64),
        ("spill_files", "Portals and cursors with rows in a file.", used.files as u64),
        ("spill_bytes", "Bytes of files of portals, cursors, sorts and intermediate results.", used.bytes),
    ]
}

/// What is not in main files yet, and the snapshots that may keep it from there.
fn overlay_gauges(service: &Service) -> [Gauge; 4] {
    let databases = service.databases.all();
    let bytes: Vec<u64> = databases.iter().map(|database| database.wal_bytes()).collect();
    let snapshots: Vec<_> = databases.iter().map(|database| database.snapshots()).collect();
    let oldest = snapshots.iter().map(|open| open.age_max).max().unwrap_or_default();
    [
        ("snapshots", "Snapshots that are open.", snapshots.iter().map(|open| open.count as u64).sum()),
        ("snapshot_age_seconds", "Age of the oldest snapshot that is open.", oldest.as_secs()),
        (
            "overlay_bytes",
            "Bytes of changes that are not in the databases' main files yet.",
            bytes.iter().sum(),
        ),
        (
            "overlay_bytes_largest",
            "The same, of the database that has most of them.",
            bytes.iter().max().copied().unwrap_or_default(),
        ),
    ]
}
