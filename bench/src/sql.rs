//! `cargo xtask bench sql`: Bole's SQL service against Debian's PostgreSQL 15, both durable before each reply.
//!
//! *pgbench* runs its own scripts (TPC-B-like, simple update, select only) with 1, 8 and 32 clients, prepared and simple.
//! *copy* loads a million rows. *analytic* asks joins and aggregates of them, whose answers must be the same on both
//! sides. *memory* is what an idle connection costs. PostgreSQL has `fsync`, `synchronous_commit` and `full_page_writes` on, as it is shipped.

mod analytic;
mod contender;
mod memory;
mod pgbench;
mod report;

use anyhow::{Context, Result, bail};
use contender::{Contender, Node};
use report::Report;
use std::path::Path;
use std::process::Command;

/// Options of `cargo xtask bench sql`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Parts: pgbench, analytic (with the COPY before it), memory
    #[arg(long = "part", value_delimiter = ',')]
    parts: Vec<String>,
    /// Interleaved rounds
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds of one run of pgbench
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Scale of pgbench's tables: 100,000 accounts each
    #[arg(long, default_value_t = 10)]
    scale: u32,
    /// Numbers of clients
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32])]
    clients: Vec<u32>,
    /// Rows of the largest table of the analytic part
    #[arg(long, default_value_t = 1_000_000)]
    rows: u32,
    /// Idle connections of the memory part
    #[arg(long, default_value_t = 1_000)]
    connections: u32,
    /// Measure PostgreSQL alone
    #[arg(long)]
    peer_only: bool,
}

const PARTS: &[&str] = &["pgbench", "analytic", "memory"];

impl Args {
    fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }

    fn check(&self) -> Result<()> {
        if let Some(unknown) = self.parts.iter().find(|part| !PARTS.contains(&part.as_str())) {
            bail!("no part {unknown:?}; there are {}", PARTS.join(", "));
        }
        let numbers = [self.rounds, self.seconds, self.scale, self.rows, self.connections];
        if numbers.iter().chain(&self.clients).any(|&number| number == 0) {
            bail!("every number must be at least 1");
        }
        Ok(())
    }
}

/// Runs the parts and writes the report to stdout and, with the raw rounds, to `target/bench/sql.json`.
pub fn run(args: &Args) -> Result<()> {
    args.check()?;
    prepare()?;
    let folder = xtask::process::target_dir().join("bench");
    std::fs::create_dir_all(&folder)?;
    let mut report = Report { rounds: args.rounds, ..Report::default() };
    if args.wants("memory") {
        with_nodes(args, &folder, |nodes| report.memory(nodes, args.connections))?;
        report.write(&folder)?;
    }
    if args.wants("pgbench") {
        with_nodes(args, &folder, |nodes| pgbench::measure(nodes, args, &mut report))?;
        report.write(&folder)?;
    }
    if args.wants("analytic") {
        with_nodes(args, &folder, |nodes| analytic::measure(nodes, args, &folder, &mut report))?;
    }
    report.write(&folder)?;
    println!("\n{report}\nraw rounds: {}", folder.join("sql.json").display());
    Ok(())
}

/// Starts both on fresh data for one part.
fn with_nodes(args: &Args, folder: &Path, part: impl FnOnce(&[Node]) -> Result<()>) -> Result<()> {
    let data = tempfile::tempdir_in(folder)?;
    let contenders: &[Contender] =
        if args.peer_only { &[Contender::Peer] } else { &[Contender::Bole, Contender::Peer] };
    let nodes = contenders.iter().map(|contender| contender.start(data.path()));
    part(&nodes.collect::<Result<Vec<_>>>()?)
}

/// The load generators are children of this process; servers are moved to their own core when they start.
fn prepare() -> Result<()> {
    for program in ["taskset", "timeout", "setpriv"] {
        if !xtask::process::installed(program) {
            bail!("{program} is not installed; on Debian: apt install util-linux coreutils");
        }
    }
    for program in ["postgres", "initdb", "psql", "pgbench"] {
        let path = contender::program(program);
        if !path.is_file() {
            bail!("{} does not exist; on Debian: apt install postgresql-15", path.display());
        }
    }
    let (core, pid) = (crate::LOAD_CORE.to_string(), std::process::id().to_string());
    xtask::process::output(Command::new("taskset").args(["-a", "-c", "-p", &core, &pid]))
        .context("two cores are needed: one for the server, one for the load")?;
    Ok(())
}
