//! Who is measured, and the node of each.

use super::Args;
use super::cases::Durability;
use super::load;
use crate::{SERVER_CORE, usage};
use anyhow::{Result, bail};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use xtask::kafka;
use xtask::server::{self, Ports, Server, Settings};

/// Which column of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Ours,
    Peer,
}

/// A program that can be one of the sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Contender {
    /// A node that the benchmark starts.
    Bole,
    /// A node that somebody else started.
    RunningBole(SocketAddr),
    Kafka,
}

/// The two sides of the comparison, ours first.
#[derive(Debug)]
pub(super) struct Sides([Contender; 2]);

/// A started contender.
pub(super) struct Node {
    pub(super) side: Side,
    /// What the report calls it.
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    contender: Contender,
    server: Option<Server>,
}

impl Sides {
    pub(super) fn of(args: &Args) -> Result<Self> {
        let ours = match &args.addr_bole {
            Some(address) => Contender::RunningBole(xtask::tair::resolve(address)?),
            None if args.against_itself => Contender::Kafka,
            None => Contender::Bole,
        };
        Ok(Self([ours, Contender::Kafka]))
    }

    /// The names of both columns.
    pub(super) fn names(&self) -> [&'static str; 2] {
        [self.0[0].name(Side::Ours), self.0[1].name(Side::Peer)]
    }

    pub(super) fn each(&self) -> [(Side, &Contender); 2] {
        [(Side::Ours, &self.0[0]), (Side::Peer, &self.0[1])]
    }

    /// Starts both with fresh folders under `data`.
    pub(super) fn start(&self, data: &Path) -> Result<Vec<Node>> {
        self.each()
            .into_iter()
            .map(|(side, contender)| contender.start(side, &data.join(format!("{side:?}"))))
            .collect()
    }
}

impl Contender {
    fn name(&self, side: Side) -> &'static str {
        match (self, side) {
            (Self::Kafka, Side::Ours) => "kafka (ours)",
            (Self::Kafka, Side::Peer) => "kafka",
            (Self::Bole | Self::RunningBole(_), _) => "bole",
        }
    }

    fn start(&self, side: Side, data: &Path) -> Result<Node> {
        let node =
            |address, server| Node { side, name: self.name(side), address, contender: self.clone(), server };
        if let Self::RunningBole(address) = self {
            return Ok(node(*address, None));
        }
        let prepared = self.prepare(data)?;
        let address = prepared.address;
        Ok(node(address, Some(prepared.start()?)))
    }

    /// Everything that comes before the process: folders, formats, the choice of ports.
    pub(super) fn prepare(&self, data: &Path) -> Result<Prepared> {
        std::fs::create_dir_all(data)?;
        let settings =
            Settings { core: Some(SERVER_CORE), log: Some(data.join("log.txt")), ..Settings::default() };
        let (command, port) = match self {
            Self::Kafka => kafka::prepare(&data.join("kafka"), &settings, &kafka::Options::default())?,
            Self::Bole => {
                let ports = Ports::free()?;
                (server::bole(crate::profile(), &data.join("data"), ports, &settings)?, ports.streams)
            }
            Self::RunningBole(address) => bail!("{address} runs already"),
        };
        Ok(Prepared { command, settings, address: SocketAddr::from(([127, 0, 0, 1], port)) })
    }
}

/// A contender that only has to be started.
pub(super) struct Prepared {
    command: Command,
    settings: Settings,
    pub(super) address: SocketAddr,
}

impl Prepared {
    /// Starts the process and waits until it accepts connections.
    pub(super) fn start(self) -> Result<Server> {
        server::start(self.command, self.address.port(), &self.settings)
    }
}

impl Node {
    /// Creates a topic of a durability in the contender's own terms: Bole has a configuration for it, Kafka flushes after
    /// each message or leaves it to the operating system.
    pub(super) fn create_topic(&self, topic: &str, partitions: u32, durability: Durability) -> Result<()> {
        let mut command = load::rdkafka(self, "create");
        command.args(["--topic", topic, "--partitions", &partitions.to_string()]);
        match (&self.contender, durability) {
            (Contender::Kafka, Durability::Async) => {}
            (Contender::Kafka, Durability::Sync) => {
                command.args(["--config", "flush.messages=1"]);
            }
            (Contender::Bole | Contender::RunningBole(_), durability) => {
                command.arg("--config").arg(format!("durability={}", durability.name()));
            }
        }
        xtask::process::output(&mut command)?;
        Ok(())
    }

    pub(super) fn delete_topic(&self, topic: &str) -> Result<()> {
        xtask::process::output(load::rdkafka(self, "delete").args(["--topic", topic]))?;
        Ok(())
    }

    /// CPU seconds so far; none when the process is not ours.
    pub(super) fn cpu_seconds(&self) -> Result<Option<f64>> {
        self.server.as_ref().map(|server| usage::cpu_seconds(server.pid())).transpose()
    }

    /// Resident memory; none when the process is not ours.
    pub(super) fn resident_bytes(&self) -> Result<Option<u64>> {
        self.server.as_ref().map(|server| usage::resident_bytes(server.pid())).transpose()
    }
}
