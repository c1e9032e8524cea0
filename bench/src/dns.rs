//! `cargo xtask bench dns`: authoritative answers with client subnets, queries per CPU second of the server, against `PowerDNS` with
//! its geoip backend and gdnsd with its geoip plugin.
//!
//! All three serve the same names from the same generated geographic file over UDP on loopback, on one core; dnsperf asks from the
//! other core, as fast as it gets answers. Half of the queries ask for a name whose address depends on the client's continent,
//! half for names with one address; each tells a client subnet of its own. What is compared is what the server's process used of the
//! CPU, which does not depend on how fast the generator is. Rounds are interleaved; ratios are taken round by round.
//!
//! Ours is the server without a node around it (`edge/geodns/examples/serve_zones.rs`): the same crate, and no other service that costs.

mod peers;
mod queries;
mod world;

use crate::stats::{Spread, cell};
use crate::{LOAD_CORE, SERVER_CORE, usage};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use xtask::server::Server;

/// Options of `cargo xtask bench dns`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Rounds; each measures every server once
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds that each is measured in a round
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Queries with different names and subnets
    #[arg(long, default_value_t = 200_000)]
    queries: u32,
    /// Peers: pdns, gdnsd
    #[arg(long, value_delimiter = ',', default_values_t = ["pdns".to_owned(), "gdnsd".to_owned()])]
    peers: Vec<String>,
    /// Measure this program in place of one that is built: `examples/serve_zones` of `bole-geodns`
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
}

/// What one server did in one round.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// Answers for each CPU second of the server.
    per_cpu_second: f64,
    /// Answers for each second on the clock.
    per_second: f64,
    /// The part of the queries that got no answer.
    lost: f64,
    resident_bytes: u64,
}

/// Runs all rounds and writes the report to stdout and to `target/bench/dns.json` and `.md`.
pub fn run(args: &Args) -> Result<()> {
    ensure!(args.rounds > 0 && args.seconds > 0 && args.queries > 0, "every number must be at least 1");
    ensure!(xtask::process::installed("dnsperf"), "`dnsperf` is not installed");
    let folder = xtask::process::target_dir().join("bench");
    std::fs::create_dir_all(&folder)?;
    let room = tempfile::tempdir_in(&folder)?;
    let site = peers::Site::write(room.path())?;
    let load = room.path().join("queries");
    std::fs::write(&load, queries::stream(args.queries))?;
    let ours = args.server.clone().map_or_else(build, Ok)?;
    let mut servers = vec![peers::start_bole(&ours, &site)?];
    for peer in &args.peers {
        servers.push(match peer.as_str() {
            "pdns" => peers::start_pdns(&site)?,
            "gdnsd" => peers::start_gdnsd(&site)?,
            other => bail!("there is no peer {other:?}; there are pdns and gdnsd"),
        });
    }
    for (name, server) in &servers {
        queries::check(server.address).with_context(|| format!("{name} does not answer as it should"))?;
    }
    let mut rounds: Vec<Vec<Round>> = vec![Vec::new(); servers.len()];
    for number in 1..=args.rounds {
        for ((name, server), rounds) in servers.iter().zip(&mut rounds) {
            let round = measure(server, &load, args.seconds)?;
            println!(
                "round {number} {name}: {:.0} answers a CPU second, {:.0} a second",
                round.per_cpu_second, round.per_second
            );
            rounds.push(round);
        }
    }
    let names: Vec<&str> = servers.iter().map(|(name, _)| *name).collect();
    let text = markdown(&names, &rounds);
    std::fs::write(folder.join("dns.json"), format!("{:#}\n", report(&names, &rounds)))?;
    std::fs::write(folder.join("dns.md"), &text)?;
    println!("{text}\nraw rounds: {}", folder.join("dns.json").display());
    Ok(())
}

/// Builds the server of the profile that this program was built with.
fn build() -> Result<PathBuf> {
    let profile = crate::profile();
    let mut cargo = xtask::process::cargo();
    cargo.args([
        "build",
        "-q",
        "--profile",
        profile.folder(),
        "-p",
        "bole-geodns",
        "--example",
        "serve_zones",
    ]);
    xtask::process::run(&mut cargo)?;
    Ok(xtask::process::target_dir().join(profile.folder()).join("examples/serve_zones"))
}

fn measure(server: &Server, load: &Path, seconds: u32) -> Result<Round> {
    // A second beforehand fills caches, and counts for nobody.
    dnsperf(server, load, 1)?;
    let before = usage::cpu_seconds(server.pid())?;
    let said = dnsperf(server, load, seconds)?;
    let used = usage::cpu_seconds(server.pid())? - before;
    let number = |what: &str| {
        number_behind(&said, what).with_context(|| format!("dnsperf does not say {what:?}: {said}"))
    };
    let (sent, done) = (number("Queries sent:")?, number("Queries completed:")?);
    ensure!(used > 0.0 && done > 0.0, "nothing was answered: {said}");
    Ok(Round {
        per_cpu_second: done / used,
        per_second: number("Queries per second:")?,
        lost: 1.0 - done / sent.max(1.0),
        resident_bytes: usage::resident_bytes(server.pid())?,
    })
}

fn dnsperf(server: &Server, load: &Path, seconds: u32) -> Result<String> {
    let mut command = Command::new("taskset");
    command.args([
        "-c",
        &LOAD_CORE.to_string(),
        "dnsperf",
        "-s",
        "127.0.0.1",
        "-B",
        "-c",
        "8",
        "-T",
        "1",
        "-q",
        "100",
        "-t",
        "1",
    ]);
    command.args(["-p", &server.address.port().to_string(), "-l", &seconds.to_string(), "-d"]).arg(load);
    let output = command.output().context("dnsperf cannot be started")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "dnsperf failed: {said}{}", String::from_utf8_lossy(&output.stderr));
    Ok(said)
}

fn number_behind(text: &str, what: &str) -> Option<f64> {
    text.split_once(what)?.1.split_whitespace().next()?.parse().ok()
}

/// Ours against a peer, round by round.
fn ratios(ours: &[Round], peer: &[Round]) -> Option<Spread> {
    Spread::of(ours.iter().zip(peer).map(|(ours, peer)| ours.per_cpu_second / peer.per_cpu_second))
}

fn markdown(names: &[&str], rounds: &[Vec<Round>]) -> String {
    let mut text =
        format!("# DNS with client subnets, server on core {SERVER_CORE}, dnsperf on core {LOAD_CORE}\n\n");
    text += "| server | answers a CPU second | answers a second | lost | resident MiB | ours / it, by CPU second |\n|---|---|---|---|---|---|\n";
    for (name, own) in names.iter().zip(rounds) {
        let column = |of: fn(&Round) -> f64| Spread::of(own.iter().map(of));
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} |",
            cell(column(|round| round.per_cpu_second), 0),
            cell(column(|round| round.per_second), 0),
            cell(column(|round| round.lost), 4),
            cell(column(|round| round.resident_bytes as f64 / f64::from(1 << 20)), 1),
            cell(ratios(&rounds[0], own).filter(|_| *name != names[0]), 2),
        );
    }
    text
}

fn report(names: &[&str], rounds: &[Vec<Round>]) -> Value {
    let of = |(name, own): (&&str, &Vec<Round>)| {
        let row = |round: &Round| json!({"per_cpu_second": round.per_cpu_second, "per_second": round.per_second, "lost": round.lost, "resident_bytes": round.resident_bytes});
        json!({"server": name, "rounds": own.iter().map(row).collect::<Vec<_>>(), "ratio": ratios(&rounds[0], own).map(Spread::json)})
    };
    Value::Array(names.iter().zip(rounds).map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dnsperf_says_is_read_and_compared() {
        let said = "  Queries sent:         100\n  Queries completed:    90 (90.00%)\n  Queries per second:   45.5\n";
        assert_eq!(number_behind(said, "Queries completed:"), Some(90.0));
        assert_eq!(number_behind(said, "Queries per second:"), Some(45.5));
        assert_eq!(number_behind(said, "Queries lost:"), None);
        let round =
            |per_cpu_second| Round { per_cpu_second, per_second: 1.0, lost: 0.0, resident_bytes: 1 << 20 };
        let rounds = [vec![round(10.0), round(30.0)], vec![round(10.0), round(10.0)]];
        assert_eq!(ratios(&rounds[0], &rounds[1]).map(|spread| spread.median), Some(2.0));
        let text = markdown(&["bole", "peer"], &rounds);
        assert!(text.contains("| peer | 10 (10–10) |") && text.contains("| 2.00 (1.00–3.00) |"), "{text}");
    }
}
