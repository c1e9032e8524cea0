//! `cargo xtask bench blobs`: Bole's S3 service against `SeaweedFS`, what is acknowledged being fsynced on both sides.
//!
//! Every case of [`cases`] is run in interleaved rounds by [`load`], whose requests [`client`] signs; bodies are random bytes. A case's first object is read again and compared.
//! Of `SeaweedFS` the bytes of objects are fsynced before a reply, and their names, which its filer keeps in an LSM tree, are not: there is no setting for that. So the peer
//! promises less than Bole.

mod cases;
mod client;
mod contender;
mod load;
mod report;

use anyhow::{Context, Result, bail};
use cases::{CASES, Case, Work};
use contender::{Contender, Node};
use report::Report;
use std::process::Command;

/// Options of `cargo xtask bench blobs`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Only cases whose names contain one of these
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Print the names of all cases
    #[arg(long)]
    list: bool,
    /// Interleaved rounds
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds of a round; one object at least is moved
    #[arg(long, default_value_t = 8)]
    seconds: u32,
    /// Keys of the cases that list
    #[arg(long, default_value_t = 1_000_000)]
    keys: u64,
    /// Measure `SeaweedFS` alone
    #[arg(long)]
    peer_only: bool,
    /// Measure Bole alone, for `perf`
    #[arg(long, conflicts_with = "peer_only")]
    bole_only: bool,
}

impl Args {
    fn wants(&self, case: &Case) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| case.name().contains(part.as_str()))
    }
}

/// Runs the cases and writes the report to stdout and, with the raw rounds, to `target/bench/blobs.json`.
pub fn run(args: &Args) -> Result<()> {
    if args.list {
        CASES.iter().for_each(|case| println!("{}", case.name()));
        return Ok(());
    }
    if args.rounds == 0 || args.seconds == 0 || args.keys == 0 {
        bail!("every number must be at least 1");
    }
    let wanted: Vec<&'static Case> = CASES.iter().filter(|case| args.wants(case)).collect();
    if wanted.is_empty() {
        bail!("no case is called like {:?}; `--list` names them", args.only);
    }
    prepare()?;
    let folder = xtask::process::target_dir().join("bench");
    std::fs::create_dir_all(&folder)?;
    let mut report = Report { rounds: args.rounds, keys: args.keys, ..Report::default() };
    // The keys of the lists weigh on whatever comes after them, so those cases have nodes of their own.
    for lists in [false, true] {
        let group: Vec<_> =
            wanted.iter().copied().filter(|case| (case.work == Work::List) == lists).collect();
        if group.is_empty() {
            continue;
        }
        let data = tempfile::tempdir_in(&folder)?;
        let contenders = [(Contender::Bole, !args.peer_only), (Contender::Peer, !args.bole_only)];
        let contenders =
            contenders.iter().filter(|(_, is_wanted)| *is_wanted).map(|(contender, _)| contender);
        let nodes = contenders.map(|contender| contender.start(data.path()));
        let nodes = nodes.collect::<Result<Vec<_>>>()?;
        let name = if lists { "lists" } else { "objects" };
        report.idle.extend(report::memory(name, &nodes)?);
        for case in group {
            report.points.push(measure(case, &nodes, args)?);
            report.write(&folder)?;
        }
        report.memory.extend(report::memory(name, &nodes)?);
    }
    report.write(&folder)?;
    println!("\n{report}\nraw rounds: {}", folder.join("blobs.json").display());
    Ok(())
}

fn measure(case: &'static Case, nodes: &[Node], args: &Args) -> Result<report::Point> {
    let mut point = report::Point { case, rounds: Vec::new() };
    let at = |node: &Node| format!("{}, {}", case.name(), node.contender.name());
    for node in nodes {
        load::prepare(case, node, args.keys).with_context(|| at(node))?;
    }
    for round in 0..args.rounds {
        for node in nodes {
            // What earlier runs left for the disk must not be paid for by this one.
            xtask::process::output(&mut Command::new("sync"))?;
            let measured = load::round(case, node, round, args).with_context(|| at(node))?;
            point.rounds.push((node.contender, measured));
        }
    }
    for node in nodes {
        load::clear(case, node).with_context(|| at(node))?;
    }
    println!("{}", point.line());
    Ok(point)
}

/// This process, whose threads are the load, is moved to its own core; servers are when they start.
fn prepare() -> Result<()> {
    for program in ["taskset", "timeout", "sync", "python3"] {
        if !xtask::process::installed(program) {
            bail!("{program} is not installed; on Debian: apt install util-linux coreutils python3-venv");
        }
    }
    xtask::seaweedfs::fetch()?;
    let (core, pid) = (crate::LOAD_CORE.to_string(), std::process::id().to_string());
    xtask::process::output(Command::new("taskset").args(["-a", "-c", "-p", &core, &pid]))
        .context("two cores are needed: one for the server, one for the load")?;
    Ok(())
}
