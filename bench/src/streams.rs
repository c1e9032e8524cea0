//! `cargo xtask bench streams`: Bole's streams against Apache Kafka, one node of each, heap as shipped.
//!
//! *Produce* and *consume* as fast as it goes, with Kafka's own performance tools and with librdkafka; *latency* from
//! the time when a record was due until a consumer has it, at a fixed rate; *start* from the start of the process to
//! the first acknowledged record; resident memory after all of it. Both durabilities: `async` is Kafka's default (page
//! cache), `sync` is an fsync before each acknowledgement, which Kafka does with `flush.messages=1`.

mod cases;
mod contender;
mod load;
mod report;
mod start;

use anyhow::{Context, Result, bail};
use cases::{CASES, Case, Group};
use contender::{Node, Sides};
use report::Report;
use std::path::Path;
use std::process::Command;

/// Options of `cargo xtask bench streams`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Interleaved rounds
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// One round of a tenth of the records: shows that everything works, not how fast
    #[arg(long)]
    quick: bool,
    /// Run only cases whose name contains this (may be repeated); `start` is a case too
    #[arg(long)]
    only: Vec<String>,
    /// Measure a Bole that runs already, HOST:PORT, without its memory, CPU time and start
    #[arg(long)]
    addr_bole: Option<String>,
    /// Names of the cases, and nothing else
    #[arg(long)]
    list: bool,
    /// Kafka on both sides: ratios near 1 show that the benchmark itself is fair
    #[arg(long = "self", hide = true, conflicts_with = "addr_bole")]
    against_itself: bool,
}

/// Runs the cases and writes the report to stdout and, with the raw rounds, to `target/bench/streams.json`.
pub fn run(args: &Args) -> Result<()> {
    if args.list {
        CASES.iter().for_each(|case| println!("{}", case.name()));
        println!("{}", start::NAME);
        return Ok(());
    }
    if args.rounds == 0 {
        bail!("--rounds must be at least 1");
    }
    let sides = Sides::of(args)?;
    prepare()?;
    let folder = xtask::process::target_dir().join("bench");
    std::fs::create_dir_all(&folder)?;
    let mut report = Report::new(&sides, args);
    for group in Group::ALL {
        let chosen: Vec<&Case> =
            CASES.iter().filter(|case| case.group() == group && args.wants(&case.name())).collect();
        if !chosen.is_empty() {
            measure_group(group, &chosen, &sides, args, &folder, &mut report)?;
            write(&report, &folder)?;
        }
    }
    if args.wants(start::NAME) && args.addr_bole.is_none() {
        report.start = Some(start::measure(&sides, args.rounds(), &folder)?);
    }
    if report.is_empty() {
        bail!("no case is called like {:?}; `--list` names them", args.only);
    }
    write(&report, &folder)?;
    println!("\n{report}\nraw rounds: {}", folder.join("streams.json").display());
    Ok(())
}

impl Args {
    fn wants(&self, case: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| case.contains(part.as_str()))
    }

    fn rounds(&self) -> u32 {
        if self.quick { 1 } else { self.rounds }
    }

    fn records(&self, case: &Case) -> u64 {
        if self.quick { (case.records() / 10).max(100) } else { case.records() }
    }
}

fn write(report: &Report, folder: &Path) -> Result<()> {
    std::fs::write(folder.join("streams.json"), format!("{:#}\n", report.json()))?;
    std::fs::write(folder.join("streams.md"), report.to_string())?;
    Ok(())
}

/// Starts both nodes, runs the cases of a group in interleaved rounds, and looks at the memory that the nodes then have.
fn measure_group(
    group: Group,
    cases: &[&'static Case],
    sides: &Sides,
    args: &Args,
    folder: &Path,
    report: &mut Report,
) -> Result<()> {
    let data = tempfile::tempdir_in(folder)?;
    let nodes = sides.start(&data.path().join(format!("{group:?}")))?;
    for case in cases {
        report.points.push(measure(case, &nodes, args)?);
    }
    for node in &nodes {
        if let Some(resident_bytes) = node.resident_bytes()? {
            report.memory.push(report::Memory { group: group.name(), side: node.side, resident_bytes });
        }
    }
    Ok(())
}

fn measure(case: &'static Case, nodes: &[Node], args: &Args) -> Result<report::Point> {
    let records = args.records(case);
    let mut point = report::Point { case, records, rounds: Vec::new() };
    let topics = nodes.iter().map(|node| load::prepare(case, node, records));
    let topics = topics.collect::<Result<Vec<_>>>()?;
    for round in 0..args.rounds() {
        for (node, topic) in nodes.iter().zip(&topics) {
            let measured = load::run(case, node, topic.as_deref(), records)
                .with_context(|| format!("{}, {}, round {}", case.name(), node.name, round + 1))?;
            point.rounds.push((node.side, measured));
        }
    }
    for (node, topic) in nodes.iter().zip(&topics) {
        topic.iter().try_for_each(|topic| node.delete_topic(topic))?;
    }
    println!("{}", point.line(nodes));
    Ok(point)
}

/// Fetches Kafka, builds the load generator and moves this process, whose children the generators are, to its core.
fn prepare() -> Result<()> {
    for program in ["taskset", "timeout", "sync"] {
        if !xtask::process::installed(program) {
            bail!("{program} is not installed; on Debian: apt install util-linux coreutils");
        }
    }
    xtask::kafka::fetch()?;
    load::build()?;
    let (core, pid) = (crate::LOAD_CORE.to_string(), std::process::id().to_string());
    let mut taskset = Command::new("taskset");
    taskset.args(["-a", "-c", "-p", &core, &pid]);
    xtask::process::output(&mut taskset)
        .context("two cores are needed: one for the server, one for the load")?;
    Ok(())
}
