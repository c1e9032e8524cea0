//! The durability classes, and how each contender is started so that both promise the same in each.

use crate::SERVER_CORE;
use anyhow::{Result, bail};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;
use xtask::resp::{Connection, Reply, encode};
use xtask::server::{self, Ports, Server, Settings};

/// How long one reply to the runner itself may take.
const REPLY_TIMEOUT: Duration = Duration::from_mins(1);
/// Requests that the runner sends before it reads their replies.
const FILL_BATCH: u64 = 1000;

/// One pair of equal promises.
#[derive(Debug)]
pub(super) struct Class {
    /// Bole's word for it, the value of `BOLE_KEYSPACE_DURABILITY`.
    pub(super) name: &'static str,
    /// What redis-server is told. Its automatic rewrites of the append-only file stay on: they are part of its cost,
    /// as checkpoints are of ours.
    peer_options: &'static [&'static str],
}

pub(super) const CLASSES: &[Class] = &[
    Class { name: "async", peer_options: &["--appendonly", "yes", "--appendfsync", "everysec"] },
    Class { name: "sync", peer_options: &["--appendonly", "yes", "--appendfsync", "always"] },
    Class { name: "memory", peer_options: &["--appendonly", "no"] },
];

impl Class {
    /// Whether Bole makes checkpoints in this class.
    pub(super) fn saves(&self) -> bool {
        self.name != "memory"
    }
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    Bole,
    Peer,
}

/// A started contender.
pub(super) struct Node {
    pub(super) contender: Contender,
    server: Server,
}

impl Contender {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bole => "bole",
            Self::Peer => "redis-server",
        }
    }

    /// Starts on the server's core with a fresh folder under `data`.
    pub(super) fn start(self, class: &Class, data: &Path) -> Result<Node> {
        let folder = data.join(self.name());
        std::fs::create_dir_all(&folder)?;
        let mut settings =
            Settings { core: Some(SERVER_CORE), log: Some(folder.join("log")), ..Settings::default() };
        let server = match self {
            Self::Bole => {
                settings.env.push(("BOLE_KEYSPACE_DURABILITY".into(), class.name.into()));
                server::start_bole(crate::profile(), &folder.join("data"), Ports::free()?, &settings)?
            }
            Self::Peer => start_peer(class, &folder, &settings)?,
        };
        Ok(Node { contender: self, server })
    }
}

fn start_peer(class: &Class, folder: &Path, settings: &Settings) -> Result<Server> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = server::pinned(Path::new("redis-server"), settings);
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--dir"]).arg(folder);
    command.args(class.peer_options);
    server::start(command, port, settings)
}

impl Node {
    pub(super) fn pid(&self) -> u32 {
        // `taskset` replaces itself by the server, so the process that was started is the server.
        self.server.pid()
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.server.address
    }

    pub(super) fn connect(&self) -> Result<Connection> {
        Connection::open(self.address(), REPLY_TIMEOUT)
    }

    /// Sends `count` requests of the runner's own, in pipelines, and fails at the first error reply.
    pub(super) fn fill(&self, count: u64, request: impl Fn(u64) -> Vec<Vec<u8>>) -> Result<()> {
        let mut connection = self.connect()?;
        let mut buffer = Vec::new();
        for first in (0..count).step_by(FILL_BATCH as usize) {
            let batch = first..count.min(first + FILL_BATCH);
            buffer.clear();
            batch.clone().for_each(|number| encode(&request(number), &mut buffer));
            connection.send(&buffer)?;
            for number in batch {
                if let Reply::Error(text) = connection.receive()? {
                    bail!("{} refused request {number}: {text}", self.contender.name());
                }
            }
        }
        Ok(())
    }

    pub(super) fn flush(&self) -> Result<()> {
        match self.connect()?.call(&["FLUSHALL"])? {
            Reply::Simple(_) => Ok(()),
            other => bail!("{} answers FLUSHALL with {other}", self.contender.name()),
        }
    }
}
