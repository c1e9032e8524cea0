//! `cargo xtask test`: all tests of the workspace, then the real clients, then the Tair cases when they are present.

use crate::{conformance, process, tair};
use anyhow::Result;

/// Options of `cargo xtask test`.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Only the tests of the workspace: no clients are fetched, nothing is started
    #[arg(long)]
    pub offline: bool,
}

/// Runs everything and stops at the first failure.
pub fn run(args: &Args) -> Result<()> {
    process::run(process::cargo().args(["test", "--workspace", "--no-fail-fast"]))?;
    if args.offline {
        return Ok(());
    }
    conformance::keyspace::run(&conformance::keyspace::Args::default())?;
    conformance::streams::run_in_tests()?;
    conformance::schemas::run_in_tests()?;
    conformance::sql::run_in_tests()?;
    conformance::blobs::run_in_tests()?;
    if process::installed("npm") {
        conformance::gateway::run_in_tests()?;
        conformance::cdn::run(&conformance::cdn::Args::default())?;
    } else {
        println!("clients of the gateway and its cache: skipped, because `npm` is not installed");
    }
    conformance::dns::run(&conformance::dns::Args::default())?;
    tair::run(&tair::Args { addr: None, cases: None, family: None, threshold: 95.0, json: false })
}
