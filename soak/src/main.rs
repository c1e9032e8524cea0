//! The command line of the soak: what `cargo xtask soak` builds and runs.
#![expect(clippy::print_stdout, reason = "a command line tool speaks on stdout")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use bole_base::Durability;
use bole_soak::bank;
use bole_soak::kills;
use bole_soak::{blobs, sink, sql, streams, system};
use bole_testing::harness::{Options, Report, Summary, System, run_seed};
use clap::Parser;

/// Crash seeds for keyspace, streams, SQL and blobs, kills and contention for the keyspace.
#[derive(Parser)]
struct Cli {
    /// How many seeds the crash harness runs, from 0
    #[arg(long, default_value_t = 500)]
    seeds: u64,
    /// Only this seed, and nothing else
    #[arg(long)]
    seed: Option<u64>,
    /// Only the crash seeds of this service
    #[arg(long)]
    service: Option<Service>,
    /// How often the real binary is killed with class `sync`; a fifth of it with class `async`
    #[arg(long, default_value_t = 50)]
    kills: u32,
    /// The `bole` binary
    #[arg(long)]
    bole: Option<PathBuf>,
}

type Blobs = blobs::system::Simulated<{ blobs::Flaw::NONE }>;
type Keyspace = system::Simulated<{ system::Flaw::NONE }>;
type Sink = sink::Simulated<false>;
type SinkTable = sink::Simulated<false, true>;
type Fed = system::Simulated<{ system::Flaw::NONE }, true>;
type Sql = sql::system::Simulated<{ sql::Flaw::NONE }>;
type SqlThatShifts = sql::shifting::Simulated<{ sql::Flaw::NONE }>;
type Streams = streams::system::Simulated<{ streams::Flaw::NONE }>;

/// What runs under the crash harness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Service {
    Keyspace,
    Streams,
    Sink,
    Sql,
    Blobs,
}

fn main() -> ExitCode {
    xtask::process::exit(&run(&Cli::parse()))
}

fn run(cli: &Cli) -> Result<()> {
    let wanted = |service| cli.service.is_none_or(|only| only == service);
    let [keyspace, streams, sink, sql, blobs] =
        [Service::Keyspace, Service::Streams, Service::Sink, Service::Sql, Service::Blobs].map(wanted);
    if let Some(seed) = cli.seed {
        let mut reports = Vec::new();
        reports.extend(keyspace.then(|| run_seed::<Keyspace>(seed, &bole_soak::options())));
        reports.extend(keyspace.then(|| run_seed::<Fed>(seed, &bole_soak::options())));
        reports.extend(streams.then(|| run_seed::<Streams>(seed, &streams::options())));
        reports.extend(sink.then(|| run_seed::<Sink>(seed, &sink::options())));
        reports.extend(sink.then(|| run_seed::<SinkTable>(seed, &sink::options())));
        reports.extend(sql.then(|| run_seed::<Sql>(seed, &sql::options())));
        reports.extend(sql.then(|| run_seed::<SqlThatShifts>(seed, &sql::shifting::options())));
        reports.extend(blobs.then(|| run_seed::<Blobs>(seed, &bole_soak::blobs::options())));
        return show(seed, &reports);
    }
    // A failed seed does not hide what the other parts have to say; it is the last word.
    let first = if keyspace { seeds::<Keyspace>(cli.seeds, &bole_soak::options()) } else { Ok(()) };
    let fed = if keyspace { seeds::<Fed>(cli.seeds, &bole_soak::options()) } else { Ok(()) };
    let second = if streams { seeds::<Streams>(cli.seeds, &streams::options()) } else { Ok(()) };
    let third = if sink { seeds::<Sink>(cli.seeds, &sink::options()) } else { Ok(()) };
    let table = if sink { seeds::<SinkTable>(cli.seeds, &sink::options()) } else { Ok(()) };
    let fourth = if sql { seeds::<Sql>(cli.seeds, &sql::options()) } else { Ok(()) };
    let shifting = if sql { seeds::<SqlThatShifts>(cli.seeds, &sql::shifting::options()) } else { Ok(()) };
    let fifth = if blobs { seeds::<Blobs>(cli.seeds, &bole_soak::blobs::options()) } else { Ok(()) };
    if cli.service.is_none() {
        contention()?;
        if cli.kills > 0 {
            let Some(bole) = &cli.bole else { bail!("--bole names the binary that is to be killed") };
            kill(bole, Durability::Sync, cli.kills)?;
            kill(bole, Durability::Async, cli.kills.div_ceil(5))?;
        }
    }
    first.and(fed).and(second).and(third).and(table).and(fourth).and(shifting).and(fifth)
}

fn show(seed: u64, reports: &[Report]) -> Result<()> {
    reports.iter().for_each(|report| println!("{report}"));
    if reports.iter().any(|report| report.violation.is_some()) {
        bail!("seed {seed} failed");
    }
    Ok(())
}

fn seeds<S: System>(count: u64, options: &Options) -> Result<()> {
    let start = Instant::now();
    let mut summary = Summary::default();
    for seed in 0..count {
        summary.add(run_seed::<S>(seed, options));
    }
    println!("crash harness, {}: {summary}; {:.1} s", S::NAME, start.elapsed().as_secs_f64());
    if summary.failures.is_empty() {
        Ok(())
    } else {
        bail!("{} of {count} seeds failed", summary.failures.len())
    }
}

fn contention() -> Result<()> {
    let start = Instant::now();
    let dir = bole_testing::process::temp_dir("bank")?;
    let plan = bank::Plan { threads: 16, operations: 500, timeout: Duration::from_mins(5) };
    let outcome = bank::run(dir.path(), &plan)?;
    println!(
        "contention: {} threads, {} transfers, {} whole groups read, {} swaps, sums conserved; {:.1} s",
        plan.threads,
        outcome.transfers,
        outcome.groups,
        outcome.swaps,
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

fn kill(bole: &std::path::Path, durability: Durability, count: u32) -> Result<()> {
    let start = Instant::now();
    let after = Duration::from_millis(20)..Duration::from_millis(1_500);
    let plan = kills::Plan { bole: bole.to_path_buf(), durability, kills: count, clients: 8, after, seed: 1 };
    let outcome = kills::run(&plan)?;
    println!(
        "kill -9, durability {durability}: {} kills, {} writes sent, {} acknowledged and found, {} more found that were not acknowledged; {:.1} s",
        outcome.kills,
        outcome.sent,
        outcome.acknowledged,
        outcome.done_unacknowledged,
        start.elapsed().as_secs_f64()
    );
    Ok(())
}
