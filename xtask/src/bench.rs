//! `cargo xtask bench NAME`: a side-by-side run of `bench/`, built for release. What follows the name goes to the
//! benchmark; `cargo xtask bench NAME --help` tells its options.

use crate::process;
use crate::server::{self, Profile};
use anyhow::Result;

/// Options of `cargo xtask bench`.
#[derive(Debug, Clone, clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// Measure the `profiling` build, which is quick to build again, in place of the release build
    #[arg(long)]
    pub profiling: bool,
    /// Which benchmark, and its options
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
    pub arguments: Vec<String>,
}

/// Options with which a benchmark does not start Bole.
const WITHOUT_BOLE: &[&str] = &["--peer-only", "--help", "--self", "--list", "--addr-bole"];

/// Builds Bole for release, unless it takes no part, and runs the benchmark of the same build.
pub fn run(args: &Args) -> Result<()> {
    let without_bole =
        args.arguments.first().is_some_and(|name| ["dns", "ordered", "wal"].contains(&name.as_str()))
            || args.arguments.iter().any(|argument| WITHOUT_BOLE.contains(&argument.as_str()));
    let profile = if args.profiling { Profile::Profiling } else { Profile::Release };
    if !without_bole {
        server::build_bole(profile)?;
    }
    let mut cargo = process::cargo();
    cargo.args(["run", "-q", "--profile", profile.folder(), "-p", "bole-bench", "--"]).args(&args.arguments);
    process::run(&mut cargo)
}
