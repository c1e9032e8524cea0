//! What measurements of HTTP servers share: a room with certificate and upstream, started nodes, the load, rounds, the report.
//!
//! Servers are named; the first of a run is Bole, and ratios are of the others to it.

pub(crate) mod load;
pub(crate) mod report;
pub(crate) mod room;

use crate::usage;
use anyhow::{Context, Result, bail};
use load::Load;
use report::Point;
use std::process::Command;
use xtask::server::Server;

/// Where a server listens on loopback.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doors {
    /// HTTP/1.1 without TLS.
    pub(crate) plain: u16,
    /// HTTP/2 without TLS, which some take on a port of its own only.
    pub(crate) cleartext_http2: u16,
    /// Both with TLS.
    pub(crate) tls: u16,
}

impl Doors {
    /// Of a server that is asked by HTTP/1.1 without TLS only.
    pub(crate) const fn plain(port: u16) -> Self {
        Self { plain: port, cleartext_http2: port, tls: port }
    }
}

/// A started server, which ends with it.
pub(crate) struct Node {
    pub(crate) name: &'static str,
    pub(crate) doors: Doors,
    pub(crate) server: Server,
}

impl Node {
    /// CPU seconds of all of its processes.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        usage::family(self.server.pid())?.iter().map(|pid| usage::cpu_seconds(*pid)).sum()
    }

    /// Resident bytes of all of its processes.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        usage::proportional_bytes(&usage::family(self.server.pid())?)
    }
}

/// How long is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Interleaved rounds.
    pub(crate) rounds: u32,
    /// Seconds of each.
    pub(crate) seconds: u32,
}

/// One case: as fast as it goes, then all at the same rate, which is 70 % of what the slowest bears.
pub(crate) fn measure(name: String, load: &Load, nodes: &[&Node], pace: Pace) -> Result<Point> {
    let mut point = Point { name, rounds: Vec::new(), paced: Vec::new() };
    let at = |point: &Point, node: &Node| format!("{}, {}", point.name, node.name);
    for node in nodes {
        load.warm_up(node).with_context(|| at(&point, node))?;
    }
    for _ in 0..pace.rounds {
        for node in nodes {
            let measured = load.full(node, pace.seconds).with_context(|| at(&point, node))?;
            point.rounds.push((node.name, measured));
        }
    }
    let rate = point.slowest() * 0.7;
    for _ in 0..pace.rounds {
        for node in nodes {
            let measured = load.paced(node, rate, pace.seconds).with_context(|| at(&point, node))?;
            point.paced.push((node.name, measured));
        }
    }
    println!("{}", point.line());
    Ok(point)
}

/// Programs that must be installed, each with its Debian package. This process and the load go to a core of their own.
pub(crate) fn prepare(programs: &[(&str, &str)]) -> Result<()> {
    let always = [
        ("taskset", "util-linux"),
        ("prlimit", "util-linux"),
        ("openssl", "openssl"),
        ("h2load", "nghttp2-client"),
        ("nginx", "nginx"),
    ];
    for (program, package) in always.iter().chain(programs) {
        if !xtask::process::installed(program) {
            bail!("{program} is not installed; on Debian: apt install {package}");
        }
    }
    let (core, pid) = (crate::LOAD_CORE.to_string(), std::process::id().to_string());
    xtask::process::output(Command::new("taskset").args(["-a", "-c", "-p", &core, &pid]))
        .context("two cores are needed: one for the server, one for the load")?;
    xtask::process::output(Command::new("prlimit").args(["--nofile=20000:20000", "--pid", &pid]))
        .context("20,000 open files are needed; as root, or with a higher limit (ulimit -n)")?;
    Ok(())
}
