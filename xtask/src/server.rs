//! Starts a Bole node for a run and stops it when the run is over.
//!
//! The node is the real `bole` binary with `serve --data DIR`; everything else is given by `BOLE_SECTION_KEY`
//! variables, as a user would. Listening ports are chosen free beforehand, because the run must tell them to clients.

use crate::process;
use anyhow::{Context, Result, bail};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take until it accepts connections; a peer on the JVM needs several seconds of two idle cores.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a node may take to stop after SIGTERM before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// The ports that a started node listens on.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// RESP clients.
    pub keyspace: u16,
    /// Kafka clients.
    pub streams: u16,
    /// Clients of the schema registry.
    pub schemas: u16,
    /// Of the gateway.
    pub gateway: u16,
    /// Of DNS.
    pub dns: u16,
    /// S3 clients.
    pub blobs: u16,
    /// PostgreSQL clients.
    pub sql: u16,
    /// Admin API and metrics.
    pub admin: u16,
}

impl Ports {
    /// Ports that were free a moment ago. They are held together while choosing, so they differ from each other.
    pub fn free() -> Result<Self> {
        let [keyspace, streams, schemas, blobs, sql, gateway, dns, admin] = free_ports()?;
        Ok(Self { keyspace, streams, schemas, gateway, dns, blobs, sql, admin })
    }
}

/// Different ports of loopback that were free a moment ago.
pub fn free_ports<const COUNT: usize>() -> Result<[u16; COUNT]> {
    let mut held = Vec::with_capacity(COUNT);
    let mut ports = [0; COUNT];
    for port in &mut ports {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// How a server process is placed and configured.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Variables for the process, such as `BOLE_KEYSPACE_DURABILITY=sync`.
    pub env: Vec<(String, String)>,
    /// The only core that it may run on.
    pub core: Option<u32>,
    /// Where its stdout and stderr go; the terminal when absent.
    pub log: Option<PathBuf>,
}

/// A running server process; stopped when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// The address whose connections were waited for: of a Bole node, its Redis-compatible service.
    pub address: SocketAddr,
}

/// Which build of Bole a run uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Quick to build; for conformance.
    Debug,
    /// For measurements.
    Release,
    /// For `perf`: nearly the release build, and quick to build again.
    Profiling,
}

impl Profile {
    /// The folder below the target directory, and what `--profile` calls it but for [`Profile::Debug`].
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
            Self::Profiling => "profiling",
        }
    }
}

/// Builds the `bole` binary.
pub fn build_bole(profile: Profile) -> Result<()> {
    let mut cargo = process::cargo();
    cargo.args(["build", "-q", "-p", "bole"]);
    if profile != Profile::Debug {
        cargo.args(["--profile", profile.folder()]);
    }
    process::run(&mut cargo)
}

/// A node on a data directory of its own that goes when the run is over; its log stays in the target directory.
#[derive(Debug)]
pub struct TemporaryBole {
    server: Server,
    streams: SocketAddr,
    schemas: SocketAddr,
    gateway: SocketAddr,
    admin: SocketAddr,
    blobs: SocketAddr,
    sql: SocketAddr,
    log: PathBuf,
    // Dropped after the server, which writes to it until it has stopped.
    _data: tempfile::TempDir,
}

impl TemporaryBole {
    /// Builds Bole and starts it; `run` names the log.
    pub fn start(run: &str) -> Result<Self> {
        Self::start_with(run, &[])
    }

    /// The same with variables for its settings.
    pub fn start_with(run: &str, env: &[(&str, &str)]) -> Result<Self> {
        build_bole(Profile::Debug)?;
        let data = tempfile::tempdir()?;
        let log = process::target_dir().join(format!("{run}.log"));
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let settings = Settings { log: Some(log.clone()), env, ..Settings::default() };
        let ports = Ports::free()?;
        let server = start_bole(Profile::Debug, &data.path().join("data"), ports, &settings)?;
        let streams = SocketAddr::from(([127, 0, 0, 1], ports.streams));
        let schemas = SocketAddr::from(([127, 0, 0, 1], ports.schemas));
        let gateway = SocketAddr::from(([127, 0, 0, 1], ports.gateway));
        let admin = SocketAddr::from(([127, 0, 0, 1], ports.admin));
        let blobs = SocketAddr::from(([127, 0, 0, 1], ports.blobs));
        let sql = SocketAddr::from(([127, 0, 0, 1], ports.sql));
        println!("bole listens on {}; its log: {}", server.address, log.display());
        Ok(Self { server, streams, schemas, gateway, admin, blobs, sql, log, _data: data })
    }

    /// Where its Redis-compatible service listens.
    pub fn keyspace(&self) -> SocketAddr {
        self.server.address
    }

    /// Where its Kafka-compatible service listens.
    pub fn streams(&self) -> SocketAddr {
        self.streams
    }

    /// Where its schema registry listens, which opens after the keyspace.
    pub fn schemas(&self) -> SocketAddr {
        self.schemas
    }

    /// Where its gateway listens, which opens after the keyspace.
    pub fn gateway(&self) -> SocketAddr {
        self.gateway
    }

    /// Where its API for administrators listens, which opens last.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Where its S3-compatible service listens, which opens after the keyspace.
    pub fn blobs(&self) -> SocketAddr {
        self.blobs
    }

    /// Where its PostgreSQL-compatible service listens, which opens after the keyspace.
    pub fn sql(&self) -> SocketAddr {
        self.sql
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Fails when the node did not survive what was done to it.
    pub fn still_runs(mut self) -> Result<()> {
        match self.server.child.try_wait()? {
            Some(status) => bail!("bole ended during the run: {status}; its log: {}", self.log.display()),
            None => Ok(()),
        }
    }
}

/// Starts the built `bole` binary on `data_dir` and waits until its keyspace accepts connections.
pub fn start_bole(profile: Profile, data_dir: &Path, ports: Ports, settings: &Settings) -> Result<Server> {
    start(bole(profile, data_dir, ports, settings)?, ports.keyspace, settings)
}

/// Where the `bole` binary is when it is built.
pub fn binary(profile: Profile) -> PathBuf {
    process::target_dir().join(profile.folder()).join("bole")
}

/// The command that serves `data_dir` with the built `bole` binary.
pub fn bole(profile: Profile, data_dir: &Path, ports: Ports, settings: &Settings) -> Result<Command> {
    let binary = binary(profile);
    if !binary.is_file() {
        bail!("{} does not exist: build it with `cargo build -p bole`", binary.display());
    }
    let mut command = pinned(&binary, settings);
    command.arg("serve").arg("--data").arg(data_dir);
    command.env("BOLE_KEYSPACE_LISTEN", format!("127.0.0.1:{}", ports.keyspace));
    command.env("BOLE_SCHEMAS_LISTEN", format!("127.0.0.1:{}", ports.schemas));
    command.env("BOLE_BLOBS_LISTEN", format!("127.0.0.1:{}", ports.blobs));
    command.env("BOLE_SQL_LISTEN", format!("127.0.0.1:{}", ports.sql));
    command.env("BOLE_GATEWAY_LISTEN", format!("127.0.0.1:{}", ports.gateway));
    command.env("BOLE_DNS_LISTEN", format!("127.0.0.1:{}", ports.dns));
    command.env("BOLE_ADMIN_LISTEN", format!("127.0.0.1:{}", ports.admin));
    command.env("BOLE_STREAMS_LISTEN", format!("127.0.0.1:{}", ports.streams));
    Ok(command)
}

/// Waits until one more door of a node that runs accepts connections.
pub fn wait_for(address: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        match TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => {
                return Err(error).with_context(|| format!("nothing listens on {address}"));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// A command for `program` that runs on the core of `settings`, when it names one.
pub fn pinned(program: &Path, settings: &Settings) -> Command {
    let Some(core) = settings.core else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// Starts a server that was described by `command` and waits until `port` on loopback accepts connections.
pub fn start(mut command: Command, port: u16, settings: &Settings) -> Result<Server> {
    for (name, value) in &settings.env {
        command.env(name, value);
    }
    if let Some(log) = &settings.log {
        let log = std::fs::File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
        command.stdout(log.try_clone()?).stderr(log);
    }
    let line = process::line(&command);
    let child = command.stdin(Stdio::null()).spawn().with_context(|| format!("cannot start: {line}"))?;
    let mut server = Server { child, address: SocketAddr::from(([127, 0, 0, 1], port)) };
    server.wait_until_it_listens().with_context(|| format!("started: {line}{}", last_lines(settings)))?;
    Ok(server)
}

/// The end of the server's log, for the message about a start that failed.
fn last_lines(settings: &Settings) -> String {
    let log = settings.log.as_ref().and_then(|log| std::fs::read_to_string(log).ok()).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    let last = &lines[lines.len().saturating_sub(10)..];
    if last.is_empty() { String::new() } else { format!("\n  | {}", last.join("\n  | ")) }
}

impl Server {
    /// The process id, for reading its CPU time and memory.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, where nobody needs its data any more.
    pub fn kill(mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    fn wait_until_it_listens(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended before it listened on {}: {status}", self.address);
            }
            if Instant::now() > deadline {
                bail!("nothing listens on {} after {} s", self.address, START_TIMEOUT.as_secs());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn stop(&mut self) {
        // The standard library can only kill; a clean stop needs SIGTERM, which `kill` sends.
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let deadline = Instant::now() + STOP_TIMEOUT;
        while asked.is_ok() && Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        println!("the server with pid {} did not stop on SIGTERM and was killed", self.child.id());
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}
