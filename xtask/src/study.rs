//! `cargo xtask study NAME`: a simulated study of `bench/study/`, built for release, or the one with real processes ([`faults`]). What follows the name
//! goes to the study.

use crate::{faults, process};
use anyhow::Result;
use clap::Parser as _;

/// Options of `cargo xtask study`.
#[derive(Debug, Clone, clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// Which study (`faults`, or one of those that `--help` names), and its options
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
    pub arguments: Vec<String>,
}

/// Runs the study.
pub fn run(args: &Args) -> Result<()> {
    if args.arguments.first().is_some_and(|name| name == "faults") {
        return match faults::Args::try_parse_from(&args.arguments) {
            Ok(args) => faults::run(&args),
            Err(error) => error.exit(),
        };
    }
    let mut cargo = process::cargo();
    cargo.args(["run", "-q", "--release", "-p", "bole-study", "--"]).args(&args.arguments);
    process::run(&mut cargo)
}
