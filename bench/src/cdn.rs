//! `cargo xtask bench cdn`: hits of the gateway's cache against Varnish, nginx and Apache Traffic Server, each in front of one upstream whose answers hold for a day.
//!
//! Of the tiers, *memory* is what each serves when it may use [`MEMORY_MIB`]; nginx has no tier of its own there, but the system's page cache. *Disk* is what each serves
//! when its memory is as small as it can be set: Varnish's store is a mapped file, and what the page cache holds is not read from the disk anywhere.

mod contender;

use crate::http::load::{Load, Protocol};
use crate::http::report::Report;
use crate::http::room::Room;
use crate::http::{self, Node, Pace};
use anyhow::{Context, Result, bail};
use contender::{Contender, Tier};
use std::time::Duration;

/// Memory that a cache may use for answers, in MiB.
const MEMORY_MIB: u64 = 512;
/// Objects in turn in cases of the disk: 16 MiB.
const ON_DISK: u32 = 256;
/// How long a server may take to give back what fetches needed, and to write what it stores.
const SETTLE: Duration = Duration::from_secs(2);

/// A case: tier, body, objects in turn, requests under way.
const CASES: &[(Tier, &str, u32, u32)] = &[
    (Tier::Memory, "1KiB", 1, 64),
    (Tier::Memory, "64KiB", 1, 64),
    (Tier::Memory, "10MiB", 1, 8),
    (Tier::Disk, "64KiB", ON_DISK, 64),
];

/// Options of `cargo xtask bench cdn`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Only cases whose names contain one of these
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Print the names of all cases
    #[arg(long)]
    list: bool,
    /// Only these: bole, varnish, nginx, trafficserver
    #[arg(long, value_delimiter = ',')]
    servers: Vec<String>,
    /// Interleaved rounds
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds of a round
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Objects of 1 KiB whose memory is measured; none leaves it out
    #[arg(long, default_value_t = 50_000)]
    objects: u32,
}

fn name(tier: Tier, body: &str) -> String {
    format!("{}/{body}", tier.name())
}

/// URLs of `count` objects.
fn paths(body: &str, count: u32) -> Vec<String> {
    (0..count).map(|number| format!("/{number}/{body}")).collect()
}

/// Runs the cases and writes the report to stdout and, with the raw rounds, to `target/bench/cdn.json`.
pub fn run(args: &Args) -> Result<()> {
    let wanted =
        |name: &str| args.only.is_empty() || args.only.iter().any(|part| name.contains(part.as_str()));
    let cases: Vec<_> = CASES.iter().filter(|(tier, body, ..)| wanted(&name(*tier, body))).collect();
    if args.list {
        CASES.iter().for_each(|(tier, body, ..)| println!("{}", name(*tier, body)));
        return Ok(());
    }
    if args.rounds == 0 || args.seconds == 0 {
        bail!("every number must be at least 1");
    }
    if cases.is_empty() {
        bail!("no case is called like {:?}; `--list` names them", args.only);
    }
    let contenders = contenders(&args.servers)?;
    let programs: Vec<_> = contenders.iter().filter_map(|contender| contender.program()).collect();
    http::prepare(&programs)?;
    let folder = xtask::process::target_dir().join("bench");
    std::fs::create_dir_all(&folder)?;
    let mut report = Report {
        name: "cdn",
        servers: contenders.iter().map(|contender| contender.name()).collect(),
        pace: Pace { rounds: args.rounds, seconds: args.seconds },
        points: Vec::new(),
        notes: Vec::new(),
    };
    for tier in [Tier::Memory, Tier::Disk] {
        let of_tier: Vec<_> = cases.iter().filter(|case| case.0 == tier).collect();
        if of_tier.is_empty() {
            continue;
        }
        let room = Room::open(&folder)?;
        let nodes = contenders.iter().map(|contender| contender.start(&room, tier));
        let nodes = nodes.collect::<Result<Vec<_>>>()?;
        let all: Vec<&Node> = nodes.iter().collect();
        for (_, body, objects, at_once) in of_tier {
            let paths = paths(body, *objects);
            let load = Load { protocol: Protocol::Http1, tls: false, paths: &paths, at_once: *at_once };
            // Twice: some take in what was asked for before.
            for node in nodes.iter().chain(&nodes) {
                load.once(node).with_context(|| node.name)?;
            }
            std::thread::sleep(SETTLE);
            report.points.push(http::measure(name(tier, body), &load, &all, report.pace)?);
            report.write(&folder)?;
        }
        if tier == Tier::Memory && args.objects > 0 {
            for node in &nodes {
                report.notes.push(memory(node, args.objects)?);
            }
        }
    }
    report.write(&folder)?;
    println!("\n{report}\nraw rounds: {}", folder.join("cdn.json").display());
    Ok(())
}

fn contenders(names: &[String]) -> Result<Vec<Contender>> {
    for name in names {
        if !Contender::ALL.iter().any(|contender| contender.name() == name) {
            bail!("no server is called {name:?}; there are bole, varnish, nginx and trafficserver");
        }
    }
    let is_wanted =
        |contender: &Contender| names.is_empty() || names.iter().any(|name| name == contender.name());
    Ok(Contender::ALL.into_iter().filter(is_wanted).collect())
}

/// What a stored object of 1 KiB needs of the server's memory.
fn memory(node: &Node, objects: u32) -> Result<String> {
    let paths: Vec<String> = (0..objects).map(|number| format!("/of-memory/{number}/1KiB")).collect();
    let load = Load { protocol: Protocol::Http1, tls: false, paths: &paths, at_once: 16 };
    let before = node.resident_bytes()?;
    load.once(node).with_context(|| node.name)?;
    std::thread::sleep(SETTLE);
    let bytes = (node.resident_bytes()? as f64 - before as f64) / f64::from(objects);
    Ok(format!("A stored object of 1 KiB, of {objects}, in memory of {}: {bytes:.0} B.", node.name))
}
