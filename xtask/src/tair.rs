//! `cargo xtask tair`: the Tair compatibility cases for Redis, as rows of one test.
//!
//! A case is a list of commands and the reply that each must give. It runs on a connection of its own after a
//! FLUSHALL. Cases for a cluster are left out. Each case has a family, and is in scope or not, by the table in
//! `conformance/keyspace/families.json`; the score counts every case in scope, so a refused command is a failure.

pub mod cases;
mod families;
mod report;

use crate::resp::Connection;
use crate::server::TemporaryBole;
use anyhow::{Context, Result, bail};
use cases::{Case, Outcome};
use families::Families;
use report::Report;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long one reply may take; the longest blocking command of the cases waits 3.14 s.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);
/// Where the cases are when nothing else is said, from the repository's root.
const DEFAULT_CASES: &str = "../shared/data/tair-cts.json";

/// Options of `cargo xtask tair`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// A running server to test, HOST:PORT; its data is flushed. Starts a Bole node when absent
    #[arg(long)]
    pub addr: Option<String>,
    /// The file with the cases
    #[arg(long, env = "BOLE_TAIR_CASES")]
    pub cases: Option<PathBuf>,
    /// Run only families whose name contains this
    #[arg(long)]
    pub family: Option<String>,
    /// Share of the cases in scope that must pass, in percent
    #[arg(long, default_value_t = 95.0)]
    pub threshold: f64,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs the cases; fails when too few of those in scope pass. A missing file of cases is a message, not a failure.
pub fn run(args: &Args) -> Result<()> {
    let path = args.cases.clone().unwrap_or_else(|| crate::process::repository().join(DEFAULT_CASES));
    if !path.is_file() {
        println!("tair: skipped, because {} does not exist; name the file with --cases", path.display());
        return Ok(());
    }
    if let Some(address) = &args.addr {
        return judge(resolve(address)?, &path, args);
    }
    let bole = TemporaryBole::start("tair")?;
    let judged = judge(bole.keyspace(), &path, args);
    bole.still_runs().and(judged)
}

/// The first address that `HOST:PORT` means.
pub fn resolve(address: &str) -> Result<SocketAddr> {
    let mut found = address.to_socket_addrs().with_context(|| format!("not HOST:PORT: {address:?}"))?;
    found.next().with_context(|| format!("{address:?} has no address"))
}

fn judge(server: SocketAddr, path: &Path, args: &Args) -> Result<()> {
    let families = Families::load()?;
    let mut report = Report::default();
    for case in cases::load(path)? {
        let place = families.place(&case)?;
        if args.family.as_ref().is_some_and(|wanted| !place.family.contains(wanted.as_str())) {
            continue;
        }
        let outcome = run_case(server, &case)?;
        report.add(&case, &place, outcome);
    }
    if args.json {
        println!("{:#}", report.json());
    } else {
        print!("{report}");
    }
    let share = report.share_in_scope();
    if share < args.threshold {
        bail!("{share:.1} % of the cases in scope pass; at least {} % must", args.threshold);
    }
    Ok(())
}

fn run_case(server: SocketAddr, case: &Case) -> Result<Outcome> {
    let mut connection = Connection::open(server, REPLY_TIMEOUT)?;
    let flushed = connection.call(&["FLUSHALL"])?;
    if flushed != crate::resp::Reply::Simple(b"OK".to_vec()) {
        bail!("FLUSHALL answered {flushed}");
    }
    Ok(case.run(&mut connection))
}
