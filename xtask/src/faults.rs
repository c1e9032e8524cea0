//! `cargo xtask study faults`: a real node's gateway under load while its instances, processes of their own, are killed, hung, slowed, added,
//! drained and restarted, its document is replaced and it is stopped; and what each way to balance makes of a slow instance.
//!
//! The troubles are `bole-testing`'s (`storm`); a small run of them is among the tests of `bole`.

use crate::process;
use crate::server::{Ports, Profile, Server, Settings, build_bole, start_bole, wait_for};
use anyhow::{Context, Result, bail, ensure};
use bole_testing::storm::instance::{self, Program};
use bole_testing::storm::load::Load;
use bole_testing::storm::report;
use bole_testing::storm::stage::{Setup, Stage};
use bole_testing::storm::trouble::{self, Trouble};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The algorithms of the gateway.
const ALGORITHMS: [&str; 9] = [
    "round-robin",
    "weighted",
    "least-requests",
    "random-of-two",
    "peak-ewma",
    "ring-hash",
    "maglev",
    "bounded-load",
    "sticky",
];

const BEGIN: &str = "<!-- figures: written by `cargo xtask study faults` -->";
const END: &str = "<!-- end of figures of faults -->";

/// Options of `cargo xtask study faults`.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "cargo xtask study faults")]
pub struct Args {
    /// Requests a second
    #[arg(long, default_value_t = 400.0)]
    rate: f64,
    /// Seconds before and after each trouble
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Requests that may be under way
    #[arg(long, default_value_t = 48)]
    connections: usize,
    /// Which build of Bole: debug, release or profiling
    #[arg(long, default_value = "release")]
    profile: String,
    /// Take the binary that is there
    #[arg(long)]
    no_build: bool,
    /// Only the troubles, or only the algorithms
    #[arg(long, value_parser = ["troubles", "algorithms"])]
    only: Option<String>,
    /// Write the tables into this page, between its marks
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// Options of an instance, which the study starts as a process of its own.
#[derive(Debug, Clone, clap::Args)]
pub struct InstanceArgs {
    /// NAME LISTEN WORKERS MICROSECONDS
    arguments: Vec<String>,
}

/// Is an instance until it is killed.
pub fn instance(args: &InstanceArgs) -> Result<()> {
    match instance::serve(&instance::Settings::read(&args.arguments)?)? {}
}

/// Runs the study.
pub fn run(args: &Args) -> Result<()> {
    let profile = match args.profile.as_str() {
        "debug" => Profile::Debug,
        "release" => Profile::Release,
        "profiling" => Profile::Profiling,
        other => bail!("there is no build {other:?}; there are debug, release and profiling"),
    };
    ensure!(
        args.rate >= 1.0 && args.seconds >= 1 && args.connections >= 1,
        "every number must be at least 1"
    );
    if !args.no_build {
        build_bole(profile)?;
    }
    let wants = |what: &str| args.only.as_ref().is_none_or(|only| only == what);
    let mut tables = String::new();
    if wants("troubles") {
        tables.push_str(&troubles(args, profile)?);
    }
    if wants("algorithms") {
        tables.push_str(&algorithms(args, profile)?);
    }
    println!("{tables}");
    args.write.as_ref().map_or(Ok(()), |page| write(page, &tables))
}

/// A node with nothing in it.
struct Node {
    server: Server,
    gateway: SocketAddr,
    admin: SocketAddr,
    _data: tempfile::TempDir,
}

impl Node {
    fn start(profile: Profile) -> Result<Self> {
        let (data, ports) = (tempfile::tempdir()?, Ports::free()?);
        let log = process::target_dir().join("study-faults.log");
        let settings = Settings { log: Some(log), ..Settings::default() };
        let server = start_bole(profile, &data.path().join("data"), ports, &settings)?;
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (gateway, admin) = (local(ports.gateway), local(ports.admin));
        wait_for(gateway)?;
        wait_for(admin)?;
        Ok(Self { server, gateway, admin, _data: data })
    }

    fn stage(&self, setup: Setup) -> Result<Stage> {
        let arguments = vec!["instance".into()];
        let program = Program { program: std::env::current_exe()?, arguments, variable: None };
        Ok(Stage::open((self.gateway, self.admin), program, setup)?)
    }
}

fn load(args: &Args, gateway: SocketAddr, rate: f64) -> Load {
    Load {
        server: gateway,
        paths: Stage::paths(),
        rate,
        connections: args.connections,
        requests: (rate * args.seconds as f64 * 3.0) as u64,
        patience: Duration::from_secs(30),
    }
}

fn troubles(args: &Args, profile: Profile) -> Result<String> {
    let node = Node::start(profile)?;
    let setup = Setup {
        algorithm: "peak-ewma".to_owned(),
        first_byte: Duration::from_secs(1),
        instances: 5,
        workers: 4,
        work: Duration::from_millis(10),
    };
    let (instances, workers) = (setup.instances, setup.workers);
    let mut stage = node.stage(setup)?;
    let load = load(args, node.gateway, args.rate);
    let mut table = format!(
        "### What happens to requests while instances fail\n\n{} requests a second over {} connections, half of them POST; {instances} instances work on {workers} at a \
         time for 10 ms.\n\n{}",
        args.rate,
        args.connections,
        report::HEAD
    );
    let mut too_many = Vec::new();
    for trouble in Trouble::ALL {
        let course = trouble::run(&mut stage, &load, trouble).with_context(|| trouble.name())?;
        let row = report::row(&course);
        print!("{row}");
        table.push_str(&row);
        let ((gets, posts), most) = (course.failures(), trouble.failures_max(args.connections));
        if gets > most.0 || posts > most.1 {
            too_many.push(format!("{}: {gets} GET and {posts} POST, of {most:?}", trouble.name()));
        }
    }
    let Node { server, .. } = node;
    let ended = trouble::run_to_the_end(&stage, &load, || {
        drop(server);
        Ok(())
    })?;
    let _ = writeln!(
        table,
        "\nThe node was stopped (SIGTERM) under the same load: its instances answered {} requests, its clients got {} answers; {} requests broke off otherwise.\n",
        ended.served,
        ended.answered(),
        ended.broken().len()
    );
    ensure!(too_many.is_empty(), "more requests failed than may: {too_many:?}\n{table}");
    Ok(table)
}

fn algorithms(args: &Args, profile: Profile) -> Result<String> {
    let node = Node::start(profile)?;
    let setup = Setup {
        algorithm: "peak-ewma".to_owned(),
        first_byte: Duration::from_secs(10),
        instances: 10,
        workers: 2,
        work: Duration::from_millis(25),
    };
    let mut stage = node.stage(setup)?;
    // Sixty of a hundred that they can do.
    let rate = 0.6 * 10.0 * 2.0 / 0.025;
    let load = Load { connections: 256, patience: Duration::from_secs(1), ..load(args, node.gateway, rate) };
    let mut table = format!(
        "### A slow instance of ten, real ones\n\n{rate} requests a second; each instance works on two at a time for 25 ms, one of them for 250 ms. Clients wait for a second.\n\n\
         | algorithm | p50 ms | p99 ms | p99.9 ms | failed % | all well: p50 ms | p99 ms |\n|---|---|---|---|---|---|---|\n"
    );
    for algorithm in ALGORITHMS {
        algorithm.clone_into(&mut stage.setup.algorithm);
        stage.apply()?;
        stage.wait_until_well()?;
        let well = load.clone().start().finish();
        stage.instance("i2")?.set_work(stage.setup.work * 10)?;
        let samples = load.clone().start().finish();
        stage.instance("i2")?.set_work(stage.setup.work)?;
        // What came before it had slowed down, or before that was seen, is left out: the first tenth.
        let from = Duration::from_secs_f64(load.requests as f64 / rate / 10.0);
        let at = |samples: &[_], share| {
            let took = report::percentile(samples, &(from..Duration::MAX), share).unwrap_or_default();
            format!("{:.1}", took.as_secs_f64() * 1e3)
        };
        let failed = samples.iter().filter(|sample| !sample.is_good()).count();
        let row = format!(
            "| {algorithm} | {} | {} | {} | {:.2} | {} | {} |\n",
            at(&samples, 0.5),
            at(&samples, 0.99),
            at(&samples, 0.999),
            failed as f64 * 100.0 / samples.len() as f64,
            at(&well, 0.5),
            at(&well, 0.99),
        );
        print!("{row}");
        table.push_str(&row);
    }
    table.push('\n');
    Ok(table)
}

fn write(page: &Path, tables: &str) -> Result<()> {
    let text = std::fs::read_to_string(page).with_context(|| format!("{}", page.display()))?;
    let (Some(begin), Some(end)) = (text.find(BEGIN), text.find(END)) else {
        bail!("{} has no lines {BEGIN} and {END}", page.display());
    };
    let written = format!("{}{BEGIN}\n\n{tables}{}", &text[..begin], &text[end..]);
    std::fs::write(page, written).with_context(|| format!("{}", page.display()))
}
