//! Who is measured, and how each is started with the same promise.

use super::client::Target;
use crate::{SERVER_CORE, usage};
use anyhow::Result;
use std::path::Path;
use xtask::seaweedfs::{self, SeaweedFs};
use xtask::server::{self, Ports, Server, Settings};

/// A side of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    Bole,
    Peer,
}

/// The process of a contender, which ends with it.
enum Process {
    Bole(Server),
    Peer(SeaweedFs),
}

/// A started contender.
pub(super) struct Node {
    pub(super) contender: Contender,
    pub(super) target: Target,
    process: Process,
}

impl Contender {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bole => "bole",
            Self::Peer => "seaweedfs",
        }
    }

    /// Starts on the server's core with a fresh folder under `data`.
    pub(super) fn start(self, data: &Path) -> Result<Node> {
        let folder = data.join(self.name());
        std::fs::create_dir_all(&folder)?;
        let log = data.join(format!("{}.log", self.name()));
        let settings = Settings { core: Some(SERVER_CORE), log: Some(log), ..Settings::default() };
        let (process, port) = match self {
            Self::Bole => {
                let ports = Ports::free()?;
                let server = server::start_bole(crate::profile(), &folder.join("data"), ports, &settings)?;
                server::wait_for(([127, 0, 0, 1], ports.blobs).into())?;
                (Process::Bole(server), ports.blobs)
            }
            Self::Peer => {
                let peer = seaweedfs::start(&folder, &settings)?;
                let port = peer.port;
                (Process::Peer(peer), port)
            }
        };
        Ok(Node { contender: self, target: Target::new(port), process })
    }
}

impl Node {
    fn pid(&self) -> u32 {
        match &self.process {
            Process::Bole(server) => server.pid(),
            Process::Peer(peer) => peer.pid(),
        }
    }

    /// Resident bytes of the server.
    pub(super) fn resident_bytes(&self) -> Result<u64> {
        usage::proportional_bytes(&usage::family(self.pid())?)
    }

    /// Begins to look for the most that the server has resident.
    pub(super) fn reset_peak(&self) -> Result<()> {
        usage::family(self.pid())?.iter().try_for_each(|pid| usage::reset_peak(*pid))
    }

    /// The most that it had since then.
    pub(super) fn peak_bytes(&self) -> Result<u64> {
        usage::family(self.pid())?.iter().map(|pid| usage::peak_bytes(*pid)).sum()
    }

    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        usage::family(self.pid())?.iter().map(|pid| usage::cpu_seconds(*pid)).sum()
    }
}
