//! `cargo xtask bench keyspace`: Bole's keyspace against Debian's redis-server.
//!
//! Four parts. *Throughput*: redis-benchmark with its own tests, requests a second and CPU time of the server for
//! each operation. *Latency*: GET and SET in turn at a fixed rate, by the time when each request was due. *Memory*:
//! what a key costs. *Pause*: what a checkpoint of one GB makes clients wait. Each part runs for each durability class, in which both servers promise the same.

mod class;
mod latency;
mod memory;
mod pause;
mod report;
mod throughput;
mod workload;

use anyhow::{Context, Result, bail};
use class::{CLASSES, Class, Contender, Node};
use report::Report;
use std::path::PathBuf;
use std::process::Command;
use workload::{TESTS, Test};

/// Options of `cargo xtask bench keyspace`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Durability classes: async, sync, memory
    #[arg(long = "class", value_delimiter = ',')]
    classes: Vec<String>,
    /// Parts: throughput, latency, memory, pause
    #[arg(long = "part", value_delimiter = ',')]
    parts: Vec<String>,
    /// Tests of redis-benchmark
    #[arg(long = "test", value_delimiter = ',')]
    tests: Vec<String>,
    /// Numbers of clients
    #[arg(long, value_delimiter = ',', default_values_t = [50, 500])]
    clients: Vec<u32>,
    /// Requests in one pipeline
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16])]
    pipeline: Vec<u32>,
    /// Interleaved rounds
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Requests of one run of redis-benchmark without pipeline; five times as many with one
    #[arg(long, default_value_t = 200_000)]
    requests: u32,
    /// Different keys, members and fields that redis-benchmark uses
    #[arg(long, default_value_t = 100_000)]
    keyspace: u32,
    /// Requests a second for the parts latency and pause
    #[arg(long, default_value_t = 10_000)]
    rate: u32,
    /// Seconds of one round of the parts latency and pause
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Keys for the memory part
    #[arg(long, default_value_t = 1_000_000)]
    keys: u32,
    /// Measure redis-server alone
    #[arg(long)]
    peer_only: bool,
}

/// The choices, with names turned into table rows.
struct Plan {
    classes: Vec<&'static Class>,
    tests: Vec<&'static Test>,
    parts: Vec<&'static str>,
    contenders: &'static [Contender],
    args: Args,
}

const PARTS: &[&str] = &["throughput", "latency", "memory", "pause"];

/// Runs the parts and writes the report to stdout and, with the raw rounds, to `target/bench/keyspace.json`.
pub fn run(args: &Args) -> Result<()> {
    let plan = Plan::of(args)?;
    for program in ["redis-server", "redis-benchmark", "taskset", "timeout"] {
        if !xtask::process::installed(program) {
            bail!(
                "{program} is not installed; on Debian: apt install redis-server redis-tools util-linux coreutils"
            );
        }
    }
    pin_this_process()?;
    let folder = xtask::process::target_dir().join("bench");
    std::fs::create_dir_all(&folder)?;
    let mut report = Report::default();
    for class in &plan.classes {
        measure(class, &plan, &folder, &mut report)?;
    }
    std::fs::write(folder.join("keyspace.json"), format!("{:#}\n", report.json(&plan.args)))?;
    std::fs::write(folder.join("keyspace.md"), report.to_string())?;
    println!("\n{report}\nraw rounds: {}", folder.join("keyspace.json").display());
    Ok(())
}

fn measure(class: &'static Class, plan: &Plan, folder: &PathBuf, report: &mut Report) -> Result<()> {
    let data = tempfile::tempdir_in(folder)?;
    let start = |part: &str| -> Result<Vec<Node>> {
        let start = |contender: &Contender| contender.start(class, &data.path().join(part));
        plan.contenders.iter().map(start).collect()
    };
    if plan.parts.contains(&"memory") {
        report.memory.extend(memory::measure(class, &mut start("memory")?, plan.args.keys)?);
    }
    if plan.parts.contains(&"pause") && class.saves() {
        report.pauses.extend(pause::measure(class, &mut start("pause")?, &plan.args)?);
    }
    if plan.parts.contains(&"latency") {
        report.latency.push(latency::measure(class, &start("latency")?, &plan.args)?);
    }
    if plan.parts.contains(&"throughput") {
        throughput::measure(class, &start("throughput")?, plan, &mut report.throughput)?;
    }
    Ok(())
}

/// The load generator is this process and its children; servers are moved to their own core when they start.
fn pin_this_process() -> Result<()> {
    let (core, pid) = (crate::LOAD_CORE.to_string(), std::process::id().to_string());
    let mut taskset = Command::new("taskset");
    taskset.args(["-a", "-c", "-p", &core, &pid]);
    xtask::process::output(&mut taskset)
        .context("two cores are needed: one for the server, one for the load")?;
    Ok(())
}

impl Plan {
    fn of(args: &Args) -> Result<Self> {
        let plan = Self {
            classes: pick("class", &args.classes, CLASSES.iter().collect(), |class| class.name)?,
            tests: pick("test", &args.tests, TESTS.iter().collect(), |test| test.name)?,
            parts: pick("part", &args.parts, PARTS.to_vec(), |part| part)?,
            contenders: if args.peer_only { &[Contender::Peer] } else { &[Contender::Bole, Contender::Peer] },
            args: args.clone(),
        };
        let numbers = [args.rounds, args.requests, args.keyspace, args.rate, args.seconds, args.keys];
        if numbers.iter().chain(&args.clients).chain(&args.pipeline).any(|&number| number == 0) {
            bail!("every number must be at least 1");
        }
        Ok(plan)
    }
}

/// The rows that were named, or all of them when none was.
fn pick<T: Copy>(
    what: &str,
    names: &[String],
    all: Vec<T>,
    name_of: fn(&T) -> &'static str,
) -> Result<Vec<T>> {
    if names.is_empty() {
        return Ok(all);
    }
    let find = |name: &String| {
        let found = all.iter().find(|row| name_of(row).eq_ignore_ascii_case(name)).copied();
        found.with_context(|| {
            let known: Vec<_> = all.iter().map(name_of).collect();
            format!("no {what} {name:?}; there are {}", known.join(", "))
        })
    };
    names.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_picked_by_name() {
        let parts = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            pick("part", &names, PARTS.to_vec(), |part| part)
        };
        assert_eq!(parts(&[]).unwrap(), PARTS);
        assert_eq!(parts(&["Memory"]).unwrap(), ["memory"]);
        let error = parts(&["memory", "speed"]).unwrap_err().to_string();
        assert_eq!(error, "no part \"speed\"; there are throughput, latency, memory, pause");
    }
}
