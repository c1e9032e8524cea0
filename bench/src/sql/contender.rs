//! Who is measured, how each is started with the same promise, and how a client program is pointed at it.

use crate::{SERVER_CORE, usage};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use xtask::server::{self, Ports, Server, Settings};

/// Where Debian has PostgreSQL's programs.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
/// The user and the database on both sides; on Bole's, what a fresh node knows.
const USER: &str = "bole";
const PASSWORD: &str = "bolebole";
/// PostgreSQL's settings: durable as shipped, room for the memory part, and a cache that holds the data as Bole's does.
const SETTINGS: &[&str] = &[
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
    "shared_buffers=512MB",
    "max_connections=1200",
    "listen_addresses=127.0.0.1",
    "timezone=UTC",
];
/// A client program that takes longer is hung.
const CLIENT_SECONDS_MAX: &str = "1800";

/// How long a server may take until it takes sessions.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// A side of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    Bole,
    Peer,
}

/// A started contender.
pub(super) struct Node {
    pub(super) contender: Contender,
    server: Server,
    port: u16,
}

/// One of PostgreSQL's programs.
pub(super) fn program(name: &str) -> PathBuf {
    Path::new(PROGRAMS).join(name)
}

impl Contender {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bole => "bole",
            Self::Peer => "postgres",
        }
    }

    /// Starts on the server's core with a fresh folder under `data`.
    pub(super) fn start(self, data: &Path) -> Result<Node> {
        let folder = data.join(self.name());
        std::fs::create_dir_all(&folder)?;
        let log = data.join(format!("{}.log", self.name()));
        let settings = Settings { core: Some(SERVER_CORE), log: Some(log), ..Settings::default() };
        match self {
            Self::Bole => {
                let ports = Ports::free()?;
                let server = server::start_bole(crate::profile(), &folder.join("data"), ports, &settings)?;
                server::wait_for(([127, 0, 0, 1], ports.sql).into())?;
                Ok(Node { contender: self, server, port: ports.sql })
            }
            Self::Peer => start_peer(&folder, &settings),
        }
    }
}

/// PostgreSQL refuses to run as root; then it is the user whom Debian's package made.
fn start_peer(folder: &Path, settings: &Settings) -> Result<Node> {
    let is_root = xtask::process::output(Command::new("id").arg("-u"))?.trim() == "0";
    let as_user = |command: &mut Command, name: &str| {
        if is_root {
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
        }
        command.arg(program(name));
    };
    let first = if is_root { "setpriv" } else { "env" };
    if is_root {
        open_way(folder)?;
        xtask::process::output(Command::new("chown").arg("postgres").arg(folder))?;
    }
    let cluster = folder.join("data");
    let mut initdb = Command::new(first);
    as_user(&mut initdb, "initdb");
    initdb.args(["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions", "-D"]);
    xtask::process::output(initdb.arg(&cluster).current_dir(folder))?;
    let [port] = server::free_ports()?;
    let mut postgres = server::pinned(Path::new(first), settings);
    as_user(&mut postgres, "postgres");
    postgres.arg("-D").arg(&cluster).args(["-p", &port.to_string(), "-k"]).arg(folder).current_dir(folder);
    for setting in SETTINGS {
        postgres.args(["-c", setting]);
    }
    let node = Node { contender: Contender::Peer, server: server::start(postgres, port, settings)?, port };
    node.wait_until_ready()?;
    let mut create = node.client("createdb");
    create.env("PGDATABASE", "postgres").arg(USER);
    xtask::process::output(&mut create)?;
    Ok(node)
}

/// Temporary folders are their owner's only; another user must pass through this one.
fn open_way(folder: &Path) -> Result<()> {
    let parent = folder.parent().context("the folder is in a temporary one")?;
    xtask::process::output(Command::new("chmod").arg("755").arg(parent))?;
    Ok(())
}

impl Node {
    /// Resident bytes of all processes of the server, what they share counted once.
    pub(super) fn resident_bytes(&self) -> Result<u64> {
        usage::proportional_bytes(&usage::family(self.server.pid())?)
    }

    /// A port that listens is not enough: PostgreSQL refuses sessions until it has recovered.
    fn wait_until_ready(&self) -> Result<()> {
        let deadline = Instant::now() + READY_TIMEOUT;
        while !self.client("pg_isready").arg("-q").status()?.success() {
            if Instant::now() > deadline {
                bail!("{} takes no sessions after {READY_TIMEOUT:?}", self.contender.name());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        usage::family_cpu_seconds(self.server.pid())
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// A client program of PostgreSQL's that finds this node by its environment.
    pub(super) fn client(&self, name: &str) -> Command {
        let mut command = Command::new("timeout");
        command.arg(CLIENT_SECONDS_MAX).arg(program(name));
        command.env("PGHOST", "127.0.0.1").env("PGPORT", self.port.to_string()).env("PGUSER", USER);
        command.env("PGPASSWORD", PASSWORD).env("PGDATABASE", USER).env("PGOPTIONS", "");
        command
    }

    /// What psql prints of commands that must succeed.
    pub(super) fn psql(&self, commands: &[&str]) -> Result<String> {
        let mut psql = self.client("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
        for command in commands {
            psql.args(["-c", command]);
        }
        xtask::process::output(&mut psql).with_context(|| format!("on {}", self.contender.name()))
    }
}
