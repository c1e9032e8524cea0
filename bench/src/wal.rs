//! `cargo xtask bench wal`: what the journal makes of the disk. Class `sync`, a real journal with its threads, appenders as
//! tasks that wait for their fsync one entry after the other.
//!
//! The peer is the disk: a loop of write and fdatasync over a file that was zero-filled like a segment, with the sizes that
//! the journal's group commits had in the round before it. Rounds are interleaved; ratios are taken round by round.

mod journal;
mod plain;
mod report;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

/// Options of `cargo xtask bench wal`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Payload bytes of an entry
    #[arg(long, value_delimiter = ',', default_values_t = [128, 65_536])]
    sizes: Vec<usize>,
    /// Appenders at a time
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 256])]
    appenders: Vec<usize>,
    /// Rounds; each measures the journal and then the disk
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Milliseconds that each of the two is measured in a round
    #[arg(long, default_value_t = 2_000)]
    millis: u64,
}

/// One round of the journal.
#[derive(Clone, Debug)]
struct Appended {
    seconds: f64,
    entries: u64,
    bytes: u64,
    fsyncs: u64,
    fsync_seconds: f64,
    /// The bytes of each group commit.
    groups: Vec<u32>,
}

/// One round of the loop of write and fdatasync.
#[derive(Clone, Copy, Debug)]
struct Written {
    seconds: f64,
    bytes: u64,
    fsyncs: u64,
}

/// What was measured for one size and number of appenders.
#[derive(Clone, Debug)]
struct Point {
    size: usize,
    appenders: usize,
    rounds: Vec<(Appended, Written)>,
}

/// Runs all points and writes the report to stdout and to `target/bench/wal.json` and `.md`.
pub fn run(args: &Args) -> Result<()> {
    if args.rounds == 0 || args.millis == 0 || args.sizes.contains(&0) || args.appenders.contains(&0) {
        bail!("every number must be at least 1");
    }
    let folder = xtask::process::target_dir().join("bench");
    std::fs::create_dir_all(&folder)?;
    let mut points = Vec::new();
    for &size in &args.sizes {
        for &appenders in &args.appenders {
            points.push(measure(args, size, appenders, &folder)?);
        }
    }
    let text = report::markdown(&points);
    std::fs::write(folder.join("wal.json"), format!("{:#}\n", report::json(&points)))?;
    std::fs::write(folder.join("wal.md"), &text)?;
    println!("{text}\nraw rounds: {}", folder.join("wal.json").display());
    Ok(())
}

fn measure(args: &Args, size: usize, appenders: usize, folder: &Path) -> Result<Point> {
    let data = tempfile::tempdir_in(folder)?;
    let plain = plain::File::create(&data.path().join("plain"))?;
    let time = Duration::from_millis(args.millis);
    let mut rounds = Vec::new();
    for round in 0..args.rounds {
        let appended =
            journal::measure(&data.path().join(format!("journal-{round}")), size, appenders, time)?;
        let written = plain.measure(&appended.groups, time)?;
        rounds.push((appended, written));
    }
    Ok(Point { size, appenders, rounds })
}
