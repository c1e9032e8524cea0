//! `cargo xtask study NAME`: a simulated study of `bench/study/`, built for release. What follows the name goes to the study.

use crate::process;
use anyhow::Result;

/// Options of `cargo xtask study`.
#[derive(Debug, Clone, clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// Which study, and its options
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
    pub arguments: Vec<String>,
}

/// Runs the study.
pub fn run(args: &Args) -> Result<()> {
    let mut cargo = process::cargo();
    cargo.args(["run", "-q", "--release", "-p", "bole-study", "--"]).args(&args.arguments);
    process::run(&mut cargo)
}
