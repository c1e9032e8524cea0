//! `cargo xtask bench ordered`: the store under states on disk against libraries that could be it, fjall with its own journal and redb.
//!
//! All do what such a state asks of them: batches with the stand, which need not be durable at once because the log has them, and now and then
//! everything made durable. Single thread; caches of the same size; rounds are interleaved, each in a new folder.

mod contender;
mod report;

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};

use contender::{Contender, KINDS, Kind};

/// Options of `cargo xtask bench ordered`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Keys that are put, each once, in random order
    #[arg(long, default_value_t = 500_000)]
    keys: u64,
    /// Bytes of a value
    #[arg(long, default_value_t = 100)]
    value_bytes: usize,
    /// Puts in a batch
    #[arg(long, default_value_t = 4)]
    batch: u64,
    /// Puts after which everything is made durable
    #[arg(long, default_value_t = 100_000)]
    persist_every: u64,
    /// Rounds
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

/// What one contender did in one round.
#[derive(Clone, Debug, Default)]
struct Round {
    put_seconds: f64,
    /// The longest that one batch took.
    put_max_seconds: f64,
    persist_seconds: f64,
    persist_max_seconds: f64,
    get_seconds: f64,
    /// The longest get while others write and merge.
    get_max_seconds: f64,
    scan_seconds: f64,
    scanned: u64,
    written_bytes: u64,
    disk_bytes: u64,
}

/// Runs all contenders and writes the report to stdout and to `target/bench/ordered.json` and `.md`.
pub fn run(args: &Args) -> Result<()> {
    if args.keys == 0 || args.batch == 0 || args.persist_every == 0 || args.rounds == 0 {
        bail!("every number must be at least 1");
    }
    let folder = xtask::process::target_dir().join("bench");
    std::fs::create_dir_all(&folder)?;
    let mut rounds: Vec<(Kind, Vec<Round>)> = KINDS.iter().map(|kind| (*kind, Vec::new())).collect();
    for _ in 0..args.rounds {
        for (kind, done) in &mut rounds {
            let data = tempfile::tempdir_in(&folder)?;
            done.push(measure(args, *kind, data.path())?);
        }
    }
    let text = report::markdown(args, &rounds);
    std::fs::write(folder.join("ordered.json"), format!("{:#}\n", report::json(args, &rounds)))?;
    std::fs::write(folder.join("ordered.md"), &text)?;
    println!("{text}\nraw rounds: {}", folder.join("ordered.json").display());
    Ok(())
}

/// A key of 20 bytes; following numbers are far apart.
fn key(number: u64) -> [u8; 20] {
    let mut key = *b"....................";
    key[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    key[8..16].copy_from_slice(&number.to_be_bytes());
    key
}

fn measure(args: &Args, kind: Kind, folder: &Path) -> Result<Round> {
    let mut round = Round::default();
    let before = written_bytes()?;
    let mut contender = contender::open(kind, folder)?;
    let value = vec![0xB0; args.value_bytes];
    let (mut number, mut next, mut due) = (0, 0, args.persist_every);
    while number < args.keys {
        let end = (number + args.batch).min(args.keys);
        next += 1;
        let start = Instant::now();
        contender.put(next, &mut (number..end).map(key), &value)?;
        let took = start.elapsed().as_secs_f64();
        round.put_seconds += took;
        round.put_max_seconds = round.put_max_seconds.max(took);
        number = end;
        // Readers go on meanwhile: what they wait is part of the answer.
        if number.is_multiple_of(64) {
            let start = Instant::now();
            contender.get(&key(number / 2))?;
            round.get_max_seconds = round.get_max_seconds.max(start.elapsed().as_secs_f64());
        }
        if number >= due || number == args.keys {
            due += args.persist_every;
            let start = Instant::now();
            contender.persist()?;
            let took = start.elapsed().as_secs_f64();
            round.persist_seconds += took;
            round.persist_max_seconds = round.persist_max_seconds.max(took);
        }
    }
    contender.rest()?;
    read(args, &mut *contender, &mut round)?;
    round.disk_bytes = contender.disk_bytes()?;
    drop(contender);
    round.written_bytes = written_bytes()? - before;
    Ok(round)
}

fn read(args: &Args, contender: &mut dyn Contender, round: &mut Round) -> Result<()> {
    let start = Instant::now();
    for number in 0..args.keys {
        let found = contender.get(&key(number.wrapping_mul(7_919) % args.keys))?;
        if found != Some(args.value_bytes) {
            bail!("a key that was put is not there");
        }
    }
    round.get_seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    round.scanned = contender.scan()?;
    round.scan_seconds = start.elapsed().as_secs_f64();
    if round.scanned != args.keys {
        bail!("{} of {} keys were scanned", round.scanned, args.keys);
    }
    Ok(())
}

/// Bytes that this process has had written to disks.
fn written_bytes() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/io")?;
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(line.unwrap_or("0").parse()?)
}
